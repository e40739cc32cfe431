"""Uniform motion in chosen bands of speed: what does a model make of speeds between, or slower ones?

After the experiments on data coverage in Kang et al., "How Far is Video Generation from World Model": a gap
in the middle of the training speeds, the gap partly filled, and fast balls alone, seen in one direction or
in both. A model that recalls cases turns a slow ball round when its training data hold fast balls of either
direction.
"""

import numpy as np

from worldsim.scenarios import base
from worldsim.scenarios.uniform import Uniform, crossing
from worldsim.scenes import Scene

Bands = tuple[tuple[float, float], ...]


class Banded(Uniform):
    """Uniform motion whose levels are bands of speed, m/s: `id` is trained on, the other one asked for.

    Balls at the level `id` move to the right, with `mirrored` to either side; at the other level to the right
    if the training data have one direction alone.
    """

    def __init__(self, name: str, trained: Bands, asked: tuple[str, Bands], mirrored: bool = True) -> None:
        self.name, self.levels, self.mirrored = name, ("id", asked[0]), mirrored
        self._bands = {"id": trained, asked[0]: asked[1]}

    def propose(self, level: str, rng: np.random.Generator) -> Scene:
        """See `Scenario.propose`."""
        bands = self._bands[level]
        widths = np.array([high - low for low, high in bands])
        low, high = bands[rng.choice(len(bands), p=widths / widths.sum())]
        way = base.sign(rng) if self.mirrored else 1.0
        return crossing(base.radius(rng, False), float(rng.uniform(low, high)), way, rng)


MIDDLE: Bands = ((1.75, 3.25),)
SIDES: Bands = ((1.0, 1.75), (3.25, 4.0))
FAST: Bands = ((2.5, 4.0),)
SLOW = ("slow", ((1.0, 1.25),))
BANDED = (
    Banded("uniform_gap", SIDES, ("gap", MIDDLE)),
    Banded("uniform_restored", (*SIDES, (2.4, 2.6)), ("gap", ((1.75, 2.4), (2.6, 3.25)))),
    Banded("uniform_fast", FAST, SLOW, mirrored=False),
    Banded("uniform_fast_mirrored", FAST, SLOW),
)
