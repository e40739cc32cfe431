"""Law errors of contact: what an impact takes away, when it acts, and who comes out of it.

Impacts are found in the states, alike in every engine: velocities that change more than free flight and
support explain. One that is weaker than `base.KNOCK`, under gravity 1.5 g times a frame more, is no impact.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from worldsim.engines.base import is_floor
from worldsim.engines.perturbed.base import (
    Frame,
    LawError,
    collides,
    draws,
    lacks_contacts,
    lacks_pair,
    table,
)
from worldsim.scenes import DT, Scene

MEETINGS = 32  #: of a start that have a draw of their own
TOUCH = 1e-3  #: m; closer bodies overlap
NEAR = 0.05  #: m; bodies that met in a frame are within this and their way since


class MomentumLeak(LawError):
    """Impacts take momentum away from each body they hit; it is slower from the impact on."""

    about = "share of a body's momentum that is lost at each impact"
    unit = "share of momentum"
    high = 1.0

    @classmethod
    def lacks(cls, scene: Scene) -> str:
        """See `LawError.lacks`."""
        return lacks_contacts(scene)

    def disturb(self, frame: Frame) -> np.ndarray:
        """See `LawError.disturb`; what was flown since the impact was flown too fast."""
        states, since = frame.after.copy(), frame.since[..., None]
        leaving = states[..., 3:5].copy()
        leaving[..., 1] += frame.gravity[:, None] * frame.since
        lost = self.strength * leaving * frame.hit[..., None]
        states[..., :2] -= lost * since
        states[..., 3:5] -= lost
        return states


class ContactDelay(LawError):
    """Bodies go on into each other for a while before the impact acts, and keep the way that they went.

    An impact that comes d late shifts the path after it by d times the velocity that it took away. The shift
    is seen at once; the engine goes on from the shifted places once nothing overlaps there.
    """

    about = "an impact acts this much later"
    unit = "s"
    high = 1.0

    def __init__(self, strength: float, scenes: Sequence[Scene]) -> None:
        super().__init__(strength, scenes)
        self._shapes = _Shapes(scenes)
        shape = self._shapes.half.shape[:2]
        self._knock, self._shift = np.zeros((*shape, 2)), np.zeros((*shape, 2))
        self._since = np.full(shape, np.inf)

    @classmethod
    def lacks(cls, scene: Scene) -> str:
        """See `LawError.lacks`."""
        return lacks_contacts(scene)

    def disturb(self, frame: Frame) -> np.ndarray:
        """See `LawError.disturb`."""
        self._since += DT
        hit = frame.hit
        self._settle(hit)
        self._knock[hit], self._since[hit] = frame.knock[hit], frame.since[hit]
        self._settle(self._since >= self.strength)
        states = frame.after.copy()
        ready = self._shift.any((1, 2)) & ~self._knock.any((1, 2))
        states[ready, :, :2] += self._shift[ready]
        meets = self._shapes.overlap(states)
        states[meets] = frame.after[meets]
        self._shift[ready & ~meets] = 0.0
        return states

    def _settle(self, bodies: np.ndarray) -> None:
        """The impacts of some bodies [N, B] have acted: what is left of them is a shift."""
        self._shift[bodies] -= self._knock[bodies] * self.strength
        self._knock[bodies], self._since[bodies] = 0.0, np.inf

    def see(self, states: np.ndarray) -> np.ndarray:
        """See `LawError.see`."""
        running = np.minimum(self._since, self.strength)[..., None]
        states[..., :2] += self._shift - self._knock * running
        states[..., 3:5] -= self._knock
        return states


class IdentitySwap(LawError):
    """Two bodies leave an impact in each other's place and on each other's path, with sizes and masses of
    their own."""

    about = "probability that two dynamic bodies that meet change places"
    unit = "probability"
    high = 1.0

    def __init__(self, strength: float, scenes: Sequence[Scene]) -> None:
        super().__init__(strength, scenes)
        self._able = table(scenes, collides)
        self._reach = np.zeros(self._able.shape)  # radius of the circle around a body
        for i, scene in enumerate(scenes):
            self._reach[i, : len(scene.bodies)] = [max(b.half) for b in scene.bodies]
        generators, rows = draws(scenes, "perturbed", "identity_swap")
        self._chance = np.array([g.random(MEETINGS) for g in generators])[rows]
        self._met = np.zeros(len(scenes), dtype=int)

    @classmethod
    def lacks(cls, scene: Scene) -> str:
        """See `LawError.lacks`."""
        return lacks_pair(scene)

    def disturb(self, frame: Frame) -> np.ndarray:
        """See `LawError.disturb`."""
        states = frame.after.copy()
        for i, j in combinations(np.flatnonzero(self._able.any(0)).tolist(), 2):
            gap = states[:, j] - states[:, i]
            way = np.sqrt(np.square(gap[:, 3:5]).sum(-1)) * np.maximum(frame.since[:, i], frame.since[:, j])
            apart = np.sqrt(np.square(gap[:, :2]).sum(-1)) - self._reach[:, i] - self._reach[:, j]
            met = np.flatnonzero(frame.hit[:, i] & frame.hit[:, j] & (apart <= way + NEAR))
            swap = met[self._chance[met, self._met[met] % MEETINGS] < self.strength]
            self._met[met] += 1
            states[swap, i], states[swap, j] = states[swap, j], states[swap, i]
        return states


class _Shapes:
    """The solid bodies of N scenes, for finding overlaps: half sizes [N, B, 2] m, discs, and floors."""

    def __init__(self, scenes: Sequence[Scene]) -> None:
        self._solid = table(scenes, lambda b: b.solid)
        self._free = table(scenes, collides)
        self._disc = table(scenes, lambda b: b.shape == "disc")
        self.half = np.zeros((*self._solid.shape, 2))
        for i, scene in enumerate(scenes):
            for j, body in enumerate(scene.bodies):
                self.half[i, j] = (np.inf, body.half[1]) if is_floor(body) else body.half

    def overlap(self, states: np.ndarray) -> np.ndarray:
        """[N] bool: a dynamic body of `states` [N, B, 6] overlaps another solid one."""
        found = np.zeros(len(states), dtype=bool)
        for i, j in combinations(np.flatnonzero(self._solid.any(0)).tolist(), 2):
            both = self._solid[:, i] & self._solid[:, j] & (self._free[:, i] | self._free[:, j])
            if both.any():
                found |= both & (self._gap(states, i, j) < -TOUCH)
        return found

    def _gap(self, states: np.ndarray, i: int, j: int) -> np.ndarray:
        """Distance [N] m between the surfaces of two bodies, below zero where they overlap.

        A disc is a point with a skin of its radius, a box has no skin.
        """
        disc, half = self._disc[:, [i, j]], self.half[:, [i, j]]
        core, skin = np.where(disc[..., None], 0.0, half), np.where(disc, half[..., 0], 0.0)
        outside = np.abs(states[:, j, :2] - states[:, i, :2]) - core.sum(1)
        far = np.sqrt(np.square(np.maximum(outside, 0.0)).sum(-1))
        return np.where(far > 0, far, outside.max(-1)) - skin.sum(1)
