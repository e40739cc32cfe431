"""Tasks with a goal in the plane: one body must be inside a disc at the last frame."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from envs.base import Outcome, Start, opened, spoils
from envs.draws import CONTEXT, Sampled, stream
from worldsim.engines import make_engine, simulate
from worldsim.rendering import Looks, coverage
from worldsim.scenes import VIEW, Scene
from worldsim.tracking import LEFT, LOST, Track

CLEAR = 0.25  #: m: doing nothing must miss the tolerance by this much
ROUNDS = 400  #: draws before a start is given up
TINT = (0.75, 0.95, 0.75)  #: what a goal makes of white


class ReachGoal(Sampled):
    """What such tasks share. The goal is the centre (2,) of the disc; its radius is the tolerance.

    A subclass says its `name`, its `template`, the index of the `target` body and how to `draw`; the rest has
    defaults.
    """

    template: Scene
    target = 0
    scenario = "table"
    null = "inertia"
    levels: tuple[str, ...] = ("id",)
    frames = 28
    tolerance = 0.9
    goal_size = 2

    @property
    def stride(self) -> int:
        """A launch is one decision, other controls decide at every frame."""
        control = self.template.control
        return self.frames if control is not None and control.kind == "launch" else 1

    def draw(self, rng: np.random.Generator, level: str) -> tuple[Scene, np.ndarray]:
        """A scene at t = 0 and a goal (2,) m, drawn again where doing nothing solves it."""
        raise NotImplementedError(f"{type(self).__name__} must define draw(rng, level)")

    def move(self, positions: np.ndarray) -> Scene:
        """The template with its bodies at other places [B, 2] m."""
        placed = (
            replace(b, position=(float(x), float(y))) for b, (x, y) in zip(self.template.bodies, positions)
        )
        return replace(self.template, bodies=tuple(placed))

    def _sample(self, level: str, start_id: int) -> Start | None:
        rng = stream(self.name, start_id)
        for dropped in range(ROUNDS):
            scene, goal = self.draw(rng, level)
            idle = simulate(make_engine("reference"), [scene], CONTEXT + self.frames).states[0]
            path = idle[[CONTEXT - 1, -1], self.target, :2]
            if (np.linalg.norm(path - goal, axis=-1) > self.tolerance + CLEAR).all():
                return Start(self.name, level, start_id, scene, np.asarray(goal, dtype=np.float64), dropped)
        return None

    def open(self, track: Track, goal: Tensor) -> Outcome:
        """See `Task.open`."""
        return opened(track, self._miss(track, goal))

    def judge(
        self, outcome: Outcome, before: Track, after: Track, goal: Tensor, time_left: Tensor
    ) -> Outcome:
        """Success or failure at the last frame; the reward there is 1 for success minus the miss / 10 m."""
        spoiled, miss, last = outcome.spoiled | spoils(after), self._miss(after, goal), time_left <= 0
        success = last & ~spoiled & (miss <= self.tolerance)
        reward = torch.where(last, success.float() - (miss / VIEW).clamp(max=1.0), torch.zeros_like(miss))
        return Outcome(success, last & ~success, spoiled, miss, reward)

    def _miss(self, track: Track, goal: Tensor) -> Tensor:
        """Distance of the body from the goal; out of view it is beyond twice the tolerance."""
        distance = (track.position[:, self.target] - goal.to(track.position)).square().sum(-1).sqrt().float()
        gone = (track.status[:, self.target] == LEFT) | (track.status[:, self.target] == LOST)
        return torch.nan_to_num(distance + gone * 3 * self.tolerance, nan=VIEW).clamp(max=2 * VIEW)

    def aim(self, track: Track, goal: Tensor) -> Tensor:
        """See `Task.aim`: the goal."""
        return goal.to(track.position)

    def paint(self, frames: Tensor, goal: Tensor) -> Tensor:
        """Frames [N, 3, H, W] with the goal as a pale green disc under the bodies."""
        size = torch.full((len(goal), 2), self.tolerance, device=frames.device)
        return tinted(frames, goal, size, box=False)


def tinted(frames: Tensor, centre: Tensor, half: Tensor, box: bool) -> Tensor:
    """Frames [N, 3, H, W] with a pale green disc or box at `centre` [N, 2] m, half sizes [N, 2] m."""
    n, device = len(centre), frames.device
    state = torch.zeros(n, 1, 6, device=device)
    state[:, 0, :2] = centre.to(frames)
    shape = Looks(
        torch.full((n, 1), box, device=device),
        half[:, None],
        torch.ones(n, 1, 3, device=device),
        torch.ones(n, 1, dtype=torch.bool, device=device),
    )
    tint = 1 - torch.tensor(TINT, device=device)[:, None, None]
    white = frames.amin(1, keepdim=True)  # share of each pixel that no body covers
    return frames - white * coverage(state, shape, frames.shape[-1]) * tint
