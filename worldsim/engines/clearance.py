"""Frames in which nothing can touch: free flight is exact at any step, so engines cross them in few steps."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from worldsim.engines.base import is_floor
from worldsim.scenes import DT, Scene

MARGIN = 0.01  #: m; wider than every engine's contact tolerance


class Clearance:
    """The bodies of N scenes that can touch."""

    def __init__(self, scenes: Sequence[Scene]):
        shape = (len(scenes), max(len(s.bodies) for s in scenes))
        self._reach = np.zeros(shape)  # radius of the circle around a body
        self._touches, self._mobile = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
        self._floor = np.full(len(scenes), -np.inf)
        self._fall = np.array([s.gravity for s in scenes]) * DT**2 / 2  # what gravity adds to a frame's way
        self._slow = np.array([s.damping for s in scenes]) * DT**2 / 2  # what damping takes of it, for 1 m/s
        for i, scene in enumerate(scenes):
            for j, body in enumerate(scene.bodies):
                if is_floor(body):
                    self._floor[i] = max(self._floor[i], body.position[1] + body.size[1])
                elif body.solid:
                    self._touches[i, j], self._mobile[i, j] = True, body.motion != "fixed"
                    self._reach[i, j] = body.reach

    def clear(self, states: np.ndarray) -> np.ndarray:
        """[N] bool: no two bodies of `states` [N, B, 6] can meet in the coming frame."""
        bend = self._fall + self._slow * np.sqrt(np.square(states[..., 3:5]).sum(axis=-1)).max(axis=1)
        landing = -np.minimum(states[..., 4], 0.0) * DT + self._fall[:, None]
        height = states[..., 1] - self._reach - self._floor[:, None]
        clear = (~(self._touches & self._mobile) | (height > landing + MARGIN)).all(axis=1)
        for i, j in combinations(np.flatnonzero(self._touches.any(axis=0)), 2):
            both = self._touches[:, i] & self._touches[:, j] & (self._mobile[:, i] | self._mobile[:, j])
            if not clear.any():
                break
            if not both.any():
                continue
            d = states[:, j] - states[:, i]
            dx, dy, wx, wy = d[:, 0], d[:, 1], d[:, 3], d[:, 4]
            nearest = np.clip(-(dx * wx + dy * wy) / np.maximum(wx * wx + wy * wy, 1e-12), 0.0, DT)
            distance = np.sqrt((dx + wx * nearest) ** 2 + (dy + wy * nearest) ** 2)
            clear &= ~both | (distance > self._reach[:, i] + self._reach[:, j] + bend + MARGIN)
        return clear
