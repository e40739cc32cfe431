"""The law that connects error to success: success against planning horizon over divergence horizon.

log(p / (1 - p)) = intercept + slope · log(H / D)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from benchmarks.costing.response import logistic, too_few
from benchmarks.statistics import MODELS_NEEDED, Estimate, bootstrap

RESAMPLES = 2000


@dataclass(frozen=True)
class Law:
    """A fitted curve: its `slope`, and the ratio H / D at which success is `even`, one half; `even` is None
    where success does not fall. `note` says why there is no interval."""

    intercept: float
    slope: Estimate
    even: Estimate | None
    note: str = ""

    def success(self, ratios: ArrayLike) -> np.ndarray:
        """The curve at some ratios."""
        logits = self.intercept + self.slope.value * np.log(np.asarray(ratios, dtype=float))
        return 1 / (1 + np.exp(-np.clip(logits, -500, 500)))


def fit(
    ratios: ArrayLike,
    outcomes: ArrayLike,
    starts: Sequence[int],
    models: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Law | None:
    """The curve through outcomes [M] (bool) at ratios [M] of some starts [M]; None without two ratios.

    Intervals draw starts again with all that was done on them; where `models` [M] are what differs, models
    are drawn, and starts crossed with them. Raises ValueError for unequal lengths and ratios that are not
    above zero.
    """
    ratios, outcomes = np.asarray(ratios, dtype=float), np.asarray(outcomes, dtype=float)
    if not len(ratios) == len(outcomes) == len(starts) or not (np.isfinite(ratios) & (ratios > 0)).all():
        raise ValueError(
            f"{len(ratios)} ratios, {len(outcomes)} outcomes, {len(starts)} starts; expected equal numbers, "
            "and ratios above zero"
        )
    levels, which = np.unique(np.log(ratios), return_inverse=True)
    if len(levels) < 2:
        return None
    member = np.eye(len(levels))[which]

    def curve(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return logistic(levels, weights @ member, (weights * outcomes) @ member)

    def even(weights: np.ndarray) -> np.ndarray:
        a, b = curve(weights)
        return np.where(b < 0, np.exp(np.clip(-a / np.where(b < 0, b, -1.0), -50, 50)), np.nan)

    tried, solved = member.sum(0), outcomes @ member
    note = too_few(len(set(starts)), tried, solved)
    if models is not None and len(set(models)) < MODELS_NEEDED:
        note = f"no interval: {len(set(models))} models, {MODELS_NEEDED} are needed"
    units = list(starts) if models is None else list(models)
    a, b = (float(v[0]) for v in curve(np.ones((1, len(ratios)))))
    middle = float(even(np.ones((1, len(ratios))))[0])
    if note:
        count = len(set(units))
        half = Estimate.without_interval(middle, count) if np.isfinite(middle) else None
        return Law(a, Estimate.without_interval(b, count), half, note)
    crossed = None if models is None else list(starts)
    slope, half = (
        bootstrap(statistic, [units], crossed=crossed, resamples=resamples, seed=seed)
        for statistic in (lambda w: curve(w)[1], even)
    )
    if not np.isfinite(middle):
        return Law(a, slope, None, "success does not fall with the ratio")
    return Law(a, slope, half)
