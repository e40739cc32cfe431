"""Push: a box must push a ball that slows down by itself so that it comes to rest in the goal, alone."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from envs import draws
from envs.base import Start
from envs.goals import CLEAR, ReachGoal
from worldsim.scenarios import push
from worldsim.scenarios.push import BALL, DAMPING, HALF, PUSHER, PUSHER_SPEED, pair
from worldsim.scenes import DT, VIEW
from worldsim.tracking import Track

FRAMES = 48
PROPOSALS, ROUNDS = 256, 2000
AWAY = 0.3  #: m between pusher and ball at the end, at least
STILL = 0.3  #: m/s, fastest ball at the end
GAP = 0.4  #: m between pusher and ball during the context, at least
FARTHEST = 3.6  #: m from where the ball would come to rest to the goal
ASIDE = 2.0  #: m, how far the pusher begins from the line of its push
TURN = 0.5  #: radians, between the ball's motion and the line across the push
SPARE = 1.4  #: s that the reference leaves over


class Push(ReachGoal):
    """A decision at every frame, 48 frames; the goal is for the ball, which rolls and slows down.

    At the last frame the ball must lie in the goal, no faster than 0.3 m/s, with the pusher at least 0.3 m
    away from it. Nothing stops a ball but damping: it must be let go of about a metre before the goal for
    each m/s. The pusher's sides have no friction, a push along one axis leaves the ball's motion across
    alone, and such a push is what it lacks. Levels: `speed` has a ball that begins with 4.5 to 6 m/s, `size`
    radii of 0.3 to 0.6 or 1.6 to 2.0 m, half of them large, `both` has both.
    """

    name = "Push"
    target = BALL
    null = "undamped"
    tolerance = 0.6
    frames = FRAMES
    levels = ("id", "speed", "size", "both")
    template = push.Push.template

    def aim(self, track: Track, goal: Tensor) -> Tensor:
        """See `Task.aim`: the side of the ball from which a push would go to the goal."""
        ball = track.position[:, BALL]
        way = goal.to(ball) - ball
        unit = way / way.square().sum(-1, keepdim=True).sqrt().clamp(min=1e-6)
        return ball - unit * (track.size[:, BALL, None] + HALF)

    def _miss(self, track: Track, goal: Tensor) -> Tensor:
        """Distance of the ball from the goal; a ball that is not left alone and at rest is farther than twice
        the tolerance."""
        apart = (track.position[:, BALL] - track.position[:, PUSHER]).abs() - HALF
        gap = apart.clamp(min=0).square().sum(-1).sqrt() - track.size[:, BALL]
        speed = track.velocity[:, BALL].square().sum(-1).sqrt()
        short = ((AWAY - gap).clamp(min=0) + (speed - STILL).clamp(min=0)).float()
        miss = super()._miss(track, goal) + torch.where(short > 0, short + 2 * self.tolerance, 0.0)
        return torch.nan_to_num(miss, nan=VIEW).clamp(max=2 * VIEW)

    def _sample(self, level: str, start_id: int) -> Start | None:
        rng = draws.stream(self.name, start_id)
        for _ in range(ROUNDS):  # size, speed and the push's direction are kept for a whole round
            table = _propose(level, rng.random(5), rng.random((PROPOSALS, 6)))
            chosen = np.flatnonzero(_fits(table))
            if len(chosen):
                return self._start(level, start_id, table, chosen[0])
        return None

    def _start(self, level: str, start_id: int, table: "_Table", i: int) -> Start:
        ball, box = self.template.bodies
        position, pusher, goal = (table.turned(a[i]) for a in (table.ball, table.pusher, table.goal))
        velocity = table.turned(table.velocity[i] + VIEW / 2) - VIEW / 2
        moving = replace(ball, size=(table.radius,), position=pair(position), velocity=pair(velocity))
        scene = replace(self.template, bodies=(moving, replace(box, position=pair(pusher))))
        return Start(self.name, level, start_id, scene, goal)


@dataclass(frozen=True)
class _Table:
    """Proposals that share a radius: ball and pusher at t = 0, the ball's velocity and where it must come to
    rest, [P, 2] m and m/s, as if the push went to the right; `flips` turns the picture."""

    radius: float
    ball: np.ndarray
    velocity: np.ndarray
    pusher: np.ndarray
    goal: np.ndarray
    flips: tuple[bool, bool, bool]

    def turned(self, place: np.ndarray) -> np.ndarray:
        """A place [2] m mirrored left to right, up to down, and about the diagonal."""
        across, upside, diagonal = self.flips
        x, y = np.where([across, upside], VIEW - place, place)
        return np.array([y, x] if diagonal else [x, y])


def _propose(level: str, factors: np.ndarray, places: np.ndarray) -> _Table:
    """Balls that move up, more or less, with the pusher on their left."""
    radius = float(draws.radii(factors[0], level))
    fast = level in ("speed", "both")
    speed = float(draws.spread(factors[1], draws.SPEED_OOD if fast else (1.0, 4.0)))
    angle = np.pi / 2 + TURN * (2 * places[:, 0] - 1)
    velocity = speed * np.stack([np.cos(angle), np.sin(angle)], -1)
    ball = radius + places[:, 1:3] * (VIEW - 2 * radius)
    rest = ball + velocity / DAMPING
    least = Push.tolerance + CLEAR
    goal = rest + np.stack([least + places[:, 3] * (FARTHEST - least), np.zeros(len(rest))], -1)
    behind = np.minimum(ball, rest)[:, 0] - radius - HALF - GAP
    aside = ASIDE * (2 * places[:, 5] - 1)
    pusher = np.stack([HALF + places[:, 4] * (behind - HALF), rest[:, 1] + aside], -1)
    across, upside, diagonal = (bool(f < 0.5) for f in factors[2:5])
    return _Table(radius, ball, velocity, pusher, goal, (across, upside, diagonal))


def _fits(table: _Table) -> np.ndarray:
    """[P] bool: all is in view, and there is time for the reference: the pusher goes to the line of the push,
    meets the ball where it comes to rest, and pushes so fast that it rolls the rest of the way."""
    rest = table.ball + table.velocity / DAMPING
    good = np.ones(len(rest), dtype=bool)
    for place in (table.ball, rest, table.goal):
        good &= ((place >= table.radius) & (place <= VIEW - table.radius)).all(-1)
    good &= ((table.pusher >= HALF) & (table.pusher <= VIEW - HALF)).all(-1)
    contact = rest - [table.radius + HALF, 0.0]
    way = contact - table.pusher
    travel = np.abs(way).max(-1) / PUSHER_SPEED
    lacks = table.goal[:, 0] - rest[:, 0]
    pushed = np.maximum(lacks - PUSHER_SPEED / DAMPING, 0.0) / PUSHER_SPEED
    speed = np.minimum(lacks * DAMPING, PUSHER_SPEED)
    rolls = np.log(np.maximum(speed / STILL, 1.0)) / DAMPING
    time = travel + pushed + rolls
    return good & (way[:, 0] >= 0) & (time <= FRAMES * DT - SPARE)
