"""Fields of motion that belong to things: each ink has one, or all inks share one.

`Carrier` looks at inks [B, 3, H, W] and moves what it is told to; nothing in it is learned.
"""

from itertools import combinations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worldsim.models.fields import Contrast, Filling, Finer, bounded, move, warp
from worldsim.models.inks import INKS

FREE = (0, 1)  #: red and blue things are free to move; black ones are walls, or pale
HAZE = 0.05  #: of one ink within a thing of another does not count as overlap
MET = 5e-4  #: cells of overlap, times nearness, at which things half meet
NOTHING = 1e-4  #: share of a picture that ink must cover to weigh anything
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
        self.pairs = list(combinations(range(self.fields), 2))
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

    def overlap(self, inks: Tensor, motion: Tensor) -> Tensor:
        """How far each two inks would lie over each other if all moved on: [B, 3, H, W] in [0, 1]."""
        ahead = self.moved(inks, motion).clamp(0, 1)
        both = [ahead[:, i] + ahead[:, j] for i, j in combinations(range(INKS), 2)]
        return (torch.stack(both, 1) - 1 - HAZE).clamp(min=0)  # edges of two things may share a pixel

    def meeting(self, overlap: Tensor) -> Tensor:
        """Whether each two inks meet at or near a place: [B, 3, h, w] in [0, 1], from their overlap."""
        return self.filling.presence(F.avg_pool2d(overlap, self.patch), MET)

    def between(self, motion: Tensor, there: Tensor) -> Tensor:
        """Differences [B, pairs, 2, h, w] between the motions of two fields, at places where both are."""
        field, near = motion.unflatten(1, (self.fields, 2)), there[:, :, None]
        apart = [(field[:, i] - field[:, j]) * near[:, i] * near[:, j] for i, j in self.pairs]
        return torch.stack(apart, 1) if apart else motion.new_zeros(len(motion), 0, 2, *motion.shape[-2:])

    def share(self, inks: Tensor, heavier: Tensor) -> Tensor:
        """Share [B, 1, h, w] of the first field in the weight of the first two.

        A field weighs as much as there is ink of it in the picture; `heavier` [B, 1, h, w] is added to the
        logarithm of their ratio.
        """
        first, second = (inks[:, :2].clamp(0, 1).mean((2, 3)) + NOTHING).log().unbind(1)
        return torch.sigmoid((first - second)[:, None, None, None] + heavier)

    def passed(self, matrices: Tensor, apart: Tensor, share: Tensor | None = None) -> Tensor:
        """Changes [B, 2 · 2 fields, h, w] of motion, at once and after, from one field to another.

        With `share` one matrix serves both of the first two fields: what one loses the other gains.
        """
        # [B, at once or after, first or second of the pair, pair, 2, 2, h, w]
        matrices = matrices.unflatten(1, (2, 2, len(self.pairs), 2, 2))
        right, down = apart[:, None, None, :, None].unbind(5)
        gained = torch.addcmul(matrices[:, :, :, :, :, 0] * right, matrices[:, :, :, :, :, 1], down)
        first, second = gained.unbind(2)
        change = apart.new_zeros(len(apart), 2, self.fields, 2, *apart.shape[-2:])
        for n, (i, j) in enumerate(self.pairs):
            to_first, to_second = first[:, :, n], second[:, :, n]
            if share is not None and (i, j) == FREE:
                exchanged, of_first = 2 * to_first, share[:, None]
                to_first, to_second = (of_first - 1) * exchanged, of_first * exchanged
            change[:, :, i] = change[:, :, i] + to_first
            change[:, :, j] = change[:, :, j] + to_second
        return change.flatten(1, 3)

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
