"""The bootstrap: of clusters, within strata, and down a hierarchy such as model seed, policy seed, start."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from benchmarks.statistics.estimate import (
    LEVEL,
    RESAMPLES,
    Estimate,
    Labels,
    numbers,
    percentiles,
    units_needed,
)

BLOCK = 4_000_000  #: weights held at a time; a constant, since what a seed draws depends on it

Statistic = Callable[[np.ndarray], np.ndarray]  #: weights of rows [R, N] -> values [R]


def average(values: ArrayLike, weights: np.ndarray) -> np.ndarray:
    """Mean [R] of values [N] in each draw of `weights` [R, N]."""
    return weights @ np.asarray(values, dtype=float) / weights.sum(-1)


def mean(
    values: ArrayLike,
    clusters: Labels | None = None,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """Mean of values [N] with a percentile bootstrap interval over clusters (Efron and Tibshirani 1993,
    "An Introduction to the Bootstrap", chapter 13).

    Values that are all equal give an interval of no width. Raises ValueError without values or on NaN.
    """
    values = numbers(values)
    sums = cluster_sums(np.stack([values, np.ones_like(values)], axis=1), clusters)
    if len(sums) < units_needed(level):
        return Estimate.without_interval(float(values.mean()), len(sums), units_needed(level))
    drawn = redrawn(sums, resamples, seed)
    low, high = percentiles(drawn[:, 0] / drawn[:, 1], level)
    return Estimate(float(values.mean()), float(low), float(high), len(sums))


def bootstrap(
    statistic: Statistic,
    levels: Sequence[Labels],
    strata: Labels | None = None,
    crossed: Labels | None = None,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """A statistic of N rows with a percentile interval over draws of the units that the rows come from.

    Parameters
    ----------
    statistic
        Its value [R] for the weights [R, N] of the rows, such as ``lambda w: average(values, w)``.
    levels
        Labels [N] from the highest level of the hierarchy to the lowest, each nested in the one above it:
        units of a level are drawn with replacement within each drawn unit of the level above (Davison and
        Hinkley 1997, "Bootstrap Methods and their Application", section 3.8). Rows with equal labels all the
        way down stay together.
    strata
        Labels [N] of what is fixed, such as tasks: units are drawn within each stratum (Agarwal et al. 2021,
        "Deep Reinforcement Learning at the Edge of the Statistical Precipice", section 4.1).
    crossed
        Labels [N] of a factor that all units meet alike, such as the starts when every model plays the same
        ones: drawn independently, and weights multiplied (Owen 2007, "The pigeonhole bootstrap"). Nesting
        such a factor would count what its labels share as if it were independent.

    The units that must suffice are those of the highest level; with strata, two in each. Draws in which the
    statistic is not defined (NaN) are left out; where they are more than one in twenty, there is no interval.
    Raises ValueError where labels differ in length.
    """
    named = [*levels, *(x for x in (strata, crossed) if x is not None)]
    lengths = {len(labels) for labels in named}
    if len(lengths) != 1 or 0 in lengths or not levels:
        raise ValueError(f"labels have lengths {sorted(lengths)}; expected one label of each kind per row")
    n, needed = _units(levels[0], strata, level)
    value = float(np.asarray(statistic(np.ones((1, lengths.pop()))))[0])
    if needed is not None or np.isnan(value):
        return Estimate.without_interval(value, n, needed)
    drawn = np.concatenate([statistic(w) for w in draws(levels, strata, crossed, resamples, seed)])
    defined = drawn[~np.isnan(drawn)]
    if len(defined) < 0.95 * len(drawn):
        return Estimate.without_interval(value, n)
    low, high = percentiles(defined, level)
    return Estimate(value, float(low), float(high), n)


def draws(
    levels: Sequence[Labels],
    strata: Labels | None = None,
    crossed: Labels | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Iterator[np.ndarray]:
    """Weights [R', N] of the rows, `resamples` draws in all, in blocks; arguments as in `bootstrap`."""
    rng = _generator(seed)
    rows = len(levels[0])
    groups = [np.zeros(rows, dtype=int) if strata is None else _codes(strata)]
    for labels in levels:  # a unit is the path that leads down to it
        groups.append(_codes(np.stack([groups[-1], _codes(labels)], axis=1)))
    shared = None if crossed is None else _codes(crossed)
    block = max(1, BLOCK // rows)
    for first in range(0, resamples, block):
        count = min(block, resamples - first)
        weights = np.ones((count, groups[0].max() + 1), dtype=np.int64)
        for above, below in pairwise(groups):
            weights = _draw_within(rng, weights, above, below)
        drawn = weights[:, groups[-1]].astype(float)
        if shared is not None:
            size = shared.max() + 1
            drawn *= rng.multinomial(size, np.full(size, 1 / size), size=count)[:, shared]
        yield drawn


def cluster_sums(values: np.ndarray, clusters: Labels | None) -> np.ndarray:
    """Sums [C, M] of values [N, M] within clusters [N].

    Raises ValueError where there is not one label per row.
    """
    if clusters is None:
        return values
    index = _codes(clusters)
    if len(index) != len(values):
        raise ValueError(f"{len(index)} cluster labels for {len(values)} rows; expected one label per row")
    sums = np.zeros((index.max() + 1, values.shape[1]))
    np.add.at(sums, index, values)
    return sums


def redrawn(sums: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """Totals [R, M] over C clusters drawn with replacement from sums [C, M]."""
    count = len(sums)
    drawn = _generator(seed).multinomial(count, np.full(count, 1 / count), size=resamples)
    return np.asarray(drawn @ sums)


def _draw_within(
    rng: np.random.Generator, weights: np.ndarray, above: np.ndarray, below: np.ndarray
) -> np.ndarray:
    """How often each unit `below` [N] is drawn [R, G'], when its parent `above` [N] is drawn `weights` [R, G]
    times and each time draws as many children as it has: together one multinomial draw."""
    units, first = np.unique(below, return_index=True)
    parents = above[first]
    drawn = np.empty((len(weights), len(units)), dtype=np.int64)
    for parent in np.unique(parents):
        children = units[parents == parent]
        size = len(children)
        drawn[:, children] = rng.multinomial(weights[:, parent] * size, np.full(size, 1 / size))
    return drawn


def _units(highest: Labels, strata: Labels | None, level: float) -> tuple[int, int | None]:
    """How many units of the highest level there are, and how many there must be where they are too few."""
    fixed = np.zeros(len(highest), dtype=int) if strata is None else _codes(strata)
    units = np.unique(np.stack([fixed, _codes(highest)], axis=1), axis=0)
    each = np.bincount(units[:, 0])
    needed = max(units_needed(level), len(units) + int((each < 2).sum()) if strata is not None else 0)
    return len(units), needed if needed > len(units) else None


def _codes(labels: Labels | np.ndarray) -> np.ndarray:
    """Labels [N] (or rows [N, M] of labels) as numbers from zero on."""
    return np.asarray(np.unique(np.asarray(labels), axis=0, return_inverse=True)[1]).reshape(-1)


def _generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=seed))
