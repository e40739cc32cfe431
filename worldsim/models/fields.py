"""Fields of motion over the cells of a picture: how they are filled in, carried along and compared.

A field is [N, 2, h, w], (right, down) pixels per frame.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

REACH = (1, 2, 4)  #: cells over which differences of motion are taken
EVEN = 1e-6  #: weight of a place without contrast
SPREAD = 2.5  #: cells over which a thing moves as one piece
FAR = 1e-4  #: nearness of the farther ones, over the fourth power of their distance
TAILS = 4.0  #: widths of a blur after which it ends
THERE = 0.003  #: contrast times nearness at which something is half there


class Filling(nn.Module):
    """Motion belongs to things: each place takes the mean motion of all, weighted by contrast and nearness.

    Nearness falls as a Gaussian of `SPREAD`, then as a power, so that far from all the nearest thing decides.
    """

    nearness: Tensor  #: [cells², cells²]

    def __init__(self, cells: int) -> None:
        super().__init__()
        at = torch.stack(torch.meshgrid(torch.arange(cells), torch.arange(cells), indexing="ij"), -1)
        squared = (at.view(-1, 1, 2) - at.view(1, -1, 2)).square().sum(-1).float()
        near = torch.exp(-squared / (2 * SPREAD**2)) + FAR / (squared + 1).square()
        self.register_buffer("nearness", near, persistent=False)

    def forward(self, field: Tensor, weight: Tensor) -> Tensor:
        """The field filled in, from the `weight` [N, 1, h, w] of each place."""
        weight = weight.clamp(min=0) + EVEN
        spread = self._spread(torch.cat([weight * field, weight], 1))
        return spread[:, :2] / spread[:, 2:]

    def mean_of(self, amount: Tensor, weight: Tensor) -> Tensor:
        """Mean amount per weight near each place, both [..., h, w]; 0 far from all weight."""
        return self._spread(amount) / (self._spread(weight) + EVEN)

    def presence(self, weight: Tensor, half: float = THERE) -> Tensor:
        """How surely something is there or near, [N, C, h, w] in [0, 1]: a half for weights of `half`."""
        near = (self._spread(weight.clamp(min=0)) / half).square()
        return near / (near + 1)

    def _spread(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return (x.flatten(-2) @ self.nearness).unflatten(-1, x.shape[-2:])


class Finer(nn.Module):
    """Bilinear interpolation from cells to pixels.

    The same numbers as those of `F.interpolate`, to rounding, but made by two products with a matrix: ten
    times faster on a CPU where channels are few.
    """

    rows: Tensor  #: [pixels, cells]

    def __init__(self, cells: int, pixels: int) -> None:
        super().__init__()
        each = F.interpolate(torch.eye(cells)[None], size=pixels, mode="linear")[0]
        self.register_buffer("rows", each.T.contiguous(), persistent=False)

    def forward(self, field: Tensor) -> Tensor:
        """A field [N, C, cells, cells] as [N, C, pixels, pixels]."""
        return _both_ways(self.rows, field)


class Contrast(nn.Module):
    """Variance of each channel of a picture around cells, over twice their side."""

    mean: Tensor  #: [cells, pixels]

    def __init__(self, cells: int, pixels: int) -> None:
        super().__init__()
        cell = pixels // cells
        wide = F.pad(torch.eye(pixels)[None], (cell // 2,) * 2, mode="replicate")
        each = F.avg_pool1d(wide, 2 * cell, cell)[0]
        self.register_buffer("mean", each.T.contiguous(), persistent=False)

    def forward(self, picture: Tensor) -> Tensor:
        """[B, C, cells, cells] of a picture [B, C, pixels, pixels]."""
        mean, square = (_both_ways(self.mean, x) for x in (picture, picture.square()))
        return (square - mean.square()).clamp(min=0)


class Slope(nn.Module):
    """How a picture rises to the right and downwards, per pixel, after a Gaussian blur of `blur` pixels."""

    mean: Tensor  #: [pixels, pixels]
    rise: Tensor  #: [pixels, pixels]

    def __init__(self, pixels: int, blur: float) -> None:
        super().__init__()
        at = torch.arange(pixels, dtype=torch.float32)
        away = at[:, None] - at
        mean = torch.exp(-away.square() / (2 * blur**2)) / (blur * math.sqrt(2 * math.pi))
        mean[away.abs() > TAILS * blur] = 0  # numbers too small for their exponent are multiplied slowly
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("rise", -away / blur**2 * mean, persistent=False)

    def forward(self, picture: Tensor) -> Tensor:
        """[B, C, 2, pixels, pixels], (right, down), of a picture [B, C, pixels, pixels]."""
        with torch.autocast(picture.device.type, enabled=False):
            x = picture.float()
            return torch.stack([self.mean @ x @ self.rise.T, self.rise @ x @ self.mean.T], 2)


def _both_ways(rows: Tensor, x: Tensor) -> Tensor:
    """A linear map [M, N] of both the columns and the rows of x [..., N, N], in single precision."""
    with torch.autocast(x.device.type, enabled=False):
        return rows @ (x.float() @ rows.T)


def differences(field: Tensor) -> Tensor:
    """Motion [N, C, h, w] `REACH` cells away in four directions, less that here: [N, 12 C, h, w]."""
    h, w = field.shape[-2:]
    found = []
    for d in REACH:
        wide = F.pad(field, (d, d, d, d), mode="replicate")
        for down, right in ((0, d), (2 * d, d), (d, 0), (d, 2 * d)):
            found.append(wide[..., down : down + h, right : right + w] - field)
    return torch.cat(found, 1)


def bounded(displacement: Tensor, size: int) -> Tensor:
    """At most a picture's size, and none where it is NaN: `grid_sample` would read outside of its memory."""
    return torch.nan_to_num(displacement).clamp(-size, size)


def warp(pictures: Tensor, displacement: Tensor, outside: str = "border") -> Tensor:
    """Pictures [N, C, S, S] sampled at each pixel minus its `displacement` [N, 2, S, S], (right, down).

    Bicubic, because blur accumulates: with bilinear sampling, rollouts drift to speeds of whole pixels per
    frame, at which nothing is blurred. Displacements must be `bounded`. `outside` is what lies beyond the
    edge: "border", the nearest pixel, or "zeros", lest a thing that leaves the edge draws a trail.
    """
    size = pictures.shape[-1]
    at = (2 * torch.arange(size, device=pictures.device, dtype=pictures.dtype) + 1) / size - 1
    places = torch.stack(torch.meshgrid(at, at, indexing="xy"))
    grid = torch.sub(places, displacement, alpha=2 / size).movedim(1, -1)
    return F.grid_sample(pictures, grid, mode="bicubic", padding_mode=outside, align_corners=False)


def move(pictures: Tensor, displacement: Tensor) -> Tensor:
    """Any displacements [N, 2, S, S]; see `warp`."""
    return warp(pictures, bounded(displacement, pictures.shape[-1]))
