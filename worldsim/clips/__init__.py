"""The clip store: states, actions and scenes of simulated clips; frames are rendered on demand.

A store is a folder of shards of 1,000 clips each. See `worldsim.clips.shards` for what a shard holds,
`worldsim.clips.generate` for how stores are made and `worldsim.clips.store` for how they are read.
"""

from worldsim.clips.generate import generate, simulate_shard
from worldsim.clips.shards import SHARD_SIZE, Clips, ClipSpec, read_shard, write_shard
from worldsim.clips.store import ClipStore

__all__ = [
    "SHARD_SIZE",
    "ClipSpec",
    "ClipStore",
    "Clips",
    "generate",
    "read_shard",
    "simulate_shard",
    "write_shard",
]
