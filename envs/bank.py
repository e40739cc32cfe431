"""Bank: one launch must bring the red ball to the goal behind a divider, off the cushion above it."""

from dataclasses import replace

import numpy as np

from envs import draws
from envs.base import Start
from envs.goals import ReachGoal
from worldsim.scenarios import cushion
from worldsim.scenes import DT, VIEW, Body, Control

RED = 0
FRAMES = 28
PROPOSALS, ROUNDS = 256, 2000
HIGHEST = cushion.HEIGHT - 0.6  #: m, of ball and goal: no straight way passes above the divider
SPARE = 0.1  #: m between the reference shot and the divider


class Bank(ReachGoal):
    """One decision, then 28 frames; the goal is for the red ball, which rests at first.

    Levels: `speed` needs launches of 4.5 to 6 m/s, `size` has radii of 0.3 to 0.6 or 1.6 to 2.0 m, `both` has
    both. The way above the divider leaves hardly any room for large balls: at `size` one in ten is large, at
    `both` none (see `envs.factors.quantiles`).
    """

    name = "Bank"
    target = RED
    tolerance = 0.5
    frames = FRAMES
    levels = ("id", "speed", "size", "both")
    template = cushion.Cushion.template

    def bounds(self, level: str) -> tuple[np.ndarray, np.ndarray]:
        """See `Task.bounds`; the norm of a launch is limited alike."""
        draws.check(self.name, self.levels, level, 0)
        high = np.full(2, draws.longest_launch(level))
        return -high, high

    def _sample(self, level: str, start_id: int) -> Start | None:
        rng = draws.stream(self.name, start_id)
        for _ in range(ROUNDS):  # size and side are kept for a whole round
            radius, side = float(draws.radii(rng.random(()), level)), rng.random()
            red, goal = _propose(radius, rng.random((PROPOSALS, 4)))
            chosen = np.flatnonzero(_fits(level, radius, red, goal))
            if len(chosen):
                return self._start(level, start_id, radius, red[chosen[0]], goal[chosen[0]], side < 0.5)
        return None

    def _start(
        self, level: str, start_id: int, radius: float, red: np.ndarray, goal: np.ndarray, mirrored: bool
    ) -> Start:
        if mirrored:
            red, goal = np.array([VIEW, 0.0]) + red * [-1, 1], np.array([VIEW, 0.0]) + goal * [-1, 1]
        limit = draws.longest_launch(level)
        ball = Body("red", (radius,), (float(red[0]), float(red[1])))
        scene = replace(
            self.template,
            bodies=(ball, *self.template.bodies[1:]),
            control=Control(RED, "launch", (-limit, -limit), (limit, limit)),
        )
        return Start(self.name, level, start_id, scene, goal)


def _propose(radius: float, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Balls on the left of the divider and goals on its right, each [P, 2] m."""
    room = np.array([VIEW / 2 - cushion.EDGE - 2 * radius - 0.2, HIGHEST - radius])
    red = radius + places[:, :2] * room
    goal = np.array([VIEW - radius, radius]) + places[:, 2:] * room * [-1, 1]
    return red, goal


def _fits(level: str, radius: float, red: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """[P] bool: the shot off the cushion passes above the divider at a speed of the level.

    The reference shot is straight to the goal's mirror image: the ball's centre turns at one radius below
    the cushion.
    """
    turn = cushion.TOP - radius
    image = np.stack([goal[:, 0], 2 * turn - goal[:, 1]], axis=-1)
    velocity = (image - red) / (FRAMES * DT)
    speed = np.linalg.norm(velocity, axis=-1)
    low, high = draws.SPEED_OOD if level in ("speed", "both") else (2.0, draws.LAUNCH)
    clear = np.ones(len(red), dtype=bool)
    for t in np.linspace(0, FRAMES * DT, 120):
        x, y = (red + velocity * t).T
        y = np.where(y > turn, 2 * turn - y, y)
        aside, above = np.maximum(np.abs(x - VIEW / 2) - cushion.EDGE, 0), np.maximum(y - cushion.HEIGHT, 0)
        clear &= np.hypot(aside, above) > radius + SPARE
    return clear & (speed >= low) & (speed <= high)
