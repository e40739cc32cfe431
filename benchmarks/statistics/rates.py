"""Success rates, one by one and paired: score and exact intervals, differences, ratios, tests."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from benchmarks.statistics.estimate import (
    LEVEL,
    RESAMPLES,
    Estimate,
    Labels,
    flags,
    pair,
    percentiles,
    units_needed,
)
from benchmarks.statistics.resampling import cluster_sums, redrawn


def proportion(outcomes: ArrayLike, level: float = LEVEL) -> Estimate:
    """A success rate from outcomes [N] (bool) with its `wilson` interval. Raises ValueError when N = 0."""
    outcomes = flags(outcomes)
    low, high = map(float, wilson(int(outcomes.sum()), len(outcomes), level))
    return Estimate(float(outcomes.mean()), low, high, len(outcomes))


def wilson(successes: ArrayLike, n: ArrayLike, level: float = LEVEL) -> tuple[Any, Any]:
    """Wilson's score interval (1927); at 0/n and n/n, where it is too short, Clopper and Pearson's (1934).

    Numbers give numbers, arrays of the same shape give arrays. Raises ValueError unless
    0 <= successes <= n and n > 0.
    """
    k, total = _counts(successes, n)
    low, high = _score(k, total, level)
    exact_low, exact_high = clopper_pearson(k, total, level)
    end = (k == 0) | (k == total)
    return np.where(end, exact_low, low)[()], np.where(end, exact_high, high)[()]


def clopper_pearson(successes: ArrayLike, n: ArrayLike, level: float = LEVEL) -> tuple[Any, Any]:
    """Clopper and Pearson's exact interval (1934), by quantiles of the beta distribution.

    Shapes and errors as in `wilson`. It covers at least as often as it says, mostly more often.
    """
    k, total = _counts(successes, n)
    tail = (1 - level) / 2
    low = np.where(k == 0, 0.0, stats.beta.ppf(tail, np.maximum(k, 1), total - k + 1))
    high = np.where(k == total, 1.0, stats.beta.isf(tail, k + 1, np.maximum(total - k, 1)))
    return low[()], high[()]


def paired_difference(first: ArrayLike, second: ArrayLike, level: float = LEVEL) -> Estimate:
    """Difference first - second of two success rates on the same N instances, outcomes [N] (bool) each.

    Newcombe (1998), "Improved confidence intervals for the difference between binomial proportions based on
    paired data", method 10: score intervals of both rates, squared and added with a continuity-corrected
    correlation.
    """
    first, second = pair(first, second)
    n = len(first)
    a, b = int((first & second).sum()), int((first & ~second).sum())
    c, d = int((~first & second).sum()), int((~first & ~second).sum())
    p, q = (a + b) / n, (a + c) / n
    (p_low, p_high), (q_low, q_high) = (_score(k, n, level) for k in (a + b, a + c))
    phi = _correlation(a, b, c, d)
    down = (p - p_low) ** 2 - 2 * phi * (p - p_low) * (q_high - q) + (q_high - q) ** 2
    up = (q - q_low) ** 2 - 2 * phi * (q - q_low) * (p_high - p) + (p_high - p) ** 2
    return Estimate(p - q, p - q - float(np.sqrt(down)), p - q + float(np.sqrt(up)), n)


def mcnemar(first: ArrayLike, second: ArrayLike) -> float:
    """Exact two-sided p value of McNemar's test (1947) that two paired success rates are equal."""
    first, second = pair(first, second)
    b, c = int((first & ~second).sum()), int((~first & second).sum())
    return 1.0 if b + c == 0 else float(stats.binomtest(b, b + c, 0.5).pvalue)


def paired_ratio(
    numerator: ArrayLike,
    denominator: ArrayLike,
    clusters: Labels | None = None,
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
    first, second = pair(numerator, denominator)
    sums = cluster_sums(np.stack([first, second], axis=1).astype(float), clusters)  # [C, 2]
    n = len(sums)
    if not second.any():
        return Estimate.without_interval(float("nan"), n)
    value = float(first.sum() / second.sum())
    if n < units_needed(level):
        return Estimate.without_interval(value, n, units_needed(level))
    drawn = redrawn(sums, resamples, seed)  # [R, 2]
    ratios = np.where(drawn[:, 1] > 0, drawn[:, 0] / np.maximum(drawn[:, 1], 1e-300), np.inf)
    low, high = map(float, percentiles(ratios, level))
    if low == high:
        rates = (wilson(round(float(rate) * n), n, level) for rate in (first.mean(), second.mean()))
        (low, above), (below, high) = rates
        low, high = low / high, above / below
    return Estimate(value, low, high, n)


def _counts(successes: ArrayLike, n: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    k, total = np.broadcast_arrays(np.asarray(successes, dtype=float), np.asarray(n, dtype=float))
    if not ((total > 0) & (k >= 0) & (k <= total)).all():
        raise ValueError(f"{k} of {total} is no proportion; expected 0 <= successes <= n and n > 0")
    return k, total


def _score(k: Any, n: Any, level: float) -> tuple[Any, Any]:
    """Wilson's interval without the exception at the ends, as Newcombe's method is defined."""
    z, p = float(stats.norm.isf((1 - level) / 2)), k / n
    half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    centre, scale = p + z * z / (2 * n), 1 + z * z / n
    return (centre - half) / scale, (centre + half) / scale


def _correlation(a: int, b: int, c: int, d: int) -> float:
    """Correlation of a 2x2 table, pulled toward zero by n/2 when positive."""
    margins = float(a + b) * float(c + d) * float(a + c) * float(b + d)
    if margins == 0:
        return 0.0
    excess = float(a * d - b * c)
    if excess > 0:
        excess = max(excess - (a + b + c + d) / 2, 0.0)
    return float(excess / np.sqrt(margins))
