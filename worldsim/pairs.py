"""Tracking two bodies of any shape by their colours, and the gap between them.

Where a scene is made of many bodies of few colours (`worldsim.scenarios.templates`), only those of unique
colours are followed: red, which is placed, blue and green. How far apart blue and green are is the distance
of their masks in a picture of 128 pixels; smaller pictures are enlarged to it. Bodies do not lie over each
other: where one hides much of another, they do not touch, but are as far from it as what is hidden is large.
"""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from worldsim.moments import to_metres
from worldsim.scenes import DT, PALETTE, VIEW, Scene
from worldsim.tracking import DUPLICATED, LEFT, LOST, VISIBLE, Track, Tracker

SIDE = 128  #: pixels along a side of the picture in which masks are compared
PIXEL = VIEW / SIDE  #: m
COLORS = ("red", "blue", "green")
WINDOW = 10  #: frames for which the gaps are remembered
APART = 2 * VIEW  #: m, the gap where a body does not show
SEEN, SWOLLEN = 0.3, 1.8  #: shares of its first area; less is not seen, more is seen twice
HIDDEN = 0.2  #: share of its first area; a body that shows less than the rest is partly hidden
EDGE = 0.3  #: m; a body last seen this close to the view's edge has left


@dataclass(frozen=True, kw_only=True)
class PairTrack(Track):
    """A track of red, blue and green. `gaps` [N, 10] m between blue and green at the last frames, the newest
    last, or from lying side by side where one hides the other; `area` [N, 3] m² of each body at first."""

    gaps: Tensor
    area: Tensor


def make_tracker(template: Scene, resolution: int) -> Tracker:
    """Who reads frames: a template of red, blue and green stands for scenes with many other bodies."""
    among_others = tuple(body.color for body in template.bodies) == COLORS
    return PairTracker(template, resolution) if among_others else Tracker(template, resolution)


class PairTracker(Tracker):
    """Follows the red, blue and green bodies of frames [N, 3, H, W] in [0, 1]; see `Tracker`.

    Raises ValueError where the template's bodies are others.
    """

    def __init__(self, template: Scene, resolution: int = 64) -> None:
        if tuple(body.color for body in template.bodies) != COLORS:
            raise ValueError(f"the template's bodies must be {', '.join(COLORS)}, in this order")
        self.template, self.resolution = template, resolution
        self.red = torch.pi * template.bodies[0].radius ** 2  # its area, m²: it does not show at first

    def follow(self, frames: Tensor) -> list[Track]:
        """The tracks at each of the context frames [N, K, 3, H, W]; areas are those of the first."""
        share = dominance(frames[:, 0])
        area, centre = measured(share)
        area = torch.cat([torch.full_like(area[:, :1], self.red), area[:, 1:]], 1)
        gap = gap_between(share[:, 1:])
        track: Track = PairTrack(
            position=centre,
            velocity=torch.zeros_like(centre),
            size=(area / torch.pi).sqrt(),
            status=torch.full(area.shape, LEFT, device=area.device),
            unseen=torch.zeros(area.shape, dtype=torch.int64, device=area.device),
            gaps=gap[:, None].repeat(1, WINDOW),
            area=area,
        )
        tracks: list[Track] = []
        for t in range(frames.shape[1]):
            track = self.update(track, frames[:, t])
            tracks.append(track)
        return tracks

    def update(self, track: Track, frames: Tensor) -> PairTrack:
        """The track at the next frame [N, 3, H, W]."""
        assert isinstance(track, PairTrack) and track.unseen is not None
        share = dominance(frames)
        area, centre = measured(share)
        there = area > SEEN * track.area
        outward = (torch.minimum(track.position, VIEW - track.position) < EDGE).any(-1)
        gone = outward | (track.status == LEFT)
        status = torch.where(there, VISIBLE, torch.where(gone, LEFT, LOST))
        status = torch.where(area > SWOLLEN * track.area, DUPLICATED, status)
        seen = there[..., None]
        fresh = (track.status == LEFT)[..., None]  # what was not there before has no velocity yet
        moved = torch.where(fresh, 0.0, (centre - track.position) / DT)
        gap = torch.maximum(gap_between(share[:, 1:]), _hidden(area[:, 1:], track.area[:, 1:]))
        gap = torch.where(there[:, 1:].all(1), gap, APART)
        return replace(
            track,
            position=torch.where(seen, centre, track.position),
            velocity=torch.where(seen, moved, track.velocity),
            status=status,
            unseen=torch.where(there, 0, track.unseen + 1),
            gaps=torch.cat([track.gaps[:, 1:], gap[:, None]], 1),
        )


def dominance(frames: Tensor) -> Tensor:
    """How much red, blue and green stand out in each pixel, [N, 3, H, W] in [0, 1].

    A channel less the greater of the other two: the share of the colour where the rest of the pixel is white,
    grey or black.
    """
    parts = []
    for color in COLORS:
        main = PALETTE[color].index(1.0)
        others = [c for c in range(3) if c != main]
        parts.append(frames[:, main] - frames[:, others].amax(1))
    return torch.nan_to_num(torch.stack(parts, 1)).clamp(0, 1)


def measured(share: Tensor) -> tuple[Tensor, Tensor]:
    """Area [N, C] m² and centroid [N, C, 2] m of shares [N, C, H, W]."""
    side = share.shape[-1]
    ticks = torch.arange(side, device=share.device, dtype=share.dtype)
    along_x, along_y = share.sum(-2), share.sum(-1)
    total = along_x.sum(-1)
    safe = total.clamp(min=1e-3)
    centre = torch.stack([(along_x @ ticks) / safe, (along_y @ ticks) / safe], -1)
    return total * (VIEW / side) ** 2, to_metres(centre, side)


def gap_between(share: Tensor) -> Tensor:
    """Gap [N] m between two colours of shares [N, 2, H, W]: pixels between their masks, at 128 pixels.

    A mask holds the pixels of which the colour has more than half. Masks that touch, also at a corner, have a
    gap of zero.
    """
    if share.shape[-1] != SIDE:
        share = F.interpolate(share, (SIDE, SIDE), mode="bilinear", align_corners=False)
    places = _edges(share > 0.5)
    apart = torch.cat([torch.cdist(b, g, p=torch.inf).amin((1, 2)) for b, g in zip(*_chunks(places))])
    return torch.where(apart > 2 * SIDE, APART, (apart - 1).clamp(min=0) * PIXEL)


def _hidden(area: Tensor, first: Tensor) -> Tensor:
    """Side [N] m of a square as large as what is hidden of the bodies [N, C]; 0 where that is little."""
    lost = (first - area) * (area < (1 - HIDDEN) * first)
    return lost.amax(1).clamp(min=0).sqrt()


def _chunks(places: tuple[Tensor, Tensor], rows: int = 64) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    return places[0].split(rows), places[1].split(rows)


def _edges(masks: Tensor) -> tuple[Tensor, Tensor]:
    """The pixels at the edges of two masks [N, 2, H, W]: places [N, P, 2] of each; padding lies far away."""
    padded = F.pad(masks, (1, 1, 1, 1))
    inner = padded[..., 2:, 1:-1] & padded[..., :-2, 1:-1] & padded[..., 1:-1, 2:] & padded[..., 1:-1, :-2]
    found = []
    for number, far in enumerate((-1e4, 1e4)):
        row, y, x = (masks[:, number] & ~inner[:, number]).nonzero(as_tuple=True)
        count = torch.bincount(row, minlength=len(masks))
        first = count.cumsum(0) - count
        places = torch.full((len(masks), max(1, int(count.max())), 2), far, device=masks.device)
        places[row, torch.arange(len(row), device=row.device) - first[row]] = torch.stack([x, y], -1).float()
        found.append(places)
    return found[0], found[1]
