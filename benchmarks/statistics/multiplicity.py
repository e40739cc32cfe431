"""Many tests at once: adjusted p values."""

import numpy as np
from numpy.typing import ArrayLike

from benchmarks.statistics.estimate import probabilities


def holm(p: ArrayLike) -> np.ndarray:
    """Adjusted p values [M] that bound the chance of any false rejection (Holm 1979, "A simple sequentially
    rejective multiple test procedure"). Raises ValueError without p values, on NaN or outside of [0, 1]."""
    p = probabilities(p, "p values")
    order = np.argsort(p, kind="stable")
    steps = p[order] * np.arange(len(p), 0, -1)
    return _restored(np.maximum.accumulate(steps), order)


def benjamini_hochberg(p: ArrayLike) -> np.ndarray:
    """Adjusted p values [M] that bound the expected share of false rejections, for independent tests
    (Benjamini and Hochberg 1995, "Controlling the False Discovery Rate"). Errors as in `holm`."""
    p = probabilities(p, "p values")
    order = np.argsort(p, kind="stable")
    steps = p[order] * len(p) / np.arange(1, len(p) + 1)
    return _restored(np.minimum.accumulate(steps[::-1])[::-1], order)


def _restored(steps: np.ndarray, order: np.ndarray) -> np.ndarray:
    adjusted = np.empty_like(steps)
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted
