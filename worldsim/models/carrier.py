"""Fields of motion that belong to things: each ink has one, or all inks share one.

`Carrier` looks at inks [B, 3, H, W] and moves what it is told to; nothing in it is learned.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from worldsim.models.fields import Contrast, Filling, Finer, bounded, move, warp
from worldsim.models.inks import INKS

PALE = 0.15  #: a thing is pale up to so far from half of its ink, and no longer twice as far


class Carrier(nn.Module):
    """Motion [B, 2 fields, h, w] of the cells of a picture, (right, down) pixels per frame for each field.

    Parameters
    ----------
    resolution, patch : sides of pictures and of their cells, pixels
    layered : each ink has a field of its own; else all move by one
    filled : fill motion in from the nearest contrast
    """

    def __init__(self, resolution: int, patch: int, layered: bool, filled: bool) -> None:
        super().__init__()
        self.resolution, self.patch, self.fills = resolution, patch, filled
        self.fields = INKS if layered else 1
        self.cells = resolution // patch
        self.filling, self.finer = Filling(self.cells), Finer(self.cells, resolution)
        self.contrast = Contrast(self.cells, resolution)

    def still(self, inks: Tensor) -> Tensor:
        """No motion of these inks."""
        return inks.new_zeros(len(inks), 2 * self.fields, self.cells, self.cells)

    def weight(self, inks: Tensor) -> Tensor:
        """Contrast [B, fields, h, w] of what each field moves."""
        found = self.contrast(inks)
        return found if self.fields > 1 else found.sum(1, keepdim=True)

    def presence(self, weight: Tensor) -> Tensor:
        """Where each field has something, or near it, [B, fields, h, w] in [0, 1]."""
        return self.filling.presence(weight)

    def pale(self, inks: Tensor) -> Tensor:
        """Whether the thing at or near each place has half an ink: [B, fields, h, w] in [0, 1]."""
        there = inks.clamp(0, 1)
        # edges are pale too: they count for less than the inside
        tone = self.filling.mean_of(*(F.avg_pool2d(there.pow(n), self.patch) for n in (4, 3)))
        tone = tone if self.fields > 1 else tone.amax(1, keepdim=True)
        return (2 - (tone - 0.5).abs() / PALE).clamp(0, 1)

    def filled(self, motion: Tensor, weight: Tensor) -> Tensor:
        """Motion filled in from places with weight [B, fields, h, w]."""
        return self._join(self.filling(self._apart(motion), self._apart(weight))) if self.fills else motion

    def carried(self, x: Tensor, motion: Tensor) -> Tensor:
        """What lies in cells [B, C, h, w], an equal share of channels for each field, after one step."""
        return self._join(move(self._apart(x), self._apart(motion) / self.patch))

    def moved(self, inks: Tensor, motion: Tensor) -> Tensor:
        """Inks moved by the motion of their cells."""
        finely = self.finer(bounded(self._apart(motion), self.resolution))
        return self._join(warp(self._apart(inks), finely, outside="zeros"))

    def _apart(self, x: Tensor) -> Tensor:
        """[B, C, ...] to [B fields, C / fields, ...]."""
        return x.unflatten(1, (self.fields, -1)).flatten(0, 1)

    def _join(self, x: Tensor) -> Tensor:
        """What `_apart` undoes."""
        return x.unflatten(0, (-1, self.fields)).flatten(1, 2)
