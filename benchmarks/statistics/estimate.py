"""A value with its interval, and the checks that every statistic begins with."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

LEVEL = 0.95
RESAMPLES = 10_000

Labels = Sequence[int] | Sequence[str] | np.ndarray  #: one label per row; equal labels belong together


@dataclass(frozen=True)
class Estimate:
    """A value with its two-sided interval and the number of independent units behind it.

    Where `n` units are too few for an interval, `needed` says how many it takes and the ends are NaN.
    """

    value: float
    low: float
    high: float
    n: int
    needed: int | None = None

    @classmethod
    def without_interval(cls, value: float, n: int, needed: int | None = None) -> "Estimate":
        """A value of which no interval can be told; `needed` units would do, if it is that."""
        return cls(value, math.nan, math.nan, n, needed)

    def row(self) -> dict[str, float | int | None]:
        """The four value columns of a result row; None where there is no interval."""
        low, high = (None if math.isnan(end) else end for end in (self.low, self.high))
        return {"value": self.value, "low": low, "high": high, "n": self.n}

    def __str__(self) -> str:
        if self.needed is not None:
            return f"{self.value:.2f} [{self.n} units, an interval needs {self.needed}]"
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


def units_needed(level: float = LEVEL) -> int:
    """The least number of units for which a bootstrap interval is given: 6 at 95 %.

    A percentile interval never reaches beyond the sample, and the range of n independent values misses
    their median with probability 2^(1-n) (David and Nagaraja 2003, "Order Statistics", section 7.1): with
    fewer units even the whole sample would cover less often than the interval claims.
    """
    return math.ceil(1 - math.log2(1 - level))


def flags(outcomes: ArrayLike) -> np.ndarray:
    """Outcomes [N] as bool. Raises ValueError unless there is at least one and all are 0 or 1."""
    outcomes = np.asarray(outcomes)
    if outcomes.ndim != 1 or not len(outcomes) or not np.isin(outcomes, (0, 1)).all():
        raise ValueError(f"outcomes of shape {outcomes.shape} are not at least one success or failure each")
    return outcomes.astype(bool)


def numbers(values: ArrayLike, name: str = "values", ndim: int = 1) -> np.ndarray:
    """Finite float64 numbers. Raises ValueError, naming them, where there is none, or not all are finite."""
    found = np.asarray(values, dtype=np.float64)
    if found.ndim != ndim or not found.size or not np.isfinite(found).all():
        raise ValueError(
            f"{name} of shape {found.shape} have no mean; expected finite numbers in {ndim} axes"
        )
    return found


def probabilities(values: ArrayLike, name: str) -> np.ndarray:
    """Numbers [N] in [0, 1]. Raises ValueError, naming them, where they are none."""
    found = numbers(values, name)
    if found.min() < 0 or found.max() > 1:
        raise ValueError(f"{name} lie between {found.min():g} and {found.max():g}; expected values in [0, 1]")
    return found


def same_length(first: np.ndarray, second: np.ndarray) -> None:
    """Raise ValueError unless two samples are paired."""
    if len(first) != len(second):
        raise ValueError(f"{len(first)} and {len(second)} outcomes are not paired; expected equal numbers")


def pair(first: ArrayLike, second: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Two samples of outcomes on the same instances, as bool. Raises ValueError unless they are paired."""
    one, two = flags(first), flags(second)
    same_length(one, two)
    return one, two


def percentiles(drawn: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the percentile interval over the first axis of draws [R, ...]; they are draws themselves."""
    tail = 50 * (1 - level)
    low, high = np.percentile(drawn, [tail, 100 - tail], axis=0, method="closest_observation")
    return low, high
