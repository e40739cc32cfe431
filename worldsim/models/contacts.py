"""Where things of two inks meet, and what passes between them.

`Contacts` looks at inks [B, 3, H, W] and fields of motion; nothing in it is learned. A pair is two inks, or
the fields of two inks where each has its own.
"""

from dataclasses import dataclass
from itertools import combinations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worldsim.models.fields import Filling, Slope
from worldsim.models.inks import INKS

HAZE = 0.05  #: of one ink within a thing of another does not count as overlap
MET = 5e-4  #: cells of overlap, times nearness, at which things half meet
NOTHING = 1e-4  #: share of a picture that ink must cover to count
BLUR = 0.4  #: cells over which the slope of ink is taken
SLIGHT = 1e-2  #: inks per pixel: a slope that is hardly one has no direction
PAIRS = tuple(combinations(range(INKS), 2))


@dataclass(frozen=True)
class Meeting:
    """Where things meet: how far each two inks lie over each other, [B, 3, H, W] in [0, 1]; whether they do
    at or near a place, [B, 3, h, w] in [0, 1]; and the normals [B, 3, 2, h, w] there, if differences of
    motion are along them."""

    overlap: Tensor
    near: Tensor
    normals: Tensor | None


class Contacts(nn.Module):
    """Overlaps, normals and differences of motion, and the changes of motion that come of them.

    Parameters
    ----------
    resolution, patch : sides of pictures and of their cells, pixels
    fields : fields of motion, one for each ink or one for all
    """

    def __init__(self, resolution: int, patch: int, fields: int) -> None:
        super().__init__()
        self.patch, self.fields = patch, fields
        self.pairs = PAIRS if fields > 1 else ()
        self.filling = Filling(resolution // patch)
        self.slope = Slope(resolution, BLUR * patch)

    def meeting(self, inks: Tensor, aligned: bool) -> Meeting:
        """Where things meet, from inks [B, 3, H, W] in [0, 1]; with normals if `aligned`."""
        overlap = self.overlap(inks)
        return Meeting(overlap, self.near(overlap), self.normals(inks, overlap) if aligned else None)

    def overlap(self, inks: Tensor) -> Tensor:
        """How far each two inks lie over each other: [B, 3, H, W] in [0, 1]."""
        both = [inks[:, i] + inks[:, j] for i, j in PAIRS]
        return (torch.stack(both, 1) - 1 - HAZE).clamp(min=0)  # edges of two things may share a pixel

    def near(self, overlap: Tensor) -> Tensor:
        """Whether each two inks meet at or near a place: [B, 3, h, w] in [0, 1], from their overlap."""
        return self.filling.presence(F.avg_pool2d(overlap, self.patch), MET)

    @torch.no_grad()
    def normals(self, inks: Tensor, overlap: Tensor) -> Tensor:
        """Unit vectors [B, 3, 2, h, w], (right, down), from the first to the second of each two inks at the
        overlap nearest to each place; zero where there is none.

        The blurred difference of two discs rises along the line between their centres, that of a disc and a
        wall across the wall.
        """
        slopes = self.slope(inks)
        across = torch.stack([slopes[:, j] - slopes[:, i] for i, j in PAIRS], 1) * overlap[:, :, None]
        weight = F.avg_pool2d(overlap, self.patch).repeat_interleave(2, 1)
        mean = self.filling.mean_of(F.avg_pool2d(across.flatten(1, 2), self.patch), weight).unflatten(
            1, (-1, 2)
        )
        return mean / (mean.square().sum(2, keepdim=True) + SLIGHT**2).sqrt()

    def between(self, motion: Tensor, there: Tensor) -> Tensor:
        """Differences [B, pairs, 2, h, w] between the motions of two fields, at places where both are."""
        field, near = motion.unflatten(1, (self.fields, 2)), there[:, :, None]
        apart = [(field[:, i] - field[:, j]) * near[:, i] * near[:, j] for i, j in self.pairs]
        return torch.stack(apart, 1) if apart else motion.new_zeros(len(motion), 0, 2, *motion.shape[-2:])

    def amounts(self, inks: Tensor) -> Tensor:
        """Ink of the second and of the first of each pair, over the mean of both: [B, 2, 3]."""
        ink = inks.clamp(0, 1).mean((2, 3)) + NOTHING
        second = torch.stack([2 * ink[:, j] / (ink[:, i] + ink[:, j]) for i, j in PAIRS], 1)
        return torch.stack([second, 2 - second], 1)

    def passed(self, matrices: Tensor, apart: Tensor, amounts: Tensor | None = None) -> Tensor:
        """Changes [B, 2, 2, pairs, 2, h, w] of motion, at once and after, of the first and second field of
        each pair, from matrices [B, 16 pairs, h, w] and differences of motion.

        With `amounts` there are twice as many matrices: those of the second half are times the amount of the
        other field.
        """
        form = 2, 2, len(self.pairs), 2, 2
        if amounts is None:
            matrices = matrices.unflatten(1, form)
        else:
            constant, slope = matrices.unflatten(1, (2, *form)).unbind(1)
            matrices = constant + slope * amounts[:, None, :, :, None, None, None, None]
        right, down = apart[:, None, None, :, None].unbind(5)
        return torch.addcmul(matrices[:, :, :, :, :, 0] * right, matrices[:, :, :, :, :, 1], down)

    def met(self, changes: Tensor, meeting: Meeting) -> Tensor:
        """Of such changes, along the normals if there are any, what holds where things meet, right and down.

        Each place takes what the overlap nearest to it tells: a thing changes as one, whatever its size and
        wherever it lies among the cells.
        """
        weight = F.avg_pool2d(meeting.overlap.detach(), self.patch)[:, None, None, :, None]
        near = (2 * meeting.near[:, None, None, :, None]).clamp(max=1)
        told = self.filling.mean_of(changes * weight, weight) * near
        return told if meeting.normals is None else turned(told, meeting.normals[:, None, None])

    def joined(self, changes: Tensor) -> Tensor:
        """Changes [B, N, 2 fields, h, w] of all fields, from those of pairs [B, N, 2, pairs, 2, h, w]."""
        total = changes.new_zeros(*changes.shape[:2], self.fields, 2, *changes.shape[-2:])
        for n, (i, j) in enumerate(self.pairs):
            total[:, :, i] = total[:, :, i] + changes[:, :, 0, n]
            total[:, :, j] = total[:, :, j] + changes[:, :, 1, n]
        return total.flatten(2, 3)


def along(vectors: Tensor, normals: Tensor) -> Tensor:
    """Vectors [..., 2, h, w] as their parts along unit vectors, and across them; what `turned` undoes."""
    (x, y), (right, down) = vectors.unbind(-3), normals.unbind(-3)
    return torch.stack([x * right + y * down, y * right - x * down], -3)


def turned(vectors: Tensor, normals: Tensor) -> Tensor:
    """Vectors [..., 2, h, w], (right, down), of parts along unit vectors and across them."""
    (x, y), (right, down) = vectors.unbind(-3), normals.unbind(-3)
    return torch.stack([x * right - y * down, x * down + y * right], -3)
