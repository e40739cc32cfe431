"""Uniform: one ball in straight horizontal motion (phyworld)."""

from collections.abc import Sequence

import numpy as np

from worldsim.scenarios import base
from worldsim.scenes import VIEW, Body, Scene, Trajectory


class Uniform:
    """One ball crosses the view; levels change its radius, its speed or both."""

    name = "uniform"
    levels: tuple[str, ...] = ("id", "size", "speed", "both")
    frames = 32
    template = Scene((Body("blue", (1.0,), (5.0, 5.0)),))

    def propose(self, level: str, rng: np.random.Generator) -> Scene | None:
        """See `Scenario.propose`."""
        r = base.radius(rng, level in ("size", "both"))
        v = base.speed(rng, level in ("speed", "both"))
        return crossing(r, v, base.sign(rng), rng)

    def accept(self, level: str, clips: Trajectory) -> np.ndarray:
        """Every draw belongs to its level."""
        return np.ones(len(clips.states), dtype=bool)

    def actions(self, scenes: Sequence[Scene], keys: np.ndarray, frames: int) -> np.ndarray:
        """Nothing can be actuated."""
        return base.no_actions(scenes, frames)


def crossing(radius: float, speed: float, way: float, rng: np.random.Generator) -> Scene:
    """A ball that begins near one side, at any height, and moves to the right (`way` 1) or left (-1)."""
    travel = min(rng.uniform(radius, 4.0), VIEW - radius)
    x = travel if way > 0 else VIEW - travel
    y = rng.uniform(radius, VIEW - radius)
    return Scene((Body("blue", (radius,), (float(x), float(y)), (way * speed, 0.0)),))
