"""Linear damping in closed form: v' = -c v, so v(t) = v₀ e^(-ct) and x(t) = x₀ + v₀ (1 - e^(-ct)) / c.

All lengths of time are s, dampings c 1/s; they broadcast.
"""

import numpy as np


def decay(damping: np.ndarray | float, time: np.ndarray | float) -> np.ndarray:
    """Share of its velocity that a body keeps over a time."""
    return np.exp(-np.asarray(damping) * time)


def reach(damping: np.ndarray | float, time: np.ndarray | float) -> np.ndarray:
    """How far a body gets in a time, m for each m/s that it begins with; the time itself where c = 0."""
    damping, time = np.broadcast_arrays(np.asarray(damping, dtype=float), time)
    return np.divide(-np.expm1(-damping * time), damping, out=time.astype(float), where=damping != 0)


def duration(damping: np.ndarray | float, way: np.ndarray | float) -> np.ndarray:
    """The time after which a body has got so far: inverse of `reach`, infinite where it never does."""
    damping, way = np.broadcast_arrays(np.asarray(damping, dtype=float), way)
    lost = np.multiply(damping, way, out=np.zeros(way.shape), where=damping != 0)
    there = lost < 1
    time = np.where(there, way, np.inf)
    gone = -np.log1p(-np.where(there, lost, 0.0))
    return np.divide(gone, damping, out=time, where=there & (damping != 0))
