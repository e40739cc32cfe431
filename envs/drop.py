"""Drop: a ball must be let go of from a moving carriage so that it falls into a bin."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from envs import draws
from envs.base import Start
from envs.crossings import Crossing
from envs.goals import tinted
from worldsim.scenarios import carriage
from worldsim.scenarios.base import GRAVITY
from worldsim.scenarios.fall import FLOOR_TOP, RIM
from worldsim.scenes import DT, VIEW, Control
from worldsim.tracking import Track

CARRIAGE, BALL = 1, 2
HALF = 0.6  #: m, half of the bin's width
FRAMES = 48
PROPOSALS, ROUNDS = 256, 2000
EARLIEST, LATEST = 4, 30  #: frames from the first decision to the reference release


class Drop(Crossing):
    """A decision at every frame, 48 frames at most: whether to let go, never taken back.

    The goal is (height of the bin's rim, tolerance, x of its middle); only the first crossing of the rim
    counts. Levels: `speed` has a carriage of 4.5 to 6 m/s, `size` radii of 0.3 to 0.6 or 1.6 to 2.0 m, `both`
    has both. At `size` two balls in five are large; at `both` none is, for a large ball that is so fast would
    come down out of view (see `envs.factors.quantiles`).
    """

    name = "Drop"
    scenario = "drop"
    null = "inertia"
    ball = BALL
    once = True
    frames = FRAMES
    stride = 1
    levels = ("id", "speed", "size", "both")
    tolerance = HALF
    goal_size = 3
    template = replace(
        carriage.Carriage.template, control=Control(CARRIAGE, "carry", (0.0, 0.0), (0.0, 1.0), load=BALL)
    )

    def place(self, track: Track, goal: Tensor) -> Tensor:
        """See `Crossing.place`: the middle of the bin."""
        return goal[:, 2].to(track.position)

    def aim(self, track: Track, goal: Tensor) -> Tensor:
        """See `Task.aim`: the bin."""
        return goal[:, [2, 0]].to(track.position)

    def paint(self, frames: Tensor, goal: Tensor) -> Tensor:
        """Frames [N, 3, H, W] with the bin in pale green."""
        middle = torch.stack([goal[:, 2], (goal[:, 0] + FLOOR_TOP) / 2], -1)
        half = torch.stack([goal[:, 1], (goal[:, 0] - FLOOR_TOP) / 2], -1)
        return tinted(frames, middle, half.to(frames), box=True)

    def _sample(self, level: str, start_id: int) -> Start | None:
        rng = draws.stream(self.name, start_id)
        for _ in range(ROUNDS):  # size, speed and side are kept for a whole round
            factors, places = rng.random(3), rng.random((PROPOSALS, 3))
            radius = float(draws.radii(factors[0], level))
            fast = level in ("speed", "both")
            speed = float(draws.spread(factors[1], draws.SPEED_OOD if fast else (1.0, 4.0)))
            x = radius + 2.0 * places[:, 0]
            height = RIM + 0.7 + places[:, 1] * (VIEW - 2 * carriage.HALF[1] - 2 * radius - RIM - 0.7)
            wait = np.rint(draws.spread(places[:, 2], (EARLIEST, LATEST))) * DT
            fall = np.sqrt(2 * np.maximum(height - RIM, 0.0) / GRAVITY)
            landing = x + speed * (draws.CONTEXT_TIME + wait + fall)
            good = (height > RIM + radius) & (landing <= VIEW - max(radius, HALF))
            good &= speed * wait > HALF + 0.25  # letting go at once misses
            good &= speed * fall > HALF + 0.25  # and so does letting go above the bin
            good &= wait + fall <= FRAMES * DT - 0.2
            chosen = np.flatnonzero(good)
            if len(chosen):
                i, mirrored = chosen[0], factors[2] < 0.5
                x_ball, x_bin = (float(VIEW - a[i] if mirrored else a[i]) for a in (x, landing))
                velocity = -speed if mirrored else speed
                bodies = carriage.loaded(x_ball, float(height[i]) - radius, radius, velocity)
                scene = replace(self.template, bodies=(self.template.bodies[0], *bodies))
                return Start(self.name, level, start_id, scene, np.array([RIM, self.tolerance, x_bin]))
        return None
