"""Bounce: a ball must be let go of at such a height and place that it clears a wall after its bounce."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from envs import draws
from envs.base import Outcome, Start, opened, spoils
from worldsim.scenarios import carriage
from worldsim.scenarios.base import GRAVITY, RESTITUTION
from worldsim.scenarios.carriage import LIFT, WALL, WALL_HALF, WALL_TOP
from worldsim.scenarios.fall import FLOOR_TOP
from worldsim.scenes import DT, VIEW
from worldsim.tracking import LEFT, LOST, Track

CARRIAGE, BALL = 1, 2
FRAMES = 56
PROPOSALS, ROUNDS = 256, 2000
NOT_YET = 10.0  #: m, added to the miss while the ball has not bounced
JUMP = 0.5  #: m/s, a larger change of the vertical velocity upward within a frame is a bounce
NEAR = 0.5  #: m above the floor; a bounce ends its frame this low
GAP = 0.3  #: m between carriage and ball, less is still carried
SPARE = 0.15  #: m between the reference path and the wall
SPEED = (1.0, 2.5)  #: m/s; faster carriages leave no room for a bounce before the wall


class Bounce(draws.Sampled):
    """A decision at every frame, 56 frames at most: up or down, and whether to let go, never taken back.

    The goal is (x of the wall, its top). The ball must pass the wall's middle after a bounce on the floor,
    its lowest point above the wall's top or at most the tolerance below it. It begins too low for that. At
    the level `size` radii are 0.3 to 0.6 m: a larger ball has no room to bounce before the wall and to clear
    it, and for the same reason most balls in distribution have 0.7 to 0.9 m (see `envs.factors.quantiles`).
    At speeds out of distribution no bounce clears the wall.
    """

    name = "Bounce"
    scenario = "drop"
    null = "inertia"
    frames = FRAMES
    stride = 1
    levels = ("id", "size")
    tolerance = 0.3
    goal_size = 2
    template = carriage.CarriageWall.template

    def aim(self, track: Track, goal: Tensor) -> Tensor:
        """See `Task.aim`: right before the wall."""
        return goal.to(track.position) - torch.tensor([1.0, 0.0]).to(track.position)

    def open(self, track: Track, goal: Tensor) -> Outcome:
        """See `Task.open`."""
        return opened(track, NOT_YET + self._short(track, goal))

    def judge(
        self, outcome: Outcome, before: Track, after: Track, goal: Tensor, time_left: Tensor
    ) -> Outcome:
        """Success when the ball passes the wall; failure when it passes otherwise, leaves or time is up.

        After the bounce the miss is the least that the ball was too low or not yet at the wall. The reward
        comes at the end: 1 for success minus a quarter of the miss (at most 1).
        """
        spoiled = outcome.spoiled | spoils(after)
        bounced = (outcome.miss < NOT_YET) | _bounces(before, after)
        short = self._short(after, goal)
        past = torch.where(outcome.miss < NOT_YET, outcome.miss, torch.full_like(short, VIEW))
        x = goal[:, 0].to(after.position)
        passes = (before.position[:, BALL, 0] < x) & (after.position[:, BALL, 0] >= x)
        gone = (after.status[:, BALL] == LEFT) | (after.status[:, BALL] == LOST)
        miss = torch.where(bounced, torch.minimum(past, short), NOT_YET + short)
        success = passes & bounced & ~spoiled & ~gone & (self._low(after, goal) <= self.tolerance)
        failure = ~success & (passes | gone | (time_left <= 0))
        reward = success.float() - (success | failure) * (miss / 4).clamp(max=1.0)
        return Outcome(success, failure, spoiled, miss, reward)

    def _low(self, track: Track, goal: Tensor) -> Tensor:
        """How far the ball's lowest point is below the wall's top [N], m, at least 0."""
        lowest = track.position[:, BALL, 1] - track.size[:, BALL]
        return torch.nan_to_num((goal[:, 1].to(lowest) - lowest).clamp(min=0), nan=VIEW).float()

    def _short(self, track: Track, goal: Tensor) -> Tensor:
        """How far the ball is below the wall's top or before the wall [N], m."""
        before = (goal[:, 0].to(track.position) - track.position[:, BALL, 0]).clamp(min=0).float()
        return (torch.nan_to_num(before, nan=VIEW) + self._low(track, goal)).clamp(max=VIEW)

    def paint(self, frames: Tensor, goal: Tensor) -> Tensor:
        """The wall is a body: nothing is drawn."""
        return frames

    def _sample(self, level: str, start_id: int) -> Start | None:
        rng = draws.stream(self.name, start_id)
        for _ in range(ROUNDS):  # size and speed are kept for a whole round
            factors, places = rng.random(2), rng.random((PROPOSALS, 4))
            radius = float(draws.radii(factors[0], level))
            speed = float(draws.spread(factors[1], SPEED))
            throw = _propose(radius, speed, places)
            chosen = np.flatnonzero(_fits(throw))
            if len(chosen):
                i = chosen[0]
                bodies = carriage.loaded(float(throw.x[i]), float(throw.bottom[i]), radius, speed)
                floor, wall = self.template.bodies[0], self.template.bodies[-1]
                scene = replace(self.template, bodies=(floor, *bodies, wall))
                return Start(self.name, level, start_id, scene, np.array([WALL.position[0], WALL_TOP]))
        return None


def _bounces(before: Track, after: Track) -> Tensor:
    """[N] bool: the ball, no longer carried, is thrown up by the floor."""
    gap = after.position[:, CARRIAGE, 1] - after.position[:, BALL, 1]
    free = gap > carriage.HALF[1] + after.size[:, BALL] + GAP
    low = after.position[:, BALL, 1] - after.size[:, BALL] < FLOOR_TOP + NEAR
    return free & low & (after.velocity[:, BALL, 1] - before.velocity[:, BALL, 1] > JUMP)


@dataclass(frozen=True)
class _Throw:
    """Proposals that share radius and speed: start and lowest point [P] m, then what the reference plan does:
    it lifts by `lift` m, lets go at `release` m in x."""

    radius: float
    speed: float
    x: np.ndarray
    bottom: np.ndarray
    lift: np.ndarray
    release: np.ndarray


def _propose(radius: float, speed: float, places: np.ndarray) -> _Throw:
    """Carriages too low to clear the wall from where they are."""
    enough = (WALL_TOP - FLOOR_TOP) / RESTITUTION**2  # height above the floor from which the wall is reached
    bottom = FLOOR_TOP + draws.spread(places[:, 0], (0.5, enough - 0.2))
    lift = enough + draws.spread(places[:, 1], (0.2, 2.0)) + FLOOR_TOP - bottom
    highest = VIEW - 2 * radius - 2 * carriage.HALF[1]
    lift = np.minimum(lift, highest - bottom)
    x = radius + places[:, 2] * (WALL.position[0] - WALL_HALF - 2 * radius)
    needed = speed * (draws.CONTEXT_TIME + lift / LIFT)  # way while it is lifted
    release = x + needed + places[:, 3] * np.maximum(WALL.position[0] - x - needed, 0.0)
    return _Throw(radius, speed, x, bottom, lift, release)


def _fits(throw: _Throw) -> np.ndarray:
    """[P] bool: the reference path bounces once before the wall, clears it, and does so in time."""
    height = throw.bottom + throw.lift - FLOOR_TOP
    fall = np.sqrt(2 * height / GRAVITY)
    rebound = RESTITUTION * GRAVITY * fall
    bounce = throw.release + throw.speed * fall
    clear = bounce + throw.radius + WALL_HALF + SPARE < WALL.position[0]
    for x in np.linspace(-1, 1, 9) * (WALL_HALF + throw.radius):
        t = (WALL.position[0] + x - bounce) / throw.speed
        y = FLOOR_TOP + throw.radius + rebound * t - GRAVITY * t**2 / 2
        aside = max(abs(x) - WALL_HALF, 0.0)
        clear &= np.hypot(aside, np.maximum(y - WALL_TOP, 0.0)) > throw.radius + SPARE
    passing = (WALL.position[0] - throw.x) / throw.speed
    return clear & (throw.lift > 0) & (passing < draws.CONTEXT_TIME + FRAMES * DT - 0.2)
