"""How bodies look: shapes, sizes and colours of scenes as tensors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from worldsim.scenes import PALETTE, Scene


@dataclass(frozen=True)
class Parts:
    """The P discs and boxes that bodies are made of, in the frame of each body; empty ones have no size.

    `box` [N, B, P] bool, `size` and `offset` [N, B, P, 2] m, `angle` [N, B, P].
    """

    box: Tensor
    size: Tensor
    offset: Tensor
    angle: Tensor

    @classmethod
    def of(cls, scenes: Sequence[Scene], most: int) -> "Parts":
        """The parts of some scenes, padded to `most` bodies."""
        count = max(len(body.pieces) for scene in scenes for body in scene.bodies)
        box = np.ones((len(scenes), most, count), dtype=bool)
        size, offset = np.zeros((2, *box.shape, 2), dtype=np.float32)
        angle = np.zeros(box.shape, dtype=np.float32)
        for i, scene in enumerate(scenes):
            for j, body in enumerate(scene.bodies):
                for p, part in enumerate(body.pieces):
                    box[i, j, p], size[i, j, p] = part.shape == "box", (part.size[0], part.size[-1])
                    offset[i, j, p], angle[i, j, p] = part.offset, part.angle
        return cls(*(torch.as_tensor(a) for a in (box, size, offset, angle)))

    def map(self, function: Callable[[Tensor], Tensor]) -> "Parts":
        """The same with a function of every tensor."""
        return Parts(*(function(getattr(self, f.name)) for f in fields(Parts)))


@dataclass(frozen=True)
class Looks:
    """How the bodies of N scenes look.

    `box` [N, B] bool, `size` [N, B, 2] m (half sizes at angle 0), `color` [N, B, 3] in [0, 1], `present`
    [N, B] bool; `parts` where some body is a compound one.
    """

    box: Tensor
    size: Tensor
    color: Tensor
    present: Tensor
    parts: Parts | None = None

    @classmethod
    def of(cls, scenes: Sequence[Scene], device: torch.device | str = "cpu") -> "Looks":
        """The looks of some scenes, padded to the largest number of bodies."""
        most = max(len(s.bodies) for s in scenes)
        box = np.zeros((len(scenes), most), dtype=bool)
        size = np.ones((len(scenes), most, 2), dtype=np.float32)
        color = np.ones((len(scenes), most, 3), dtype=np.float32)
        present = np.zeros((len(scenes), most), dtype=bool)
        for i, scene in enumerate(scenes):
            for j, body in enumerate(scene.bodies):
                box[i, j] = body.shape == "box"
                size[i, j] = body.half
                color[i, j] = PALETTE[body.color]
                present[i, j] = True
        compound = any(body.parts for scene in scenes for body in scene.bodies)
        parts = Parts.of(scenes, most) if compound else None
        made = [torch.as_tensor(a) for a in (box, size, color, present)]
        return cls(made[0], made[1], made[2], made[3], parts).map(lambda tensor: tensor.to(device))

    def map(self, function: Callable[[Tensor], Tensor]) -> "Looks":
        """The same with a function of every tensor."""
        parts = None if self.parts is None else self.parts.map(function)
        return Looks(
            function(self.box), function(self.size), function(self.color), function(self.present), parts
        )

    def select(self, index: Tensor | np.ndarray | list[int]) -> "Looks":
        """The looks of the chosen rows."""
        index = torch.as_tensor(index, device=self.box.device)
        return self.map(lambda tensor: tensor[index])

    def of_body(self, body: int, rows: slice) -> "Looks":
        """The looks of one body in the chosen rows, without the axis of bodies."""
        return self.map(lambda tensor: tensor[rows, body])
