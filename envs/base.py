"""What a task is, what an agent sees, and what comes of an episode."""

from dataclasses import dataclass, fields, replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from worldsim.scenes import Scene
from worldsim.tracking import DUPLICATED, LOST, Track


@dataclass(frozen=True)
class Start:
    """One instance of a task: the scene at t = 0, the goal [G] (m), its level and number.

    `dropped` counts the draws before it that were solved from the start or by doing nothing.
    """

    task: str
    level: str
    start_id: int
    scene: Scene
    goal: np.ndarray
    dropped: int = 0


@dataclass(frozen=True)
class Observation:
    """What N agents see.

    `frames` [N, K, 3, H, W] without the goal, `actions` [N, K-1, A] that led from each frame to the next,
    `track` of the last frame, `goal` [N, G], `time_left` [N] frames (int64). `scenes` (the scene at t = 0),
    `past` (every action since t = 0, [N, t, A]) only for policies that declare themselves privileged.
    """

    frames: Tensor
    actions: Tensor
    track: Track
    goal: Tensor
    time_left: Tensor
    scenes: tuple[Scene, ...] | None = None
    past: np.ndarray | None = None

    def repeat(self, n: int) -> "Observation":
        """Each row n times in a row (privileged fields are dropped)."""
        r = lambda t: t.repeat_interleave(n, 0)  # noqa: E731
        return Observation(
            r(self.frames), r(self.actions), self.track.repeat(n), r(self.goal), r(self.time_left)
        )

    def to(self, device: torch.device) -> "Observation":
        """The same on another device: a planner's world may compute elsewhere than the one it acts in."""
        seen = {f: getattr(self, f).to(device) for f in ("frames", "actions", "track", "goal", "time_left")}
        return replace(self, **seen)


@dataclass(frozen=True)
class Outcome:
    """How N episodes stand, each [N].

    `success`, `failure` and `spoiled` (bodies lost or duplicated: bars success) are bool, `miss` in m is what
    the task wants to be small (the planner's cost), `reward` is that of the last frame.
    """

    success: Tensor
    failure: Tensor
    spoiled: Tensor
    miss: Tensor
    reward: Tensor

    @property
    def over(self) -> Tensor:
        """[N] bool: the task has ended."""
        return self.success | self.failure

    def where(self, mask: Tensor, other: "Outcome") -> "Outcome":
        """Rows of this outcome where `mask` [N] is true, else rows of `other`."""
        pairs = ((getattr(self, f.name), getattr(other, f.name)) for f in fields(self))
        return Outcome(*(torch.where(mask, a, b) for a, b in pairs))


def opened(track: Track, miss: Tensor) -> Outcome:
    """The outcome before the first decision: nothing is decided, and no reward was given."""
    none = torch.zeros_like(miss, dtype=torch.bool)
    return Outcome(none, none, spoils(track), miss, torch.zeros_like(miss))


def spoils(track: Track) -> Tensor:
    """[N] bool: a body is lost or seen twice."""
    return ((track.status == LOST) | (track.status == DUPLICATED)).any(-1)


class Task(Protocol):
    """A task: where it starts, what it rewards, when it has been solved. All tensors are batched over N."""

    @property
    def name(self) -> str:
        """As in `worldsim/<name>-v0`."""
        ...

    @property
    def scenario(self) -> str:
        """The recipe whose model can imagine it ("table" or "drop")."""
        ...

    @property
    def template(self) -> Scene:
        """Colours, shapes, control and laws that are public knowledge; disc sizes are not."""
        ...

    @property
    def frames(self) -> int:
        """Frames after the context until the horizon."""
        ...

    @property
    def stride(self) -> int:
        """Frames per decision."""
        ...

    @property
    def levels(self) -> tuple[str, ...]:
        """Its levels, "id" first."""
        ...

    @property
    def tolerance(self) -> float:
        """M; success at half and twice of it is reported too."""
        ...

    @property
    def goal_size(self) -> int:
        """G, numbers in a goal."""
        ...

    @property
    def null(self) -> str:
        """The engine without the law that the task is about; planning in it must fail."""
        ...

    def aim(self, track: Track, goal: Tensor) -> Tensor:
        """Where the target is now, [N, 2] m: what a policy without foresight goes for."""
        ...

    def sample(self, level: str, start_id: int) -> Start:
        """The start of this number: the same on every machine; never solved at t = 0 or by doing nothing."""
        ...

    def bounds(self, level: str) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest action, each [A]."""
        ...

    def open(self, track: Track, goal: Tensor) -> Outcome:
        """The outcome before the first decision."""
        ...

    def judge(
        self, outcome: Outcome, before: Track, after: Track, goal: Tensor, time_left: Tensor
    ) -> Outcome:
        """The outcome after one more frame; `time_left` [N] counts the frames still to come after it."""
        ...

    def paint(self, frames: Tensor, goal: Tensor) -> Tensor:
        """Frames [N, 3, H, W] for people and pixel agents, with the goal drawn under the bodies."""
        ...
