"""How long what a planner imagines stays right: the divergence horizon of a world."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from agents.imagination import private_world, roll_out, seen_world
from benchmarks.episodes import truth
from benchmarks.episodes.records import EpisodeRecord
from benchmarks.episodes.workshop import Workshop
from envs.draws import CONTEXT
from envs.episodes import episode_keys, policy_keys, world_keys
from envs.vector import WorldVectorEnv
from worldsim.metrics.survival import Survival, kaplan_meier


@dataclass(frozen=True)
class Horizon:
    """Frames until half of the episodes have parted from the truth, with the ends of the 95 % interval: where
    those of Kaplan and Meier's curve cross one half. None where they do not within the task's horizon."""

    median: float | None
    low: float | None
    high: float | None
    n: int

    @classmethod
    def of(cls, survival: Survival) -> "Horizon":
        """From a curve over frames."""

        def crosses(share: np.ndarray) -> float | None:
            below = np.flatnonzero(share <= 0.5 + 1e-12)
            return float(survival.time[below[0]]) if len(below) else None

        return cls(crosses(survival.share), crosses(survival.low), crosses(survival.high), survival.n)


def horizon(name: str, episodes: Sequence[EpisodeRecord], workshop: Workshop) -> Horizon:
    """The divergence horizon of the world `name` over what was done in some episodes of one task and level.

    All are watched up to the task's horizon, with no further action where they ended before: success ends an
    episode, so that its end would say something about when the world would have parted.
    """
    frames = workshop.task(episodes[0].task).frames
    parted = partings(name, episodes, workshop)
    times = [frames if frame is None else frame for frame in parted]
    return Horizon.of(kaplan_meier(times, [frame is not None for frame in parted]))


def partings(name: str, episodes: Sequence[EpisodeRecord], workshop: Workshop) -> list[int | None]:
    """After how many frames of each episode, all of one task and level, the world `name` has parted from the
    truth, None where it never does up to the task's horizon.

    The world begins as a planner's does, from tracked context frames, and goes through the episode's actions;
    after its end nothing more is done.
    It has parted at the first frame at which a dynamic body is farther from where it is in the executing
    engine than the task's tolerance, or is lost.
    """
    task, level, engine = workshop.task(episodes[0].task), episodes[0].level, episodes[0].world
    starts = [task.sample(level, r.start_id) for r in episodes]
    actions = np.stack([truth.per_frame(task, r.actions) for r in episodes])
    true = truth.states(engine, starts, actions, CONTEXT)[:, CONTEXT:]
    track_of = _imagined(name, task.name, level, engine, starts, actions, workshop)
    moving, found = truth.dynamic(task), []
    for position, status, states in zip(*track_of, true):
        when = truth.parting(position, status, states, moving, task.tolerance)
        found.append(None if when is None else when + 1)
    return found


def _imagined(
    name: str,
    task_name: str,
    level: str,
    engine: str,
    starts: Sequence,
    actions: np.ndarray,
    workshop: Workshop,
) -> tuple[np.ndarray, np.ndarray]:
    """Tracked positions [N, T, B, 2] m and status [N, T, B] of what a world shows of actions [N, T, A]."""
    task = workshop.task(task_name)
    world = workshop.world(engine, task)
    env = WorldVectorEnv(task, world, num_envs=len(starts), level=level, autoreset_mode="Disabled")
    keys = episode_keys(starts)
    env.reset(options={"starts": list(starts), "keys": world_keys(keys)})
    where = seen_world(private_world(workshop.world(name, task), task, level), task)
    with torch.no_grad():
        tracks = roll_out(where, env.observe().to(where.device), policy_keys(keys), actions[:, None])[1:]
    position, status = (torch.stack([getattr(t, f) for t in tracks], 1) for f in ("position", "status"))
    return position.cpu().numpy(), status.cpu().numpy()
