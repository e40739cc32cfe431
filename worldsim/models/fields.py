"""Fields of motion over the cells of a picture: how they are filled in, carried along and compared.

A field is [N, 2, h, w], (right, down) pixels per frame.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

REACH = (1, 2, 4)  #: cells over which differences of motion are taken
EVEN = 1e-6  #: weight of a place without contrast
SPREAD = 2.5  #: cells over which a thing moves as one piece
FAR = 1e-4  #: nearness of the farther ones, over the fourth power of their distance
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

    def presence(self, weight: Tensor) -> Tensor:
        """How much something is there or near, in [0, 1], of weights [N, C, h, w]."""
        near = (self._spread(weight.clamp(min=0)) / THERE).square()
        return near / (near + 1)

    def _spread(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return (x.flatten(2) @ self.nearness).unflatten(2, x.shape[2:])


def contrast(picture: Tensor, cell: int) -> Tensor:
    """Variance [B, C, h, w] of each channel of a picture [B, C, H, W] around cells, over twice their side."""
    wide = F.pad(picture, (cell // 2,) * 4, mode="replicate")
    mean, square = (F.avg_pool2d(x, 2 * cell, cell) for x in (wide, wide.square()))
    return (square - mean.square()).clamp(min=0)


def differences(field: Tensor) -> Tensor:
    """Motion [N, C, h, w] `REACH` cells away in four directions, less that here: [N, 12 C, h, w]."""
    h, w = field.shape[-2:]
    found = []
    for d in REACH:
        wide = F.pad(field, (d, d, d, d), mode="replicate")
        for down, right in ((0, d), (2 * d, d), (d, 0), (d, 2 * d)):
            found.append(wide[..., down : down + h, right : right + w] - field)
    return torch.cat(found, 1)


def move(pictures: Tensor, displacement: Tensor) -> Tensor:
    """Pictures [N, C, H, W] sampled at each pixel minus its `displacement` [N, 2, H, W], (right, down).

    Bicubic, because blur accumulates: with bilinear sampling, rollouts drift to speeds of whole pixels per
    frame, at which nothing is blurred. Displacements end at the picture's size and NaN moves nothing, for
    `grid_sample` would read outside of its memory.
    """
    _, _, h, w = pictures.shape
    displacement = torch.nan_to_num(displacement).clamp(-max(h, w), max(h, w))
    y = torch.arange(h, device=pictures.device, dtype=pictures.dtype)[:, None] - displacement[:, 1]
    x = torch.arange(w, device=pictures.device, dtype=pictures.dtype) - displacement[:, 0]
    grid = torch.stack([(2 * x + 1) / w - 1, (2 * y + 1) / h - 1], -1)
    return F.grid_sample(pictures, grid, mode="bicubic", padding_mode="border", align_corners=False)
