"""Two attributes that always come together in training: which one does a model keep when they do not?

After the experiment on attribute priority in Kang et al., "How Far is Video Generation from World Model".
Each of colour, size, velocity and shape has two values; a scenario couples two of them at the level `id`
(say, red discs and blue boxes) and exchanges them at the level `swapped` (blue discs and red boxes). The
other two vary freely.
"""

import math
from itertools import combinations
from typing import Any

import numpy as np

from worldsim.scenarios import base
from worldsim.scenarios.uniform import Uniform
from worldsim.scenes import VIEW, Body, Scene

VALUES: dict[str, tuple[Any, Any]] = {
    "color": ("red", "blue"),
    "size": (0.9, 1.35),  # m, radius of the disc of the same area
    "velocity": (1.2, 3.5),  # m/s
    "shape": ("disc", "box"),
}
SPREAD = 0.05  #: sizes and velocities vary by this share
BOX = math.sqrt(math.pi) / 2  #: half the side of a square over the radius of the disc of its area


class Paired(Uniform):
    """Uniform motion of one body, of which two attributes are coupled."""

    levels = ("id", "swapped")
    frames = 16  #: no body leaves the view

    def __init__(self, first: str, second: str) -> None:
        self.pair, self.name = (first, second), f"pair_{first}_{second}"

    def propose(self, level: str, rng: np.random.Generator) -> Scene:
        """See `Scenario.propose`."""
        chosen = {name: int(rng.integers(2)) for name in VALUES}
        first, second = self.pair
        chosen[second] = chosen[first] if level == "id" else 1 - chosen[first]
        value = {name: VALUES[name][i] for name, i in chosen.items()}
        radius, speed = (value[n] * rng.uniform(1 - SPREAD, 1 + SPREAD) for n in ("size", "velocity"))
        way = base.sign(rng)
        x, y = rng.uniform(radius, 3.0), rng.uniform(radius, VIEW - radius)
        size = (BOX * radius,) * 2 if value["shape"] == "box" else (radius,)
        position = float(x if way > 0 else VIEW - x), float(y)
        body = Body(value["color"], size, position, (way * speed, 0.0), value["shape"], solid=False)
        return Scene((body,))


PAIRED = tuple(Paired(*pair) for pair in combinations(VALUES, 2))
