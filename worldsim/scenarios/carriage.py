"""Carriage: a ball rides below a carriage and is let go of above a floor, with or without a wall on it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from worldsim import keys as key
from worldsim.engines import make_engine
from worldsim.engines.base import simulate
from worldsim.scenarios import base
from worldsim.scenarios.fall import FLOOR, FLOOR_TOP
from worldsim.scenes import VIEW, Body, Control, Scene, Trajectory

HALF = (0.9, 0.15)  #: m, half sizes of the carriage
LIFT = 1.5  #: m/s, fastest carriage up or down
WALL_TOP, WALL_HALF = 1.8, 0.15  #: m
WALL = Body(
    "black",
    (WALL_HALF, (WALL_TOP - FLOOR_TOP) / 2),
    (6.5, (WALL_TOP + FLOOR_TOP) / 2),
    shape="box",
    motion="fixed",
)
CONTROL = Control(1, "carry", (-LIFT, 0.0), (LIFT, 1.0), load=2)


def loaded(x: float, bottom: float, radius: float, speed: float) -> tuple[Body, Body]:
    """A carriage at x whose ball hangs with its lowest point at height `bottom`, m; both move at `speed`."""
    y = bottom + radius
    ball = Body("blue", (radius,), (float(x), float(y)), (float(speed), 0.0))
    place = (float(x), float(y + radius + HALF[1]))
    carriage = Body("red", HALF, place, (float(speed), 0.0), shape="box", motion="kinematic", solid=False)
    return carriage, ball


class Carriage:
    """The carriage crosses the view, up and down by random commands, and lets go at a random time."""

    name = "carriage"
    levels = ("id",)
    frames = 52
    wall = False
    template = Scene(
        (FLOOR, *loaded(5.0, 4.0, 1.0, 0.0)),
        gravity=base.GRAVITY,
        restitution=base.RESTITUTION,
        control=CONTROL,
    )

    def propose(self, level: str, rng: np.random.Generator) -> Scene | None:
        """See `Scenario.propose`."""
        radius, speed = base.radius(rng, False), base.speed(rng, False)
        way = 1.0 if self.wall else base.sign(rng)
        x = rng.uniform(radius, 4.0)
        bottom = rng.uniform(FLOOR_TOP + 0.5, VIEW - 2 * radius - 2 * HALF[1])
        bodies = loaded(x if way > 0 else VIEW - x, bottom, radius, way * speed)
        if self.wall and bodies[1].position[0] + radius > WALL.position[0] - 0.5:
            return None
        return replace(self.template, bodies=(FLOOR, *bodies, *self.template.bodies[3:]))

    def accept(self, level: str, clips: Trajectory) -> np.ndarray:
        """Every draw belongs to its level."""
        return np.ones(len(clips.states), dtype=bool)

    def actions(self, scenes: Sequence[Scene], keys: np.ndarray, frames: int) -> np.ndarray:
        """Half of the carriages go up and down by commands that hold for 1 to 10 frames; each lets go once,
        between frame 3 and the time at which it would leave the view or reach the wall. Balls that the
        wall's corner would make too fast to be in distribution are never let go of."""
        lifts = base.held_commands("carriage lifts", keys, frames, LIFT)
        actions = np.concatenate([lifts, np.zeros_like(lifts)], axis=-1)
        for i, (scene, k) in enumerate(zip(scenes, key.fold(keys, "carriage release"))):
            rng, (_, carriage, ball) = key.generator(k), scene.bodies[:3]
            actions[i, :, 0] *= rng.random() < 0.5
            speed, x = carriage.velocity[0], carriage.position[0]
            end = VIEW if speed > 0 else 0.0
            if self.wall:
                end = WALL.position[0] - WALL_HALF - ball.radius
            last = int(abs(end - x) / max(abs(speed), 0.1) * 10)
            when = int(rng.integers(3, max(4, min(last, frames - 10))))
            actions[i, when:, 1] = 1.0
        if self.wall:
            truth = simulate(make_engine("reference"), scenes, frames, actions)
            fast = np.abs(truth.states[:, :, 2, 3]).max(1) > base.SPEED_CAP
            actions[fast, :, 1] = 0.0
        return actions


class CarriageWall(Carriage):
    """The same with a wall on the floor."""

    name = "carriage_wall"
    wall = True
    template = replace(Carriage.template, bodies=(*Carriage.template.bodies, WALL))
