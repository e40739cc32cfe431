"""Falling: a ball under gravity, alone (parabola), over a floor (drop), and with a moving basket (catch)."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from worldsim.scenarios import base
from worldsim.scenes import VIEW, Body, Control, Scene, Trajectory

FLOOR = Body("black", (5.0, 0.15), (5.0, 0.15), shape="box", motion="fixed")
FLOOR_TOP = 0.3  #: m
BASKET = Body("red", (0.8, 1.15), (5.0, 1.45), shape="box", motion="kinematic", solid=False)
RIM = 2.6  #: m, top of the basket
BASKET_SPEED = 1.5  #: m/s, fastest basket in the data


class Parabola:
    """One ball is launched horizontally and leaves the view through its lower edge (phyworld)."""

    name = "parabola"
    levels: tuple[str, ...] = ("id", "size", "speed", "both")
    frames = 32
    template = Scene((Body("blue", (1.0,), (5.0, 5.0)),), gravity=base.GRAVITY, restitution=base.RESTITUTION)
    lowest, highest = 6.5, 9.0  #: m, the ball's centre at the start

    def propose(self, level: str, rng: np.random.Generator) -> Scene | None:
        """See `Scenario.propose`."""
        r = base.radius(rng, level in ("size", "both"))
        v = self._speed(level, rng)
        way = base.sign(rng)
        x = rng.uniform(r, max(3.5, r + 0.5))
        y = rng.uniform(max(self.lowest, r + FLOOR_TOP + 0.5), max(self.highest, r + FLOOR_TOP + 1.0))
        y = min(y, VIEW - r)
        ball = Body("blue", (r,), (float(x if way > 0 else VIEW - x), float(y)), (way * v, 0.0))
        return self._scene(ball, rng)

    def _speed(self, level: str, rng: np.random.Generator) -> float:
        return base.speed(rng, level in ("speed", "both"))

    def _scene(self, ball: Body, rng: np.random.Generator) -> Scene:
        return replace(self.template, bodies=(ball,))

    def accept(self, level: str, clips: Trajectory) -> np.ndarray:
        """Every draw belongs to its level."""
        return np.ones(len(clips.states), dtype=bool)

    def actions(self, scenes: Sequence[Scene], keys: np.ndarray, frames: int) -> np.ndarray:
        """Nothing can be actuated."""
        return base.no_actions(scenes, frames)


class Drop(Parabola):
    """A ball falls on a floor and bounces; in half of the scenes it is launched horizontally."""

    name = "drop"
    frames = 48
    lowest, highest = 2.5, 9.0
    template = Scene(
        (FLOOR, Body("blue", (1.0,), (5.0, 5.0))), gravity=base.GRAVITY, restitution=base.RESTITUTION
    )

    def _speed(self, level: str, rng: np.random.Generator) -> float:
        falls_straight = rng.random() < 0.5
        return 0.0 if falls_straight and level in ("id", "size") else super()._speed(level, rng)

    def _scene(self, ball: Body, rng: np.random.Generator) -> Scene:
        if ball.velocity[0] == 0.0:
            ball = replace(
                ball, position=(float(rng.uniform(ball.radius, VIEW - ball.radius)), ball.position[1])
            )
        return replace(self.template, bodies=(FLOOR, ball))


class Catch(Parabola):
    """A launched ball bounces while a basket moves behind it by random commands."""

    name = "catch"
    levels = ("id",)
    frames = 52
    lowest, highest = 3.2, 9.0
    template = Scene(
        (FLOOR, BASKET, Body("blue", (1.0,), (5.0, 5.0))),
        gravity=base.GRAVITY,
        restitution=base.RESTITUTION,
        control=Control(1, "velocity", (-BASKET_SPEED,), (BASKET_SPEED,)),
    )

    def _scene(self, ball: Body, rng: np.random.Generator) -> Scene:
        half = BASKET.size[0]
        basket = replace(BASKET, position=(float(rng.uniform(half, VIEW - half)), BASKET.position[1]))
        return replace(self.template, bodies=(FLOOR, basket, ball))

    def actions(self, scenes: Sequence[Scene], keys: np.ndarray, frames: int) -> np.ndarray:
        """Commands that hold for 1 to 10 frames; every fifth of them is to stand still."""
        return base.held_commands("catch actions", keys, frames, BASKET_SPEED)
