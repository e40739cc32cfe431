"""When a model's picture of what an agent did leaves what Box2D did, episode by episode."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks import results_io, truth
from benchmarks.errors import SCENARIO
from benchmarks.open_loop import CONTEXT
from benchmarks.records import EpisodeRecord, digest
from envs.base import Task
from worldsim.metrics.rollouts import BATCH, Clips, roll_out
from worldsim.models import WorldModel, load_model
from worldsim.tracking import Tracker, track_clip


def kept(
    source: str, weights: str, task: Task, records: Sequence[EpisodeRecord], work: Path
) -> dict[int, int | None]:
    """`parted` of a model (its name or folder, and the hash of its weights), measured once and kept in
    `work`."""
    level = records[0].level
    path = work / f"{weights}-{task.name}-{level}-{digest(records)}.json"
    if not path.exists():
        results_io.write_text(path, json.dumps(parted(load_model(source), task, records)) + "\n")
    return {int(start): frame for start, frame in json.loads(path.read_text()).items()}


def parted(model: WorldModel, task: Task, records: Sequence[EpisodeRecord]) -> dict[int, int | None]:
    """By start: after how many frames the model's picture of the executed actions is farther from Box2D than
    the task's tolerance, None where it never is before the episode's end.

    The model is given the whole sequence of actions at once, after the context alone: open loop, on the
    actions of a closed one.
    """
    found: dict[int, int | None] = {}
    moving = truth.dynamic(task)
    for first in range(0, len(records), BATCH):
        some = records[first : first + BATCH]
        starts = [task.sample(r.level, r.start_id) for r in some]
        actions = np.stack([truth.per_frame(task, r.actions) for r in some])
        true = truth.states("box2d", starts, actions, CONTEXT)
        idle = np.zeros((len(some), CONTEXT - 1, actions.shape[-1]))
        scenes = [start.scene for start in starts]
        clips = Clips(SCENARIO[task.scenario], scenes, true, np.concatenate([idle, actions], 1))
        frames = roll_out(model, clips, first)
        track = track_clip(Tracker(task.template, frames.shape[-1]), frames, CONTEXT)
        for record, place, status, states in zip(some, track.position.numpy(), track.status.numpy(), true):
            until = CONTEXT + record.frames
            at = truth.parting(place[:until], status[:until], states[:until], moving, task.tolerance)
            found[record.start_id] = None if at is None else at - CONTEXT + 1
    return found
