"""Catch: a basket slower than the ball must be under the ball when it comes down through the basket's rim."""

from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from envs import draws
from envs.base import Start
from envs.crossings import Crossing
from worldsim.scenes import VIEW, Body, Control, Scene
from worldsim.tracking import Track

FLOOR, BASKET, BALL = 0, 1, 2
FLOOR_TOP = 0.3  #: m
RIM = 2.6  #: m, top of the basket
HALF = 0.8  #: m, half of the basket's width
GRAVITY = 2.5
RESTITUTION = 0.8
BASKET_SPEED = 1.2  #: m/s, fastest basket; the slowest ball moves at 1.2 m/s too
FRAMES = 48
HURRY, HURRY_BOUNCE = (0.5, 0.9), (0.1, 0.6)  #: travel that is needed, as a share of what is possible
BEHIND, BEHIND_BOUNCE = 0.7, 0.9  #: share of baskets that start behind the place of crossing
PROPOSALS = 256
ROUNDS = 2000


class Catch(Crossing):
    """A decision at every frame, 48 frames at most. The goal is (rim height, tolerance).

    Each downward crossing of the rim is a chance. Levels: `bounce` can only be caught after a bounce on the
    floor, at all others only at the first crossing; `speed` has a horizontal speed of 4.5 to 6 m/s, `size`
    radii of 0.3 to 0.6 or 1.6 to 2.0 m, `both` has both. At either of the last two, three balls in five are
    large (see `envs.factors.quantiles`).
    """

    name = "Catch"
    scenario = "drop"
    null = "inertia"
    ball = BALL
    frames = FRAMES
    stride = 1
    levels = ("id", "bounce", "speed", "size", "both")
    tolerance = HALF
    template = Scene(
        (
            Body("black", (5.0, FLOOR_TOP / 2), (5.0, FLOOR_TOP / 2), shape="box", motion="fixed"),
            Body("red", (HALF, 1.15), (5.0, 1.45), shape="box", motion="kinematic", solid=False),
            Body("blue", (1.0,), (5.0, 5.0)),
        ),
        gravity=GRAVITY,
        restitution=RESTITUTION,
        control=Control(BASKET, "velocity", (-BASKET_SPEED,), (BASKET_SPEED,)),
    )

    def _sample(self, level: str, start_id: int) -> Start | None:
        rng, dropped = draws.stream(self.name, start_id), 0
        for _ in range(ROUNDS):  # size, speed, side and hurry are kept for a whole round
            fall = _propose(level, rng.random(5), rng.random((PROPOSALS, 2)))
            good, idle = _fits(level, fall)
            chosen = np.flatnonzero(good & ~idle)
            if len(chosen):
                i = chosen[0]
                dropped += int((good & idle)[:i].sum())
                return self._start(level, start_id, fall, i, dropped)
            dropped += int((good & idle).sum())
        return None

    def _start(self, level: str, start_id: int, fall: "_Fall", i: int, dropped: int) -> Start:
        floor, basket, ball = self.template.bodies
        scene = replace(
            self.template,
            bodies=(
                floor,
                replace(basket, position=(float(fall.basket[i]), basket.position[1])),
                replace(
                    ball,
                    size=(fall.radius,),
                    position=(float(fall.x[i]), float(fall.y[i])),
                    velocity=(fall.speed, 0.0),
                ),
            ),
        )
        return Start(self.name, level, start_id, scene, np.array([RIM, self.tolerance]), dropped)

    def place(self, track: Track, goal: Tensor) -> Tensor:
        """See `Crossing.place`: the middle of the basket."""
        return track.position[:, BASKET, 0]


@dataclass(frozen=True)
class _Fall:
    """Proposals that share radius and velocity: ball and basket at t = 0 [P] m."""

    radius: float
    speed: float
    x: np.ndarray
    y: np.ndarray
    basket: np.ndarray


def _crossings(radius: float, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Times in s at which balls dropped from heights y come down through the rim, before and after a bounce.

    y = y0 - g t²/2; the bounce turns e times the speed around. Infinite where there is no crossing.
    """
    bottom = FLOOR_TOP + radius
    first = np.sqrt(np.maximum(2 * (y - RIM) / GRAVITY, 0.0))
    impact = np.sqrt(2 * (y - bottom) / GRAVITY)
    rebound = RESTITUTION * GRAVITY * impact
    over = rebound**2 / (2 * GRAVITY) - (RIM - bottom)
    second = impact + rebound / GRAVITY + np.sqrt(2 * np.maximum(over, 0.0) / GRAVITY)
    return first, np.where(over > 0.05, second, np.inf)


def _propose(level: str, factors: np.ndarray, places: np.ndarray) -> _Fall:
    """Balls anywhere in view; baskets so far from the place of crossing that they must hurry."""
    radius = float(draws.radii(factors[0], level))
    fast = level in ("speed", "both")
    bounced = level == "bounce"
    slow = (1.6, 2.4) if bounced else (1.6, 4.0)
    speed = float(draws.spread(factors[1], draws.SPEED_OOD if fast else slow))
    way = 1.0 if factors[2] < 0.5 else -1.0
    x = radius + places[:, 0] * (VIEW - 2 * radius)
    y = RIM + 0.7 + places[:, 1] * (VIEW - radius - RIM - 0.7)
    crossing = _crossings(radius, y)[bounced]
    crossing = np.where(np.isfinite(crossing), crossing, 0.0)
    hurry = draws.spread(factors[4], HURRY_BOUNCE if bounced else HURRY)
    away = HALF + hurry * BASKET_SPEED * (crossing - draws.CONTEXT_TIME)
    side = (
        -1.0 if factors[3] < (BEHIND_BOUNCE if bounced else BEHIND) else 1.0
    )  # behind the place of crossing, as the ball moves, or beyond it
    return _Fall(radius, way * speed, x, y, x + way * speed * crossing + side * way * away)


def _fits(level: str, fall: _Fall) -> tuple[np.ndarray, np.ndarray]:
    """[P] bool: the ball is in view until its one chance, which is in time; doing nothing solves it."""
    first, second = _crossings(fall.radius, fall.y)
    at_first, at_second = (fall.x + fall.speed * np.where(np.isfinite(t), t, 0.0) for t in (first, second))
    bounced = level == "bounce"
    chance, at_chance = (second, at_second) if bounced else (first, at_first)
    good = (at_chance >= fall.radius) & (at_chance <= VIEW - fall.radius)
    good &= (chance >= 0.9) & (chance <= draws.CONTEXT_TIME + FRAMES * 0.1 - 0.2)
    good &= (fall.basket >= HALF) & (fall.basket <= VIEW - HALF)
    missed = np.abs(fall.basket - at_first)
    if bounced:
        good &= missed > HALF + BASKET_SPEED * (first - draws.CONTEXT_TIME) + 0.2
    else:
        good &= ~np.isfinite(second) | (at_second < 0) | (at_second > VIEW)
    idle = np.minimum(missed, np.abs(fall.basket - at_second)) <= HALF
    return good, idle
