"""Parts that tasks are made of: starts that are remembered, and success by where a body is in the end."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from envs import draws
from envs.base import Outcome, Start
from worldsim.engines import make_engine, simulate
from worldsim.rendering import Looks, coverage
from worldsim.scenes import VIEW, Scene
from worldsim.tracking import DUPLICATED, LEFT, LOST, Track

CLEAR = 0.25  #: m: doing nothing must miss the tolerance by this much
ROUNDS = 400  #: draws before a start is given up
TINT = (0.75, 0.95, 0.75)  #: colour of a goal's disc


def spoils(track: Track) -> Tensor:
    """[N] bool: a body is lost or seen twice."""
    return ((track.status == LOST) | (track.status == DUPLICATED)).any(-1)


class Numbered:
    """A task whose starts are made once by `_sample(level, start_id)`."""

    name: str
    levels: tuple[str, ...]

    def __init__(self) -> None:
        self._starts: dict[tuple[str, int], Start] = {}

    def sample(self, level: str, start_id: int) -> Start:
        """See `Task.sample`; raises ValueError for an unknown level."""
        draws.check(self.name, self.levels, level, start_id)
        if (level, start_id) not in self._starts:
            self._starts[level, start_id] = self._sample(level, start_id)
        return self._starts[level, start_id]

    def _sample(self, level: str, start_id: int) -> Start:
        raise NotImplementedError(f"{type(self).__name__} must define _sample(level, start_id)")


class FinalPlace(Numbered):
    """A task that wants one body inside the goal's disc at the last frame.

    A subclass names itself, gives its template and `draw`; everything else has a default. `target` is the
    index of the body, the goal (2,) the disc's centre, `tolerance` the disc's radius in m.
    """

    name: str
    template: Scene
    scenario = "table"
    levels: tuple[str, ...] = ("id",)
    frames = 28
    tolerance = 0.9
    goal_size = 2
    target = 0

    @property
    def stride(self) -> int:
        """A launch is one decision, other controls decide at every frame."""
        control = self.template.control
        return self.frames if control is not None and control.kind == "launch" else 1

    def draw(self, rng: np.random.Generator, level: str) -> tuple[Scene, np.ndarray]:
        """A scene at t = 0 and a goal (2,) m, which `sample` offers again where doing nothing solves it."""
        raise NotImplementedError(f"{type(self).__name__} must define draw(rng, level)")

    def move(self, positions: np.ndarray) -> Scene:
        """The template with its bodies at other places [B, 2] m."""
        placed = (
            replace(b, position=(float(x), float(y))) for b, (x, y) in zip(self.template.bodies, positions)
        )
        return replace(self.template, bodies=tuple(placed))

    def bounds(self, level: str) -> tuple[np.ndarray, np.ndarray]:
        """See `Task.bounds`: those of the template's control."""
        draws.check(self.name, self.levels, level, 0)
        assert self.template.control is not None, f"{self.name} has nothing to control"
        return np.array(self.template.control.low), np.array(self.template.control.high)

    def _sample(self, level: str, start_id: int) -> Start:
        rng = draws.stream(self.name, start_id)
        for dropped in range(ROUNDS):
            scene, goal = self.draw(rng, level)
            idle = simulate(make_engine("analytic"), [scene], draws.CONTEXT + self.frames).states[0]
            path = idle[[draws.CONTEXT - 1, -1], self.target, :2]
            if (np.linalg.norm(path - goal, axis=-1) > self.tolerance + CLEAR).all():
                return Start(self.name, level, start_id, scene, np.asarray(goal, dtype=np.float64), dropped)
        raise RuntimeError(
            f"no {self.name} start {start_id} at level {level!r}: doing nothing solves them all"
        )

    def open(self, track: Track, goal: Tensor) -> Outcome:
        """See `Task.open`."""
        none = torch.zeros(len(goal), dtype=torch.bool, device=goal.device)
        return Outcome(none, none, spoils(track), self.miss(track, goal), none.float())

    def judge(
        self, outcome: Outcome, before: Track, after: Track, goal: Tensor, time_left: Tensor
    ) -> Outcome:
        """Success or failure at the last frame; the reward there is 1 for success minus the miss / 10 m."""
        spoiled, miss, last = outcome.spoiled | spoils(after), self.miss(after, goal), time_left <= 0
        success = last & ~spoiled & (miss <= self.tolerance)
        reward = torch.where(last, success.float() - (miss / VIEW).clamp(max=1.0), torch.zeros_like(miss))
        return Outcome(success, last & ~success, spoiled, miss, reward)

    def miss(self, track: Track, goal: Tensor) -> Tensor:
        """Distance [N] m of the target from the goal; out of view it is beyond twice the tolerance."""
        place, status = track.position[:, self.target], track.status[:, self.target]
        distance = (place - goal.to(place)).square().sum(-1).sqrt().float()
        gone = (status == LEFT) | (status == LOST)
        return torch.nan_to_num(distance + gone * 3 * self.tolerance, nan=VIEW).clamp(max=2 * VIEW)

    def paint(self, frames: Tensor, goal: Tensor) -> Tensor:
        """Frames [N, 3, H, W] with the goal as a pale green disc under the bodies."""
        state = torch.zeros(len(goal), 1, 6, device=frames.device)
        state[:, 0, :2] = goal.to(frames)
        disc = Looks(
            torch.zeros(len(goal), 1, dtype=torch.bool, device=frames.device),
            torch.full((len(goal), 1, 2), self.tolerance, device=frames.device),
            torch.ones(len(goal), 1, 3, device=frames.device),
            torch.ones(len(goal), 1, dtype=torch.bool, device=frames.device),
        )
        cover = coverage(state, disc, frames.shape[-1])
        white = frames.amin(1, keepdim=True)  # share of each pixel that no body covers
        return frames - white * cover * (1 - torch.tensor(TINT, device=frames.device)[:, None, None])
