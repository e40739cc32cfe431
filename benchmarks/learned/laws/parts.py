"""Levels with other speeds, their fast and their slow clips apart.

Speeds out of distribution are drawn from a fast and from a slow band. Balls as slow as that are in the
training clips too wherever balls collide: an impact slows them down. None is ever as fast.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.learned import studies
from benchmarks.results_io import Row

if TYPE_CHECKING:
    from benchmarks.learned.laws.cell import Cell

LEVELS = ("speed1", "speed", "size1speed1", "both")  #: with speeds out of distribution


def make_rows(cell: "Cell", clips: Sequence[Mapping[str, Any]]) -> Iterator[Row]:
    """Velocity error of a cell's fast clips, in which a ball begins faster than any in training, and of the
    others, the slow ones; `clips` as its file tells them."""
    from benchmarks.statistics import mean

    if cell.level not in LEVELS:
        return
    fast = are_fast(cell.scenario, cell.level, cell.clips)
    errors = np.array([clip["error"] for clip in clips])
    where = {"scenario": cell.scenario, "level": cell.level, "model": cell.name}
    for factor, some in (("fast", errors[fast]), ("slow", errors[~fast])):
        if len(some):
            yield {**where, "factor": factor, "metric": "velocity_error", **mean(some).row()}


@cache
def are_fast(scenario: str, level: str, count: int) -> np.ndarray:
    """[M] bool, of the clips of a cell that are scored: a ball begins faster than any in training."""
    from benchmarks.learned.laws.cell import STREAM
    from worldsim.metrics.rollouts import make_clips
    from worldsim.metrics.scoring import scoring_mask
    from worldsim.scenarios.base import SPEED_CAP

    clips = make_clips(scenario, level, count, STREAM)
    mask = scoring_mask(clips.states, clips.scenes, after_impact=studies.after_impact(scenario))
    fastest = np.linalg.norm(clips.states[:, 0, :, 3:5], axis=-1).max(1)
    return (fastest > SPEED_CAP)[mask.flatten(1).any(1).numpy()]
