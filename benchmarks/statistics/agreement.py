"""Does success in imagination tell success in reality? Agreement over policies or over world models.

The unit is a policy or a world model, never an episode. Everything takes `imagined` and `real` [..., U] by
keyword, since some measures change when the two are exchanged; all are vectorised over leading axes,
and raise ValueError where the two are not paired, are empty, or hold NaN or infinity.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from benchmarks.statistics.estimate import LEVEL, RESAMPLES, Estimate, numbers, percentiles, same_length

POLICIES_NEEDED = 20  #: policies below which no interval is given
MODELS_NEEDED = 10  #: world models below which no interval is given
BLOCK = 2_000_000  #: pairs of units looked at at a time


@dataclass(frozen=True)
class Agreement:
    """A measure of agreement with its bootstrap interval over units, and its range `without_one`: the least
    and the greatest value when any one unit is left out (NaN where that is undefined)."""

    estimate: Estimate
    without_one: tuple[float, float]


def agreement(
    *,
    imagined: ArrayLike,
    real: ArrayLike,
    needed: int = POLICIES_NEEDED,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Agreement]:
    """All measures by name over U units, `imagined` and `real` [U].

    Fewer than `needed` units get no interval. The same draws of units serve all measures; draws in which a
    correlation is undefined are left out, and where they are more than one in twenty there is no interval.
    Raises ValueError where the two are not paired, are fewer than three, or hold NaN.
    """
    one, two = numbers(imagined, "imagined"), numbers(real, "real")
    same_length(one, two)
    units = len(one)
    if units < 3:
        raise ValueError(f"{units} units have no agreement; at least 3 are needed, {needed} for an interval")
    rng = np.random.Generator(np.random.Philox(key=seed))
    drawn = rng.integers(units, size=(resamples, units))
    left = np.array([np.delete(np.arange(units), u) for u in range(units)])
    found = {}
    for name, measure in MEASURES.items():
        value = float(measure(imagined=one, real=two))
        without = _in_blocks(measure, one, two, left)
        spread = (float(without.min()), float(without.max()))
        estimate = Estimate.without_interval(value, units, needed if units < needed else None)
        if units >= needed:
            values = _in_blocks(measure, one, two, drawn)
            values = values[~np.isnan(values)]
            if not np.isnan(value) and len(values) >= 0.95 * resamples:
                low, high = percentiles(values, level)
                estimate = Estimate(value, float(low), float(high), units)
        found[name] = Agreement(estimate, spread)
    return found


def pearson(*, imagined: ArrayLike, real: ArrayLike) -> np.ndarray:
    """Pearson's correlation [...] over the last axis; NaN where either is constant."""
    s, r = _paired(imagined, real)
    x = s - s.mean(-1, keepdims=True)
    y = r - r.mean(-1, keepdims=True)
    constant = (np.ptp(s, axis=-1) == 0) | (np.ptp(r, axis=-1) == 0)
    scale = np.sqrt((x * x).sum(-1) * (y * y).sum(-1))
    return np.where(constant, np.nan, np.clip((x * y).sum(-1) / np.where(constant, 1.0, scale), -1, 1))


def spearman(*, imagined: ArrayLike, real: ArrayLike) -> np.ndarray:
    """Spearman's correlation [...]: Pearson's of the ranks, ties sharing their mean rank; NaN as there."""
    s, r = _paired(imagined, real)
    return pearson(imagined=rankdata(s, axis=-1), real=rankdata(r, axis=-1))


def kendall(*, imagined: ArrayLike, real: ArrayLike) -> np.ndarray:
    """Kendall's τ_b [...] (1945, "The treatment of ties in ranking problems"); NaN as in `pearson`."""
    s, r = _paired(imagined, real)
    x = np.sign(s[..., :, None] - s[..., None, :])
    y = np.sign(r[..., :, None] - r[..., None, :])
    untied = (x * x).sum((-1, -2)) * (y * y).sum((-1, -2))
    return np.where(untied == 0, np.nan, (x * y).sum((-1, -2)) / np.sqrt(np.where(untied == 0, 1, untied)))


def mmrv(*, imagined: ArrayLike, real: ArrayLike) -> np.ndarray:
    """Mean maximum rank violation [...]: mean_i max_j |R_i - R_j| · 1[(S_i > S_j) ≠ (R_i > R_j)].

    S is imagined, R is real, and the gap is the one in *real* success: what it costs to believe the wrong
    order (Li et al. 2024, "Evaluating Real-World Robot Manipulation Policies in Simulation", section 3, with
    the strict comparison of the public code). A tie in imagination violates the order for the better of the
    two alone. Zero is best.
    """
    s, r = _paired(imagined, real)
    gap = np.abs(r[..., :, None] - r[..., None, :])
    wrong = (s[..., :, None] > s[..., None, :]) != (r[..., :, None] > r[..., None, :])
    return np.asarray((gap * wrong).max(-1).mean(-1))


def top1_regret(*, imagined: ArrayLike, real: ArrayLike) -> np.ndarray:
    """Real success lost [...] by taking the unit that is best in imagination instead of the best one; where
    several are best in imagination, the mean over them."""
    s, r = _paired(imagined, real)
    best = s == s.max(-1, keepdims=True)
    return np.asarray(r.max(-1) - (r * best).sum(-1) / best.sum(-1))


MEASURES: dict[str, Callable[..., np.ndarray]] = {
    "pearson": pearson,
    "spearman": spearman,
    "kendall": kendall,
    "mmrv": mmrv,
    "top1_regret": top1_regret,
}


def _paired(imagined: ArrayLike, real: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Both as float64 [..., U]. Raises ValueError where they are not paired, empty or not finite."""
    one, two = np.asarray(imagined, dtype=np.float64), np.asarray(real, dtype=np.float64)
    if one.shape != two.shape or not one.size:
        raise ValueError(f"imagined {one.shape} and real {two.shape} are not paired; expected equal shapes")
    if not (np.isfinite(one).all() and np.isfinite(two).all()):
        raise ValueError("imagined and real success must be finite; drop units without a result in pairs")
    return one, two


def _in_blocks(
    measure: Callable[..., np.ndarray], imagined: np.ndarray, real: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """A measure of the units named by each of `rows` [R, U'], [R]."""
    block = max(1, BLOCK // rows.shape[1] ** 2)
    parts = [rows[i : i + block] for i in range(0, len(rows), block)]
    return np.concatenate([measure(imagined=imagined[part], real=real[part]) for part in parts])
