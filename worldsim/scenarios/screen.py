"""A screen and a paddle below it, moved at random: a ball passes behind the one and over the other."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from worldsim.scenarios import base
from worldsim.scenes import DT, VIEW, Body, Control, Scene, Trajectory

LOW, HIGH = 3.0, 6.4  #: m, edges of the screen
SCREEN = Body(
    "black", (5.0, (HIGH - LOW) / 2), (5.0, (HIGH + LOW) / 2), shape="box", motion="fixed", solid=False
)
LINE = 2.4  #: m, where the ball must be met
PADDLE = Body("red", (0.8, 0.2), (5.0, LINE - 0.5), shape="box", motion="kinematic", solid=False)
PADDLE_SPEED = 1.2  #: m/s, fastest paddle in the data
HIDDEN = (1.0, 10.0)  #: frames for which nothing of the ball shows


def falling_speed(radius: float, hidden: np.ndarray) -> np.ndarray:
    """Downward speeds, m/s, at which a ball shows nothing for `hidden` frames."""
    return (HIGH - LOW - 2 * radius) / (hidden * DT)


class Screen:
    """A ball comes down behind the screen; it is hidden for 1 to 10 frames."""

    name = "screen"
    levels = ("id",)
    frames = 60
    template = Scene(
        (Body("blue", (1.0,), (5.0, 8.0)), PADDLE, SCREEN),
        control=Control(1, "velocity", (-PADDLE_SPEED,), (PADDLE_SPEED,)),
    )

    def propose(self, level: str, rng: np.random.Generator) -> Scene | None:
        """See `Scenario.propose`."""
        radius, speed = base.radius(rng, False), base.speed(rng, False)
        down = float(falling_speed(radius, rng.uniform(*HIDDEN, size=())))
        aside = base.sign(rng) * np.sqrt(max(speed**2 - down**2, 0.0))
        x, y = rng.uniform(radius, VIEW - radius), rng.uniform(HIGH + radius / 2, VIEW - radius)
        paddle = replace(PADDLE, position=(rng.uniform(0.8, VIEW - 0.8), PADDLE.position[1]))
        if not 0.4 < down < speed or y < HIGH + radius + 0.3 * down:
            return None
        ball = Body("blue", (radius,), (float(x), float(y)), (float(aside), -float(down)))
        return replace(self.template, bodies=(ball, paddle, SCREEN))

    def accept(self, level: str, clips: Trajectory) -> np.ndarray:
        """Clips whose ball is still in view when it comes out of the screen."""
        x, y = clips.states[:, :, 0, 0], clips.states[:, :, 0, 1]
        return np.asarray(((x > 0) & (x < VIEW) & (y < LOW)).any(axis=1))

    def actions(self, scenes: Sequence[Scene], keys: np.ndarray, frames: int) -> np.ndarray:
        """Commands that hold for 1 to 10 frames; every fifth of them is to stand still."""
        return base.held_commands("screen actions", keys, frames, PADDLE_SPEED)


class Passing(Screen):
    """A ball that begins below the screen passes over the paddle, or where it has been. Behind the screen it
    would be long before it does, and what passes over a paddle looks much like what strikes a pusher."""

    name = "passing"
    frames = 32

    def propose(self, level: str, rng: np.random.Generator) -> Scene | None:
        """See `Scenario.propose`."""
        radius, speed, side = base.radius(rng, False), base.speed(rng, False), base.sign(rng)
        x = rng.uniform(PADDLE.size[0], VIEW - PADDLE.size[0])
        away = PADDLE.size[0] + radius + rng.uniform(0.1, 2.0)
        place = (float(x + side * away), rng.uniform(radius, LOW - radius))
        angle = rng.uniform(-np.pi / 4, np.pi / 4)
        over = place[1] + away * np.tan(angle)  # above the middle of the paddle
        if not radius <= place[0] <= VIEW - radius or abs(over - PADDLE.position[1]) > radius:
            return None
        velocity = (float(-side * speed * np.cos(angle)), float(speed * np.sin(angle)))
        paddle = replace(PADDLE, position=(float(x), PADDLE.position[1]))
        return replace(self.template, bodies=(Body("blue", (radius,), place, velocity), paddle, SCREEN))

    def accept(self, level: str, clips: Trajectory) -> np.ndarray:
        """All clips."""
        return np.ones(len(clips.states), dtype=bool)
