"""Cushion: a red ball on a table with two fixed walls, launched once or twice."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from worldsim import keys as key
from worldsim.engines import make_engine
from worldsim.engines.base import simulate
from worldsim.scenarios import base
from worldsim.scenes import VIEW, Body, Control, Scene, Trajectory

TOP = 9.0  #: m, the cushion's lower edge
CUSHION = Body("black", (4.9, 0.15), (5.0, TOP + 0.15), shape="box", motion="fixed")
EDGE, HEIGHT = 0.15, 4.4  #: m, half of the divider's width, and its top
DIVIDER = Body("black", (EDGE, HEIGHT / 2), (5.0, HEIGHT / 2), shape="box", motion="fixed")
LAUNCH = 4.0  #: m/s, longest launch


def clear_of_walls(position: np.ndarray, radius: float) -> bool:
    """Whether a disc at `position` [2] m overlaps neither wall."""
    return all(
        np.linalg.norm(np.maximum(np.abs(position - wall.position) - wall.size, 0.0)) > radius
        for wall in (CUSHION, DIVIDER)
    )


class Cushion:
    """The ball begins anywhere, at rest or slowly; launches go anywhere, half of them towards a wall."""

    name = "cushion"
    levels = ("id",)
    frames = 34
    template = Scene(
        (Body("red", (1.0,), (3.0, 3.0)), CUSHION, DIVIDER),
        control=Control(0, "launch", (-LAUNCH, -LAUNCH), (LAUNCH, LAUNCH)),
    )

    def propose(self, level: str, rng: np.random.Generator) -> Scene | None:
        """See `Scenario.propose`."""
        radius = base.radius(rng, False)
        position = rng.uniform(radius, VIEW - radius, size=2)
        speed = 0.0 if rng.random() < 0.5 else rng.uniform(0.5, 4.0)
        angle = rng.uniform(0, 2 * np.pi)
        if not clear_of_walls(position, radius):
            return None
        velocity = (float(speed * np.cos(angle)), float(speed * np.sin(angle)))
        ball = Body("red", (radius,), (float(position[0]), float(position[1])), velocity)
        return replace(self.template, bodies=(ball, CUSHION, DIVIDER))

    def accept(self, level: str, clips: Trajectory) -> np.ndarray:
        """Every draw belongs to its level."""
        return np.ones(len(clips.states), dtype=bool)

    def actions(self, scenes: Sequence[Scene], keys: np.ndarray, frames: int) -> np.ndarray:
        """A launch (seldom two) between frames 3 and 12; those that make the ball too fast are left out."""
        actions = np.zeros((len(scenes), frames - 1, 2))
        for i, (scene, k) in enumerate(zip(scenes, key.fold(keys, "cushion actions"))):
            rng = key.generator(k)
            times = [int(rng.integers(3, 13))] + ([int(rng.integers(13, 28))] if rng.random() < 0.15 else [])
            for t in times:
                angle, x = rng.uniform(0, 2 * np.pi), scene.bodies[0].position[0]
                if rng.random() < 0.5:  # up, or at the divider
                    angle = rng.choice([np.pi / 2, 0.0 if x < VIEW / 2 else np.pi]) + rng.normal(0, 0.5)
                strength = rng.uniform(0.5, LAUNCH)
                actions[i, min(t, frames - 2)] = strength * np.cos(angle), strength * np.sin(angle)
        fast = ~base.within_speed(simulate(make_engine("reference"), scenes, frames, actions))
        actions[fast] = 0.0
        return actions
