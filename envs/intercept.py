"""Intercept: a paddle slower than the ball must be where the ball comes out from behind a screen."""

from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from envs import draws
from envs.base import Start
from envs.crossings import Crossing
from worldsim.scenarios import screen
from worldsim.scenes import DT, VIEW, Control
from worldsim.tracking import Track

BALL, PADDLE = 0, 1
HALF = screen.PADDLE.size[0]
PADDLE_SPEED = 0.9  #: m/s, fastest paddle
FRAMES = 56
LONG = (11.0, 20.0)  #: frames for which the ball is hidden at the level `long`
HURRY = (0.5, 0.9)  #: travel that is needed, as a share of what is possible
OUTRUN = 1.4  #: m/s, least speed of the ball aside
BEHIND = 0.7  #: share of paddles that start behind the place of crossing
PROPOSALS, ROUNDS = 256, 2000


class Intercept(Crossing):
    """A decision at every frame, 56 frames at most. The goal is (height of the line, tolerance).

    Nothing of the ball shows for 1 to 10 frames, and waiting until it does is too late. Levels: `long` hides
    it for 11 to 20 frames, `speed` has a speed of 4.5 to 6 m/s, `size` radii of 0.3 to 0.6 m (larger balls
    are never hidden), `both` has both.
    """

    name = "Intercept"
    scenario = "table"
    null = "frozen"  # the law is inertia itself
    ball = BALL
    frames = FRAMES
    stride = 1
    levels = ("id", "long", "speed", "size", "both")
    tolerance = HALF
    template = replace(
        screen.Screen.template, control=Control(PADDLE, "velocity", (-PADDLE_SPEED,), (PADDLE_SPEED,))
    )

    def place(self, track: Track, goal: Tensor) -> Tensor:
        """See `Crossing.place`: the middle of the paddle."""
        return track.position[:, PADDLE, 0]

    def _sample(self, level: str, start_id: int) -> Start | None:
        rng = draws.stream(self.name, start_id)
        for _ in range(ROUNDS):  # size, side and hurry are kept for a whole round
            passing = _propose(level, rng.random(4), rng.random((PROPOSALS, 4)))
            chosen = np.flatnonzero(_fits(passing))
            if len(chosen):
                return self._start(level, start_id, passing, chosen[0])
        return None

    def _start(self, level: str, start_id: int, passing: "_Passing", i: int) -> Start:
        ball, paddle, hiding = self.template.bodies
        scene = replace(
            self.template,
            bodies=(
                replace(
                    ball,
                    size=(passing.radius,),
                    position=(float(passing.x[i]), float(passing.y[i])),
                    velocity=(float(passing.aside[i]), -float(passing.down[i])),
                ),
                replace(paddle, position=(float(passing.paddle[i]), paddle.position[1])),
                hiding,
            ),
        )
        return Start(self.name, level, start_id, scene, np.array([screen.LINE, self.tolerance]))


@dataclass(frozen=True)
class _Passing:
    """Proposals that share a radius: ball and paddle at t = 0 [P] m, speeds aside and down [P] m/s."""

    radius: float
    x: np.ndarray
    y: np.ndarray
    aside: np.ndarray
    down: np.ndarray
    paddle: np.ndarray

    @property
    def time(self) -> np.ndarray:
        """Of the crossing, [P] s."""
        return (self.y - screen.LINE) / self.down


def _propose(level: str, factors: np.ndarray, places: np.ndarray) -> _Passing:
    """Balls that move down behind the screen; paddles so far from the crossing that they must hurry."""
    small = level in ("size", "both")
    radius = float(draws.spread(factors[0], draws.RADIUS_OOD[0] if small else draws.RADIUS))
    fast = level in ("speed", "both")
    speed = draws.spread(places[:, 0], draws.SPEED_OOD if fast else (1.0, 4.0))
    hidden = draws.spread(places[:, 1], LONG if level == "long" else screen.HIDDEN)
    down = screen.falling_speed(radius, hidden)
    way = 1.0 if factors[1] < 0.5 else -1.0
    aside = way * np.sqrt(np.where(down < speed, speed**2 - down**2, np.nan))  # NaN fits nowhere
    x = radius + places[:, 2] * (VIEW - 2 * radius)
    lowest = screen.HIGH + radius + (draws.CONTEXT_TIME + DT) * down
    y = lowest + places[:, 3] * (VIEW - radius - lowest)
    time = (y - screen.LINE) / down
    hurry = draws.spread(factors[2], HURRY)
    away = HALF + hurry * PADDLE_SPEED * (time - draws.CONTEXT_TIME)
    side = -1.0 if factors[3] < BEHIND else 1.0
    return _Passing(radius, x, y, aside, down, x + aside * time + side * way * away)


def _fits(passing: _Passing) -> np.ndarray:
    """[P] bool: ball and paddle are in view throughout, the crossing is in time, the ball moves clearly."""
    at_crossing = passing.x + passing.aside * passing.time
    good = (passing.y <= VIEW - passing.radius) & (passing.down >= 0.4)
    good &= np.abs(passing.aside) >= OUTRUN  # following it does not do
    good &= (at_crossing >= passing.radius) & (at_crossing <= VIEW - passing.radius)
    good &= passing.time <= draws.CONTEXT_TIME + FRAMES * DT - 0.2
    return good & (passing.paddle >= HALF) & (passing.paddle <= VIEW - HALF)
