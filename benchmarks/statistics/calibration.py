"""Are predicted probabilities of success right? Brier scores and calibration error."""

import numpy as np
from numpy.typing import ArrayLike

from benchmarks.statistics.estimate import (
    LEVEL,
    RESAMPLES,
    Estimate,
    Labels,
    flags,
    probabilities,
    same_length,
)
from benchmarks.statistics.resampling import bootstrap

BINS = 10


def brier_skill(
    predicted: ArrayLike,
    outcomes: ArrayLike,
    clusters: Labels | None = None,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """Brier skill score 1 - BS/BS_0 of N predicted probabilities, BS = mean (p - outcome)² (Brier 1950).

    The reference BS_0 always predicts the success rate of these very outcomes (Murphy 1973): 1 is perfect, 0
    no better than that rate, below 0 worse. NaN where all outcomes are alike: that rate cannot be beaten.
    Raises ValueError where the two are not paired, on NaN, or outside of [0, 1].
    """
    p, y = _checked(predicted, outcomes)

    def statistic(weights: np.ndarray) -> np.ndarray:
        total = weights.sum(axis=1)
        rate = weights @ y / total
        reference = rate * (1 - rate)
        score = weights @ (p - y) ** 2 / total
        return np.where(reference > 0, 1 - score / np.where(reference > 0, reference, 1.0), np.nan)

    units = np.arange(len(p)) if clusters is None else clusters
    return bootstrap(statistic, [units], level=level, resamples=resamples, seed=seed)


def calibration_error(
    predicted: ArrayLike,
    outcomes: ArrayLike,
    clusters: Labels | None = None,
    bins: int = BINS,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """Expected calibration error: mean |success rate - mean prediction| over bins, weighted by their counts.

    Bins are of equal width, the last one closed (Guo et al. 2017, "On Calibration of Modern Neural Networks",
    section 2). It is biased upward where bins hold few instances; draws carry that bias once more, so the
    interval may lie above the value. Errors as in `brier_skill`.
    """
    p, y = _checked(predicted, outcomes)
    member = np.minimum((p * bins).astype(int), bins - 1)[:, None] == np.arange(bins)  # [N, bins]
    excess = (y - p)[:, None] * member

    def statistic(weights: np.ndarray) -> np.ndarray:
        return np.asarray(np.abs(weights @ excess).sum(axis=1) / weights.sum(axis=1))

    units = np.arange(len(p)) if clusters is None else clusters
    return bootstrap(statistic, [units], level=level, resamples=resamples, seed=seed)


def _checked(predicted: ArrayLike, outcomes: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    p, y = probabilities(predicted, "predicted probabilities"), flags(outcomes).astype(float)
    same_length(p, y)
    return p, y
