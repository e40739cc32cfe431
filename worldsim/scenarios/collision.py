"""Collision: two balls meet, head-on as in phyworld or obliquely in two dimensions."""

import math
from collections.abc import Sequence

import numpy as np

from worldsim.scenarios import base
from worldsim.scenes import DT, VIEW, Body, Scene, Trajectory

FIRST_CONTACT = 4 * DT + 0.05  #: s; contacts come after the context
LAST_CONTACT = 2.0  #: s


class Collision:
    """Two balls move horizontally toward each other on one line.

    The levels name what leaves its range: one radius, one speed, both radii, both speeds, radius and speed of
    the first ball, or everything (phyworld's six).
    """

    name = "collision"
    levels: tuple[str, ...] = ("id", "size1", "speed1", "size", "speed", "size1speed1", "both")
    frames = 32
    template = Scene((Body("blue", (1.0,), (3.0, 5.0)), Body("red", (1.0,), (7.0, 5.0))))

    def propose(self, level: str, rng: np.random.Generator) -> Scene | None:
        """See `Scenario.propose`."""
        r1 = base.radius(rng, level in ("size1", "size", "size1speed1", "both"))
        r2 = base.radius(rng, level in ("size", "both"))
        v1 = base.speed(rng, level in ("speed1", "speed", "size1speed1", "both"))
        v2 = base.speed(rng, level in ("speed", "both"))
        gap = (v1 + v2) * rng.uniform(FIRST_CONTACT, LAST_CONTACT)
        room = VIEW - 2 * r1 - 2 * r2 - gap
        x1 = r1 + rng.uniform(0, 1) * room
        y = rng.uniform(max(r1, r2), VIEW - max(r1, r2))
        way = base.sign(rng)
        if room < 0:
            return None
        balls = [(r1, x1, v1), (r2, x1 + r1 + gap + r2, -v2)]
        if way < 0:
            balls = [(r, VIEW - x, -v) for r, x, v in balls]
        return Scene(
            tuple(
                Body(c, (r,), (float(x), float(y)), (v, 0.0)) for c, (r, x, v) in zip(("blue", "red"), balls)
            )
        )

    def accept(self, level: str, clips: Trajectory) -> np.ndarray:
        """In distribution, no ball is faster than the ID range after the impact either."""
        return base.within_speed(clips) if level == "id" else np.ones(len(clips.states), dtype=bool)

    def actions(self, scenes: Sequence[Scene], keys: np.ndarray, frames: int) -> np.ndarray:
        """Nothing can be actuated."""
        return base.no_actions(scenes, frames)


class Oblique(Collision):
    """Two balls meet at any angle; the contact lies in view."""

    name = "oblique"
    levels = ("id", "size", "speed", "both")

    def propose(self, level: str, rng: np.random.Generator) -> Scene | None:
        """The contact is drawn first, then the balls are moved back in time to their start."""
        radii = [base.radius(rng, level in ("size", "both")) for _ in range(2)]
        speeds = [base.speed(rng, level in ("speed", "both")) for _ in range(2)]
        angles = [rng.uniform(0, 2 * math.pi) for _ in range(2)]
        velocity = [(v * math.cos(a), v * math.sin(a)) for v, a in zip(speeds, angles)]
        way = rng.uniform(0, 2 * math.pi)
        normal = math.cos(way), math.sin(way)  # from the first ball to the second
        middle = rng.uniform(2.0, VIEW - 2.0), rng.uniform(2.0, VIEW - 2.0)
        time = rng.uniform(FIRST_CONTACT, LAST_CONTACT)
        closing = sum((velocity[0][k] - velocity[1][k]) * normal[k] for k in range(2))
        if closing <= 0.3:
            return None
        bodies = []
        for color, side, r, v in zip(("blue", "red"), (-1, 1), radii, velocity):
            apart = side * sum(radii) / 2
            x, y = (m + apart * n - u * time for m, n, u in zip(middle, normal, v))
            if not (r <= x <= VIEW - r and r <= y <= VIEW - r):
                return None
            bodies.append(Body(color, (r,), (x, y), v))
        return Scene(tuple(bodies))
