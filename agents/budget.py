"""How much a planner may imagine: candidates for each plan of an episode, within a number of frames."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

from agents.refits.base import Settings
from envs.base import Task

Plans = dict[int, tuple[int, ...]]  #: candidates of each iteration, by the frame at which the plan is made
S = TypeVar("S", bound=Settings)

FINER = 0.99  #: factor from a scale that does not fit to the next one tried


def price(counts: Sequence[int], slopes: bool = False) -> int:
    """Frames that a plan costs for each frame of its horizon; those imagined with slopes count twice.

    The last iteration needs no slopes.
    """
    return sum(counts) + (sum(counts[:-1]) if slopes else 0)


def cost(task: Task, config: Settings, plans: Plans, slopes: bool = False) -> int:
    """Frames that the plans of an episode cost in the worst case: it never ends early."""
    return sum(price(n, slopes) * min(config.horizon, task.frames - t) for t, n in plans.items())


def wanted(task: Task, config: Settings) -> Plans:
    """The plans of an episode as the settings want them, whatever they cost."""
    moments = range(0, task.frames, max(config.replan_every, task.stride))
    return {t: config.refresh if t else config.candidates for t in moments}


def schedule(task: Task, config: Settings, slopes: bool = False) -> Plans:
    """Candidates of each iteration for a plan made at each frame of an episode.

    Counts are cut in proportion until the worst case stays within `max_frames`. A plan keeps a candidate in
    each of its iterations, for the last one may be all that is executed; a plan of which nothing would be
    left is not made. Raises ValueError where not even two candidates of a fresh plan fit.
    """
    return _fitted(task, config, wanted(task, config), config.max_frames, slopes, most=1.0)


def budgeted(task: Task, config: S, frames: int, slopes: bool = False) -> S:
    """The settings with counts scaled, up or down, so that the worst case is `frames` or a little less.

    Planners are compared at equal budgets by it. All counts are scaled in proportion: those of plans made on
    the way to the nearest whole ones, those of the fresh plan to what is left, and its first iteration takes
    the rest. Raises ValueError where not even two candidates of a fresh plan fit.
    """
    changed: Any = replace(config, max_frames=frames)  # type: ignore[type-var]
    want = wanted(task, config)
    scale = frames / cost(task, config, want, slopes)
    refresh = tuple(max(1, round(n * scale)) for n in config.refresh)
    left = max(0, frames - cost(task, config, {t: refresh for t in want if t}, slopes))
    fresh = _fitted(task, changed, {0: config.candidates}, left, slopes)
    first, *others = fresh[0]
    each = min(config.horizon, task.frames) * (2 if slopes and others else 1)
    first += (left - cost(task, config, fresh, slopes)) // each
    return replace(changed, candidates=(first, *others), refresh=refresh)


def _fitted(
    task: Task, config: Settings, want: Plans, frames: int, slopes: bool, most: float = math.inf
) -> Plans:
    """Plans scaled, by `most` at most, until they cost no more than `frames`."""
    worst = cost(task, config, want, slopes)
    scale = min(most, frames / worst)
    plans = _scaled(want, scale)
    while cost(task, config, plans, slopes) > frames:
        scale *= FINER
        plans = _scaled(want, scale)
    if not plans[0] or plans[0][0] < 2:
        raise ValueError(
            f"max_frames={config.max_frames} leaves fewer than two candidates for {task.name}; "
            f"raise it or imagine less (the settings want {worst} frames)"
        )
    return plans


def _scaled(plans: Plans, scale: float) -> Plans:
    """Plans with other numbers of candidates, none where hardly one would be left."""
    return {
        t: tuple(max(1, int(n * scale)) for n in counts) if int(max(counts) * scale) else ()
        for t, counts in plans.items()
    }
