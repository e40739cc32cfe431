"""Intervals for success rates, paired comparisons and means. All intervals are two-sided, 95 % by default."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

LEVEL = 0.95
RESAMPLES = 10_000


@dataclass(frozen=True)
class Estimate:
    """A value with its interval and the number of instances behind it."""

    value: float
    low: float
    high: float
    n: int

    def row(self) -> dict[str, float | int]:
        """The four value columns of a result row."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


def proportion(outcomes: ArrayLike, level: float = LEVEL) -> Estimate:
    """A success rate from outcomes [N] (bool) with its `wilson` interval. Raises ValueError when N = 0."""
    outcomes = _flags(outcomes)
    low, high = wilson(int(outcomes.sum()), len(outcomes), level)
    return Estimate(float(outcomes.mean()), low, high, len(outcomes))


def wilson(successes: int, n: int, level: float = LEVEL) -> tuple[float, float]:
    """Wilson's score interval (1927); at 0/n and n/n, where it is too short, Clopper and Pearson's (1934).

    Raises ValueError unless 0 <= successes <= n and n > 0.
    """
    if n <= 0 or not 0 <= successes <= n:
        raise ValueError(f"{successes} of {n} is no proportion; expected 0 <= successes <= n and n > 0")
    tail = (1 - level) / 2
    if successes == 0:  # the closed forms of Clopper and Pearson at the ends
        return 0.0, 1 - tail ** (1 / n)
    if successes == n:
        return tail ** (1 / n), 1.0
    z, p = float(stats.norm.isf(tail)), successes / n
    centre = p + z * z / (2 * n)
    half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return float((centre - half) / scale), float((centre + half) / scale)


def paired_difference(first: ArrayLike, second: ArrayLike, level: float = LEVEL) -> Estimate:
    """Difference first - second of two success rates on the same N instances, outcomes [N] (bool) each.

    Newcombe (1998), "Improved confidence intervals for the difference between binomial proportions based on
    paired data", method 10: score intervals of both rates, squared and added with a continuity-corrected
    correlation.
    """
    first, second = _pair(first, second)
    n = len(first)
    a, b = int((first & second).sum()), int((first & ~second).sum())
    c, d = int((~first & second).sum()), int((~first & ~second).sum())
    p, q = (a + b) / n, (a + c) / n
    (p_low, p_high), (q_low, q_high) = _score(a + b, n, level), _score(a + c, n, level)
    phi = _correlation(a, b, c, d)
    down = (p - p_low) ** 2 - 2 * phi * (p - p_low) * (q_high - q) + (q_high - q) ** 2
    up = (q - q_low) ** 2 - 2 * phi * (q - q_low) * (p_high - p) + (p_high - p) ** 2
    return Estimate(p - q, p - q - float(np.sqrt(down)), p - q + float(np.sqrt(up)), n)


def mcnemar(first: ArrayLike, second: ArrayLike) -> float:
    """Exact two-sided p value of McNemar's test (1947) that two paired success rates are equal."""
    first, second = _pair(first, second)
    b, c = int((first & ~second).sum()), int((~first & second).sum())
    return 1.0 if b + c == 0 else float(stats.binomtest(b, b + c, 0.5).pvalue)


def paired_ratio(
    numerator: ArrayLike,
    denominator: ArrayLike,
    clusters: Sequence[int] | np.ndarray | None = None,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """Ratio of two paired success rates, outcomes [N] each, with a percentile bootstrap interval.

    The unit that is drawn again is the start: rows with equal `clusters` [N] (samples or levels of one
    start) stay together. Draws with an empty denominator count as an infinite ratio. Where all starts are
    alike and no draw differs from another, the ends are those of the two rates' own intervals, divided. NaN
    when the denominator itself is zero.
    """
    first, second = _pair(numerator, denominator)
    sums = _cluster_sums(np.stack([first, second], axis=1).astype(float), clusters)  # [C, 2]
    drawn = _resampled(sums, resamples, seed)  # [R, 2]
    n = len(sums)
    if not second.any():
        return Estimate(float("nan"), float("nan"), float("nan"), n)
    ratios = np.where(drawn[:, 1] > 0, drawn[:, 0] / np.maximum(drawn[:, 1], 1e-300), np.inf)
    low, high = _percentiles(ratios, level)
    if low == high:
        rates = (wilson(round(float(rate) * n), n, level) for rate in (first.mean(), second.mean()))
        (low, above), (below, high) = rates
        low, high = low / high, above / below
    return Estimate(float(first.sum() / second.sum()), low, high, n)


def mean(
    values: ArrayLike,
    clusters: Sequence[int] | np.ndarray | None = None,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """Mean of values [N] with a percentile bootstrap interval over clusters.

    Raises ValueError without values or on NaN.
    """
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise ValueError(f"values of shape {values.shape} have no mean; expected at least one, all finite")
    sums = _cluster_sums(np.stack([values, np.ones_like(values)], axis=1), clusters)
    drawn = _resampled(sums, resamples, seed)
    low, high = _percentiles(drawn[:, 0] / drawn[:, 1], level)
    return Estimate(float(values.mean()), low, high, len(sums))


def _score(successes: int, n: int, level: float) -> tuple[float, float]:
    """Wilson's interval without the exception at the ends, as Newcombe's method is defined."""
    z, p = float(stats.norm.isf((1 - level) / 2)), successes / n
    half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    centre, scale = p + z * z / (2 * n), 1 + z * z / n
    return float((centre - half) / scale), float((centre + half) / scale)


def _correlation(a: int, b: int, c: int, d: int) -> float:
    """Correlation of a 2x2 table, pulled toward zero by n/2 when positive."""
    margins = float(a + b) * float(c + d) * float(a + c) * float(b + d)
    if margins == 0:
        return 0.0
    excess = float(a * d - b * c)
    if excess > 0:
        excess = max(excess - (a + b + c + d) / 2, 0.0)
    return float(excess / np.sqrt(margins))


def _cluster_sums(values: np.ndarray, clusters: Sequence[int] | np.ndarray | None) -> np.ndarray:
    """Sums [C, M] of values [N, M] within clusters [N]."""
    if clusters is None:
        return values
    names, index = np.unique(np.asarray(clusters), return_inverse=True)
    sums = np.zeros((len(names), values.shape[1]))
    np.add.at(sums, index, values)
    return sums


def _resampled(sums: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """Totals [R, M] over C clusters drawn with replacement from sums [C, M]."""
    count = len(sums)
    draws = np.random.Generator(np.random.Philox(key=seed)).multinomial(
        count, np.full(count, 1 / count), size=resamples
    )
    return draws @ sums


def _percentiles(values: np.ndarray, level: float) -> tuple[float, float]:
    tail = 50 * (1 - level)
    low, high = np.percentile(values, [tail, 100 - tail], method="closest_observation")
    return float(low), float(high)


def _flags(outcomes: ArrayLike) -> np.ndarray:
    outcomes = np.asarray(outcomes)
    if outcomes.ndim != 1 or not len(outcomes) or not np.isin(outcomes, (0, 1)).all():
        raise ValueError(f"outcomes of shape {outcomes.shape} are not at least one success or failure each")
    return outcomes.astype(bool)


def _pair(first: ArrayLike, second: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    first, second = _flags(first), _flags(second)
    if len(first) != len(second):
        raise ValueError(f"{len(first)} and {len(second)} outcomes are not paired; expected equal numbers")
    return first, second
