"""Placing a body by the picture: where it may go, and how the picture looks with it; alike in every world."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from worldsim.looks import Looks
from worldsim.rendering import coverage, quantise
from worldsim.scenes import VIEW, Scene

TOUCHED = 0.004  #: a pixel of which the body covers less is not touched, nor is one inked less: one level


@dataclass(frozen=True)
class Placing:
    """The discs that the controls of N scenes place: `rows` [N] bool says which scenes have one, `looks`
    [N, 1] how it looks."""

    rows: Tensor
    looks: Looks

    @classmethod
    def of(cls, scenes: Sequence[Scene], device: torch.device | str = "cpu") -> "Placing | None":
        """What some scenes place; None where none places anything."""
        rows = [s.places for s in scenes]
        if not any(rows):
            return None
        placed = [s.bodies[s.control.body] if s.control and r else s.bodies[0] for s, r in zip(scenes, rows)]
        looks = Looks.of([Scene((body,)) for body in placed], device)
        return cls(torch.tensor(rows, device=device), looks)

    def join(self, other: "Placing") -> "Placing":
        """These rows, then those of the other."""
        mine, more = self.looks, other.looks
        pairs = ((mine.box, more.box), (mine.size, more.size), (mine.color, more.color))
        box, size, color = (torch.cat(pair) for pair in pairs)
        looks = Looks(box, size, color, torch.cat([mine.present, more.present]))
        return Placing(torch.cat([self.rows, other.rows]), looks)

    def select(self, index: Tensor) -> "Placing":
        """The chosen rows."""
        return Placing(self.rows[index], self.looks.select(index))

    def allowed(self, frames: Tensor, where: Tensor) -> Tensor:
        """[N] bool: a disc is placed at `where` [N, 2] m, all of it in view and on white pixels of `frames`
        [N, 3, H, W] alone."""
        radius = self.looks.size[:, 0, :1]
        inside = ((where >= radius) & (where <= VIEW - radius)).all(-1)
        covered = self._coverage(where, frames.shape[-1])
        inked = (1 - frames).amax(1) > TOUCHED
        return self.rows & inside & ~((covered > TOUCHED) & inked).flatten(1).any(-1)

    def draw(self, frames: Tensor, where: Tensor) -> Tensor:
        """Frames [N, K, 3, H, W], rounded to levels, with the discs drawn at `where` [N, 2] m into all K."""
        covered = self._coverage(where, frames.shape[-1])[:, None, None]
        return quantise(torch.lerp(frames, self.looks.color[:, 0, None, :, None, None], covered))

    def _coverage(self, where: Tensor, resolution: int) -> Tensor:
        states = torch.zeros(len(where), 1, 6, device=where.device)
        states[:, 0, :2] = where
        return coverage(states, self.looks, resolution)[:, 0]
