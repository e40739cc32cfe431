"""How long a prediction stays right: Kaplan and Meier's estimate of the time until it diverges."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats


@dataclass(frozen=True)
class Survival:
    """Share that has not diverged yet, at time 0 and after each time at which some did or left unharmed.

    `time`, `at_risk`, `events`, `share`, `low` and `high` are arrays [K]; `n` clips in all.
    """

    n: int
    time: np.ndarray
    at_risk: np.ndarray
    events: np.ndarray
    share: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def at(self, time: float) -> tuple[float, float, float]:
        """Share that has not diverged by `time` (at least 0), and its interval."""
        k = int(np.searchsorted(self.time, time, side="right")) - 1
        return float(self.share[k]), float(self.low[k]), float(self.high[k])

    def median(self) -> float:
        """The first time at which at most half have not diverged; infinite where more than half never do."""
        half = np.flatnonzero(self.share <= 0.5 + 1e-12)
        return float(self.time[half[0]]) if len(half) else float("inf")

    def mean(self, until: float) -> float:
        """Mean time without divergence within `until`: the area below the curve up to there."""
        return float((np.diff(np.minimum([*self.time, np.inf], until)) * self.share).sum())


def kaplan_meier(time: ArrayLike, diverged: ArrayLike, level: float = 0.95) -> Survival:
    """The product-limit estimate (Kaplan and Meier 1958) with Greenwood's interval (1926), clipped to [0, 1].

    `time` [N] is when a clip diverged, or, where `diverged` [N] is false, until when it was seen not to; a
    clip lost at the time of a divergence still counts as at risk. Where Greenwood's variance is zero or
    undefined, with nobody or everybody diverged so far, the other end is Clopper and Pearson's for the clips
    at risk. Raises ValueError where the two are not paired, without clips, on NaN or times below zero.
    """
    time, diverged = np.asarray(time, dtype=float), np.asarray(diverged)
    if time.ndim != 1 or time.shape != diverged.shape or not len(time):
        raise ValueError(
            f"times {time.shape} and events {diverged.shape} are not paired; expected [N] each, N > 0"
        )
    if not np.isin(diverged, (0, 1)).all() or not (np.isfinite(time) & (time >= 0)).all():
        raise ValueError("times must be finite and not negative, events true or false")
    times = np.union1d(0.0, time)
    events = np.array([(diverged.astype(bool) & (time == t)).sum() for t in times])
    at_risk = np.array([(time >= t).sum() for t in times])
    share = np.cumprod(1 - events / at_risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = share**2 * np.cumsum(events / (at_risk * (at_risk - events)))
    half = stats.norm.isf((1 - level) / 2) * np.sqrt(variance)
    exact = ((1 - level) / 2) ** (1 / at_risk)
    low = np.where(share == 1, exact, np.where(share == 0, 0.0, np.maximum(share - half, 0.0)))
    high = np.where(share == 0, 1 - exact, np.where(share == 1, 1.0, np.minimum(share + half, 1.0)))
    return Survival(len(time), times, at_risk, events, share, low, high)
