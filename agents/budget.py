"""How much a planner may imagine: candidates for each plan of an episode, within a number of frames."""

from collections.abc import Sequence

from agents.refits.base import Settings
from envs.base import Task


def price(counts: Sequence[int], slopes: bool = False) -> int:
    """Frames that a plan costs for each frame of its horizon; those imagined with slopes count twice.

    The last iteration needs no slopes.
    """
    return sum(counts) + (sum(counts[:-1]) if slopes else 0)


def schedule(task: Task, config: Settings, slopes: bool = False) -> dict[int, tuple[int, ...]]:
    """Candidates of each iteration for a plan made at each frame of an episode.

    Counts are cut in proportion until the worst case, an episode that never ends early, stays within
    `max_frames`. Raises ValueError where not even two candidates of a fresh plan fit.
    """
    moments = range(0, task.frames, max(config.replan_every, task.stride))
    wanted = {t: config.refresh if t else config.candidates for t in moments}
    worst = sum(price(counts, slopes) * min(config.horizon, task.frames - t) for t, counts in wanted.items())
    scale = min(1.0, config.max_frames / worst)
    plan = {t: tuple(n for c in counts if (n := int(c * scale)) > 0) for t, counts in wanted.items()}
    if not plan[0] or plan[0][0] < 2:
        raise ValueError(
            f"max_frames={config.max_frames} leaves fewer than two candidates for {task.name}; "
            f"raise it or imagine less (the settings want {worst} frames)"
        )
    return plan
