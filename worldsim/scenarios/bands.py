"""Training data with gaps: what does a model make of speeds that lie between, or outside, those it has seen?

After the experiments on data coverage in Kang et al., "How Far is Video Generation from World Model": uniform
motion with a gap in the middle of the training speeds, the gap partly filled, and fast balls alone, seen in
one direction or in both (a model that recalls cases turns a slow ball round when its training data hold fast
balls of either direction); collisions whose pair of speeds leaves a hole in the middle of the training data
and one at their corner.
"""

import numpy as np

from worldsim.scenarios import base
from worldsim.scenarios.collision import Collision
from worldsim.scenarios.uniform import Uniform, crossing
from worldsim.scenes import Scene, Trajectory

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


class HoledCollision(Collision):
    """1D collisions; both speeds within (2, 3) m/s are at the level `inner`, both above 3.2 at `outer`.

    The training data surround the inner hole, which interpolation can fill; the outer one is a corner.
    """

    name = "collision_holes"
    levels = ("id", "inner", "outer")

    def propose(self, level: str, rng: np.random.Generator) -> Scene | None:
        """See `Scenario.propose`."""
        scene = super().propose("id", rng)
        if scene is None:
            return None
        speeds = [abs(body.velocity[0]) for body in scene.bodies]
        inner, outer = all(2 < v < 3 for v in speeds), all(v > 3.2 for v in speeds)
        return scene if level == ("inner" if inner else "outer" if outer else "id") else None

    def accept(self, level: str, clips: Trajectory) -> np.ndarray:
        """No ball is faster than the range of training after the impact either."""
        return base.within_speed(clips)


MIDDLE: Bands = ((1.75, 3.25),)
SIDES: Bands = ((1.0, 1.75), (3.25, 4.0))
FAST: Bands = ((2.5, 4.0),)
SLOW = ("slow", ((1.0, 1.25),))
BANDED = (
    Banded("uniform_gap", SIDES, ("gap", MIDDLE)),
    Banded("uniform_restored", (*SIDES, (2.4, 2.6)), ("gap", ((1.75, 2.4), (2.6, 3.25)))),
    Banded("uniform_fast", FAST, SLOW, mirrored=False),
    Banded("uniform_fast_mirrored", FAST, SLOW),
    HoledCollision(),
)
