"""One shard: a folder with `clips.safetensors` and `meta.json`.

`clips.safetensors` holds `states` [N, T, B, 6] float64, `present` [N, T, B] bool and `actions` [N, T-1, A]
float64; action t leads from frame t to frame t + 1. `meta.json` holds the format, the specification, the
shard's index, the number of rejected draws, the scenes and the SHA-256 of the arrays. It is written under a
temporary name and renamed, so that a reader never meets half of one.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from worldsim.scenes import Scene, Trajectory

FORMAT = 1
SHARD_SIZE = 1000  #: clips in every shard but the last
ARRAYS, META = "clips.safetensors", "meta.json"


@dataclass(frozen=True)
class ClipSpec:
    """What the bytes of a shard depend on, together with its index and its number of clips."""

    scenario: str
    level: str
    engine: str
    frames: int
    seed: int


@dataclass(frozen=True)
class Clips:
    """N clips: `scenes` at t = 0, the `trajectory` and the `actions` [N, T-1, A] that led to it.

    `rejected` draws did not belong to the level and were drawn again.
    """

    spec: ClipSpec
    index: int
    scenes: Sequence[Scene]
    trajectory: Trajectory
    actions: np.ndarray
    rejected: int

    def __len__(self) -> int:
        return len(self.scenes)


def shard_path(folder: str | Path, index: int) -> Path:
    """Where the shard of this index lies."""
    return Path(folder) / f"shard-{index:05d}"


def write_shard(folder: str | Path, clips: Clips) -> Path:
    """Write one shard and return its path. Raises FileExistsError when there is one already."""
    path = shard_path(folder, clips.index)
    if path.exists():
        raise FileExistsError(
            f"{path} exists already and is not overwritten; remove it or write to another folder"
        )
    arrays = save(
        {"states": clips.trajectory.states, "present": clips.trajectory.present, "actions": clips.actions}
    )
    meta = {
        "format": FORMAT,
        "spec": asdict(clips.spec),
        "index": clips.index,
        "rejected": clips.rejected,
        "sha256": hashlib.sha256(arrays).hexdigest(),
        "scenes": [scene.to_dict() for scene in clips.scenes],
    }
    unfinished = path.with_name(f".{path.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)  # left by a run that was killed
    unfinished.mkdir(parents=True)
    _write(unfinished / ARRAYS, arrays)
    _write(unfinished / META, json.dumps(meta, allow_nan=False).encode())
    os.rename(unfinished, path)
    return path


def read_shard(path: str | Path) -> Clips:
    """The clips of one shard. Raises ValueError, naming the shard, when it is damaged or something else."""
    path = Path(path)
    meta, arrays = read_meta(path), _read_bytes(path / ARRAYS)
    if hashlib.sha256(arrays).hexdigest() != meta["sha256"]:
        raise ValueError(
            f"{path / ARRAYS} is truncated or altered: it does not have the checksum in {META}; {_CURE}"
        )
    try:
        tensors = load(arrays)
        clips = Clips(
            spec=ClipSpec(**meta["spec"]),
            index=meta["index"],
            scenes=tuple(Scene.from_dict(scene) for scene in meta["scenes"]),
            trajectory=Trajectory(tensors["states"], tensors["present"]),
            actions=tensors["actions"],
            rejected=meta["rejected"],
        )
    except (SafetensorError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not a clip shard: {error!r}; {_CURE}") from error
    expected = (len(clips), clips.spec.frames, max(len(scene.bodies) for scene in clips.scenes), 6)
    if clips.trajectory.states.shape != expected:
        raise ValueError(f"{path} has states {clips.trajectory.states.shape}; expected {expected}; {_CURE}")
    return clips


def check_shard(path: str | Path, spec: ClipSpec, index: int, size: int) -> None:
    """Raise ValueError, naming the shard, unless it is whole and is the one that would be written."""
    clips = read_shard(path)
    found = asdict(clips.spec) | {"index": clips.index, "clips": len(clips)}
    wanted = asdict(spec) | {"index": index, "clips": size}
    if found != wanted:
        differ = "; ".join(f"{k} {found[k]}, not {v}" for k, v in wanted.items() if found[k] != v)
        raise ValueError(f"{path} belongs to another run ({differ}); {_CURE}")


def read_meta(path: str | Path) -> dict[str, Any]:
    """The contents of `meta.json`. Raises ValueError, naming the file, when it is not one of this format."""
    file = Path(path) / META
    try:
        meta = json.loads(_read_bytes(file))
        version = meta["format"]
        missing = {"spec", "index", "rejected", "sha256", "scenes"} - set(meta)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file} is not the description of a clip shard: {error!r}; {_CURE}") from error
    if version != FORMAT or missing:
        raise ValueError(
            f"{file} has format {version!r} and lacks {sorted(missing)}; expected format {FORMAT}"
        )
    return meta


_CURE = "nothing was overwritten; remove it to have it made again, or choose another folder"


def _read_bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ValueError(f"{file.parent} is not a clip shard: it has no {file.name}; {_CURE}") from error


def _write(file: Path, data: bytes) -> None:
    with open(file, "wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
