"""Masks of bodies: which pixels show them, how the masks of two videos differ, and whether shapes drift.

Source of the distances: "PISA Experiments: Exploring Physics Post-Training for Video Diffusion Models by
Watching Stuff Drop", section 3.2, where they are fractions of the picture's diagonal. Its public code takes
the mean absolute difference of coordinates for the distance of centroids, leaves out frames in which a body
has vanished, and gives two empty masks an IoU of 1; those variants are named `public` here.
"""

from dataclasses import dataclass

import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from worldsim.metrics.scoring import ByFrame
from worldsim.moments import NOISE, shares
from worldsim.tracking import Tracker

HALF = 0.5  #: a pixel belongs to a body whose share of it is larger
CHUNK = 256  #: frames unmixed at a time


@dataclass(frozen=True)
class Masks:
    """`pixels` [N, T, M, H, W] bool and `area` [N, T, M] (in pixels, with fractions) of M bodies."""

    pixels: Tensor
    area: Tensor

    @property
    def empty(self) -> Tensor:
        """[N, T, M] bool: no pixel shows the body."""
        return ~self.pixels.flatten(-2).any(-1)

    @property
    def centroid(self) -> Tensor:
        """Mean column and row [N, T, M, 2] of each mask; zero where it is empty."""
        shown = self.pixels.float()  # whole numbers below 2^24: exact, and faster than sums of bool
        columns = (shown @ torch.arange(shown.shape[-1]).float()).sum(-1)
        rows = shown.sum(-1) @ torch.arange(shown.shape[-2]).float()
        return torch.stack((columns, rows), -1).double() / _count(self.pixels).clamp(min=1)[..., None]


def segment(frames: Tensor, tracker: Tracker, bodies: list[int]) -> Masks:
    """Masks of some moving bodies of the tracker's template in frames [N, T, 3, H, W]."""
    chosen = [tracker.moving.index(b) for b in bodies]
    parts = []
    for some in frames.flatten(0, 1).split(CHUNK):
        share = shares(some, tracker.matrix)[:, chosen]
        parts.append((share > HALF, torch.where(share > NOISE, share, 0.0).sum((-1, -2)).double()))
    pixels, area = (torch.cat(p).unflatten(0, frames.shape[:2]).cpu() for p in zip(*parts))
    return Masks(pixels, area)


def centroid_l2(found: Masks, true: Masks, scored: Tensor) -> tuple[ByFrame, ByFrame]:
    """Distance of the centroids as a fraction of the diagonal: the true Euclidean one, an empty mask at the
    maximum of 1, and the public code's. `scored` [N, T, M] is where the truth counts; there it has pixels."""
    apart = (found.centroid - true.centroid) / _diagonal(found)
    distance = torch.where(found.empty, 1.0, apart.norm(dim=-1))
    return ByFrame.of(distance, scored), ByFrame.of(apart.abs().mean(-1), scored & ~found.empty)


def chamfer(found: Masks, true: Masks, scored: Tensor) -> tuple[ByFrame, ByFrame]:
    """Sum of both directed mean distances between the masks' pixels, as a fraction of the diagonal: an empty
    mask at the maximum of 2, and as in the public code."""
    distance = torch.full(scored.shape, 2.0, dtype=torch.float64)
    shown = scored & ~found.empty
    for n, t, m in shown.nonzero().tolist():
        one, two = found.pixels[n, t, m].numpy(), true.pixels[n, t, m].numpy()
        there, back = distance_transform_edt(~two)[one].mean(), distance_transform_edt(~one)[two].mean()
        distance[n, t, m] = float(there + back) / _diagonal(found)
    return ByFrame.of(distance, scored), ByFrame.of(distance, shown)


def iou(found: Masks, true: Masks, scored: Tensor, context: int) -> tuple[ByFrame, ByFrame]:
    """Intersection over union: where the truth counts, an empty mask giving 0; and as in the public code, at
    all frames from `context` on, two empty masks giving 1."""
    both, either = _count(found.pixels & true.pixels), _count(found.pixels | true.pixels)
    ratio = torch.where(either > 0, both / either.clamp(min=1), 1.0)
    later = torch.ones_like(scored)
    later[:, :context] = False
    return ByFrame.of(ratio, scored), ByFrame.of(ratio, later)


def shape_drift(found: Masks, true: Masks, scored: Tensor) -> ByFrame:
    """|√(area / true area) - 1|, for discs the relative error of the radius; nothing shown gives 1."""
    ratio = (found.area / true.area.clamp(min=1e-9)).sqrt()
    return ByFrame.of((ratio - 1).abs(), scored)


def _count(pixels: Tensor) -> Tensor:
    return pixels.flatten(-2).float().sum(-1).double()


def _diagonal(masks: Masks) -> float:
    return float(masks.pixels.shape[-1]) * 2**0.5
