"""Push: a ball rolls and slows down; a box that can push it is steered at random, or once at the ball.

Roll: the same ball alone. Where it is pushed, slowing down is hard to tell from being pushed too little.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from worldsim import keys as key
from worldsim.engines import make_engine
from worldsim.engines.base import simulate
from worldsim.engines.damping import reach
from worldsim.scenarios import base
from worldsim.scenes import DT, VIEW, Body, Control, Scene, Trajectory

BALL, PUSHER = 0, 1
DAMPING = 1.0  #: 1/s; a ball left alone rolls 1 m for each m/s
HALF = 0.8  #: m, half of the pusher's side
PUSHER_SPEED = 2.0  #: m/s, fastest pusher along either axis
CHARGES = 0.8  #: share of the pushers that make for the ball once


def gap(ball: np.ndarray, pusher: np.ndarray, radius: float) -> float:
    """Distance in m between the outlines of ball and pusher at these places [2] m; below 0 they overlap."""
    outside = np.maximum(np.abs(ball - pusher) - HALF, 0.0)
    return float(np.sqrt(np.square(outside).sum()) - radius)


class Push:
    """The ball begins anywhere, at rest or moving; the pusher begins anywhere else."""

    name = "push"
    levels = ("id",)
    frames = 52
    template = Scene(
        (
            Body("sky", (1.0,), (5.0, 5.0)),
            Body("red", (HALF, HALF), (2.0, 5.0), shape="box", motion="kinematic"),
        ),
        restitution=0.0,
        damping=DAMPING,
        control=Control(PUSHER, "velocity", (-PUSHER_SPEED,) * 2, (PUSHER_SPEED,) * 2),
    )

    def propose(self, level: str, rng: np.random.Generator) -> Scene | None:
        """See `Scenario.propose`; without the pusher the ball would stay in view."""
        radius = base.radius(rng, False)
        position = rng.uniform(radius, VIEW - radius, size=2)
        pusher = rng.uniform(HALF, VIEW - HALF, size=2)
        speed = 0.0 if rng.random() < 0.3 else rng.uniform(0.5, 4.0)
        rolling = _rolling(radius, position, speed, rng)
        if rolling is None or gap(position, pusher, radius) < 0.1:
            return None
        return replace(
            self.template, bodies=(rolling, replace(self.template.bodies[1], position=pair(pusher)))
        )

    def accept(self, level: str, clips: Trajectory) -> np.ndarray:
        """Every draw belongs to its level."""
        return np.ones(len(clips.states), dtype=bool)

    def actions(self, scenes: Sequence[Scene], keys: np.ndarray, frames: int) -> np.ndarray:
        """Commands that hold for 1 to 10 frames; most pushers first wait and then make for where the ball
        will be, roughly, and go on for a while. Commands that make a ball too fast are left out."""
        across, along = (base.held_commands(f"push {axis}", keys, frames, PUSHER_SPEED) for axis in "xy")
        actions = np.concatenate([across, along], axis=-1)
        for i, (scene, k) in enumerate(zip(scenes, key.fold(keys, "push charge"))):
            rng = key.generator(k)
            if rng.random() < CHARGES:
                wait, commands = _charge(scene, rng)
                commands = commands[: frames - 1 - wait]
                actions[i, 3:wait] = 0.0
                actions[i, wait : wait + len(commands)] = commands
        fast = ~base.within_speed(simulate(make_engine("reference"), scenes, frames, actions))
        actions[fast] = 0.0
        return actions


class Roll:
    """The ball begins anywhere and rolls until it lies still."""

    name = "roll"
    levels = ("id",)
    frames = 32
    template = replace(Push.template, bodies=Push.template.bodies[:1], control=None)

    def propose(self, level: str, rng: np.random.Generator) -> Scene | None:
        """See `Scenario.propose`."""
        radius = base.radius(rng, False)
        position = rng.uniform(radius, VIEW - radius, size=2)
        rolling = _rolling(radius, position, rng.uniform(0.5, 4.0), rng)
        return None if rolling is None else replace(self.template, bodies=(rolling,))

    def accept(self, level: str, clips: Trajectory) -> np.ndarray:
        """Every draw belongs to its level."""
        return np.ones(len(clips.states), dtype=bool)

    def actions(self, scenes: Sequence[Scene], keys: np.ndarray, frames: int) -> np.ndarray:
        """Nothing can be actuated."""
        return base.no_actions(scenes, frames)


def _rolling(radius: float, position: np.ndarray, speed: float, rng: np.random.Generator) -> Body | None:
    """A ball that rolls in any direction; None where it would not come to rest in view."""
    angle = rng.uniform(0, 2 * np.pi)
    velocity = speed * np.array([np.cos(angle), np.sin(angle)])
    rest = position + velocity / DAMPING
    if (np.abs(rest - VIEW / 2) > VIEW / 2 - radius).any():
        return None
    return Body("sky", (radius,), pair(position), pair(velocity))


def _charge(scene: Scene, rng: np.random.Generator) -> tuple[int, np.ndarray]:
    """When a pusher sets out, and its commands [M, 2] until some frames after it meets the ball."""
    ball, box = scene.bodies
    wait, speed = int(rng.integers(3, 16)), rng.uniform(0.8, PUSHER_SPEED)
    place = np.asarray(ball.position) + rng.normal(0, 0.3 * ball.radius, size=2)
    for frames in range(1, 60):  # until it would be there
        target = place + np.asarray(ball.velocity) * reach(DAMPING, (wait + frames) * DT)
        way = target - box.position
        if np.sqrt(np.square(way).sum()) <= speed * frames * DT:
            break
    return wait, np.tile(way / (frames * DT), (frames + int(rng.integers(0, 9)), 1))


def pair(a: np.ndarray) -> tuple[float, float]:
    """A place or velocity [2] as a body has it."""
    return float(a[0]), float(a[1])
