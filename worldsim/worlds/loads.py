"""Loads that are let go of, as a world model is told of it.

Whether a `carry` action lets go is yes or no, and is never taken back: what clips for training hold is 0 up
to the release and 1 from then on. A model that is told 0.8 answers with something between riding along and
falling, which an agent that learns inside of it soon finds out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from worldsim.scenes import RELEASE, Scene

COMPONENT = 1  #: of a `carry` action: whether to let go


@dataclass(frozen=True)
class Loads:
    """Which of N rows carry a load, and which of them have let go of it, both [N] bool; `some` is known on
    the host: False where no row carries one."""

    carried: Tensor
    gone: Tensor
    some: bool

    @classmethod
    def of(cls, scenes: Sequence[Scene], device: torch.device | str = "cpu") -> "Loads":
        """The loads of scenes at t = 0."""
        controls = [scene.control for scene in scenes]
        rows = [c is not None and c.kind == "carry" and c.load is not None for c in controls]
        carried = torch.tensor(rows, dtype=torch.bool, device=device)
        return cls(carried, torch.zeros_like(carried), any(rows))

    def told(self, actions: Tensor) -> tuple["Loads", Tensor]:
        """The loads after actions [N, A], and what to tell a model of these; A is at least 2 where something
        is carried."""
        if not self.some:
            return self, actions
        gone = self.gone | (self.carried & (actions[:, COMPONENT] > RELEASE))
        told = actions.clone()
        told[:, COMPONENT] = torch.where(self.carried, gone.to(actions), actions[:, COMPONENT])
        return replace(self, gone=gone), told

    def select(self, index: Tensor) -> "Loads":
        """The chosen rows."""
        return replace(self, carried=self.carried[index], gone=self.gone[index])

    def insert(self, index: Tensor, other: "Loads") -> "Loads":
        """The same with other rows in the place of those at `index`."""
        carried = self.carried.index_copy(0, index, other.carried)
        return Loads(carried, self.gone.index_copy(0, index, other.gone), self.some or other.some)
