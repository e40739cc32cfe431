"""Frames to states: where each body is, how large, and whether it is still there.

Each colour's share of every pixel is unmixed, the main blob's centroid is its body's centre, and bodies cut
by the picture's edge or covered by later ones are corrected for what cannot be seen. Fixed bodies are known
and not looked for.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from worldsim.moments import Blobs, blobs, measure, shares, to_metres, unmixing
from worldsim.occlusion import Cover, Outline, locate, outline, visible_area
from worldsim.scenes import DT, VIEW, Scene

__all__ = ["STATUS_NAMES", "Track", "Tracker", "measure", "track_clip"]

VISIBLE, LEFT, HIDDEN, LOST, DUPLICATED = range(5)
STATUS_NAMES = ("visible", "left", "hidden", "lost", "duplicated")

SEEN = 0.04  #: a body shows at least this share of its full area, else it counts as not seen
SLIVER = 0.01  #: a body that left shows at least this share of its squared size, else nothing of it shows
FADED = 0.4  #: less than this share of the area that it should show: lost
SPLIT = 0.35  #: more than this share of its full area away from the main blob: duplicated
SWOLLEN = 1.6  #: more than this multiple of the area that it should show: duplicated
CHUNK = 32  #: frames whose shares are computed at a time: they stay in the processor's cache
NEVER = 10**6  #: frames since a body that was never seen was seen


@dataclass(frozen=True)
class Track:
    """What is seen of N scenes with B bodies at one frame.

    `position` [N, B, 2] m and `velocity` [N, B, 2] m/s (last displacement / 0.1 s) keep their last values
    when a body is not visible; `size` [N, B] is the radius of a disc or the half width of a box in m, found
    while the body was fully in view; `status` [N, B] int64 (VISIBLE, LEFT, HIDDEN, LOST, DUPLICATED).
    `unseen` [N, B] int64 counts the frames since the position was last measured (None: zeros).
    """

    position: Tensor
    velocity: Tensor
    size: Tensor
    status: Tensor
    unseen: Tensor | None = None

    def _map(self, function: Callable[[Tensor], Tensor]) -> "Track":
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{name: function(v) for name, v in values.items() if v is not None})

    def select(self, index: Tensor) -> "Track":
        """The rows named by `index` [M]."""
        return self._map(lambda v: v[index])

    def repeat(self, n: int) -> "Track":
        """Each row n times in a row."""
        return self._map(lambda v: v.repeat_interleave(n, 0))

    def to(self, device: torch.device) -> "Track":
        """The same on another device."""
        return self._map(lambda v: v.to(device))

    def where(self, mask: Tensor, other: "Track") -> "Track":
        """Rows of this track where `mask` [N] is true, else rows of `other`."""
        zero = torch.zeros_like(self.status)
        mine, more = (replace(t, unseen=zero) if t.unseen is None else t for t in (self, other))
        pairs = {f.name: (getattr(mine, f.name), getattr(more, f.name)) for f in fields(self)}
        chosen = {
            name: torch.where(mask.reshape(-1, *[1] * (a.ndim - 1)), a, b) for name, (a, b) in pairs.items()
        }
        return replace(self, **chosen)


class Tracker:
    """Follows the bodies of a template through frames [N, 3, H, W] in [0, 1].

    The template says which colours and shapes there are, how large the boxes are and where fixed bodies lie;
    disc radii are measured in the frames given to `begin`.

    Raises ValueError where a moving body shares its colour or colours cannot be told apart.
    """

    def __init__(self, template: Scene, resolution: int = 64) -> None:
        self.template, self.resolution = template, resolution
        self.moving = [i for i, b in enumerate(template.bodies) if b.motion != "fixed"]
        colors = [template.bodies[i].color for i in self.moving]
        fixed = {b.color for b in template.bodies if b.motion == "fixed"}
        self.matrix = unmixing([*colors, *sorted(fixed)])[: len(colors)]
        self.half = torch.tensor([b.half for b in template.bodies]).float()
        self.start = torch.tensor([b.position for b in template.bodies]).float()
        self.outlines = {b: outline(template.bodies[b].shape == "box") for b in self.moving}

    def begin(self, frames: Tensor) -> Track:
        """The track at the last of the context frames [N, K, 3, H, W].

        Raises ValueError on another shape.
        """
        return self.follow(frames)[-1]

    def follow(self, frames: Tensor) -> list[Track]:
        """The tracks at each of the context frames [N, K, 3, H, W]; sizes are those found in all of them."""
        n, k = self._check(frames, 5)[:2]
        device = frames.device
        size = self.half[:, 0].to(device).repeat(n, 1)
        blob = self._blobs(frames.flatten(0, 1))
        for c, b in enumerate(self.moving):
            if self.template.bodies[b].shape == "disc":
                size[:, b] = self._radius(
                    blob.mass[:, c].unflatten(0, (n, k)), blob.centroid[:, c].unflatten(0, (n, k))
                )
        position = self.start.to(device).repeat(n, 1, 1)
        zero = torch.zeros_like(size, dtype=torch.int64)
        track = Track(position, torch.zeros_like(position), size, zero, zero + NEVER)
        tracks = []
        for t in range(k):
            track = self.update(track, frames[:, t])
            tracks.append(track)
        return tracks

    def update(self, track: Track, frames: Tensor) -> Track:
        """The track at the next frame [N, 3, H, W]. Raises ValueError on another shape."""
        self._check(frames, 4)
        blob = self._blobs(frames, track.size)
        pixel = VIEW / self.resolution
        unseen = torch.zeros_like(track.status) if track.unseen is None else track.unseen
        position, velocity, status = track.position.clone(), track.velocity.clone(), track.status.clone()
        unseen = unseen.clone()
        covers: list[Cover] = []
        for b in reversed(range(len(self.template.bodies))):
            half = self._half(track.size[:, b], b)
            if b in self.moving:
                c = self.moving.index(b)
                one = Blobs(blob.total[:, c] * pixel**2, blob.mass[:, c] * pixel**2, blob.centroid[:, c])
                seen, found, status[:, b] = self._judge(b, one, half, track, unseen[:, b], covers)
                elapsed = (unseen[:, b, None] + 1) * DT
                moved = (found - track.position[:, b]) / elapsed
                position[:, b] = torch.where(seen[:, None], found, track.position[:, b])
                velocity[:, b] = torch.where(seen[:, None], moved, track.velocity[:, b])
                unseen[:, b] = torch.where(seen, 0, unseen[:, b] + 1)
            else:
                status[:, b], unseen[:, b] = VISIBLE, 0
            # a body that left covers nothing unless a sliver of it still shows
            covering = status[:, b] == VISIBLE
            if b in self.moving:
                covering = covering | ((status[:, b] == LEFT) & (one.mass > SLIVER * half.prod(-1)))
            place = position[:, b] + velocity[:, b] * (unseen[:, b, None] * DT)
            covers.append(Cover(torch.where(covering[:, None], place, -1e3), half, self._box(b)))
        return Track(position, velocity, track.size, status, unseen)

    def _judge(
        self, b: int, blob: Blobs, half: Tensor, track: Track, unseen: Tensor, covers: list[Cover]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Whether the body is measured [N], its centre [N, 2] and its status [N]; areas in `blob` are m²."""
        shape = self.outlines[b]
        full = shape.area * half.prod(-1)
        before = track.position[:, b]
        guess = before + track.velocity[:, b] * DT * (unseen < NEVER)[:, None]
        centre = to_metres(blob.centroid, self.resolution)
        if self._sideways(b):
            centre = torch.stack((centre[:, 0], before[:, 1]), -1)
        expected = full.clone()
        there = blob.mass > SEEN * full
        rows = (there & self._obstructed(centre, half, covers, self._box(b))).nonzero()[:, 0]
        if len(rows):
            some = [Cover(c.centre[rows], c.half[rows], c.box) for c in covers]
            first = torch.where((unseen[rows] < NEVER)[:, None], guess[rows], centre[rows])
            located, area = locate(shape, centre[rows], first, half[rows], some, not self._sideways(b))
            centre, expected = centre.index_copy(0, rows, located), expected.index_copy(0, rows, area)
        there = there & (expected > SEEN * full)
        status = torch.where(self._outside(centre), LEFT, VISIBLE)
        faded = blob.mass < FADED * expected
        split = (blob.total - blob.mass > SPLIT * full) | (blob.total > SWOLLEN * expected + 0.1 * full)
        status = torch.where(split, DUPLICATED, status)
        measured = there & ~faded & ~split
        gone = (~there | faded).nonzero()[:, 0]
        if len(gone):
            some = [Cover(c.centre[gone], c.half[gone], c.box) for c in covers]
            last, reach = track.status[gone, b], self._reach(b, track, unseen)
            near = self._behind(some, before[gone], reach[gone]) if reach is not None else []
            places = [before[gone], guess[gone], *near]
            absent = self._absence(shape, places, half[gone], some, last)
            absent = torch.where(split[gone], DUPLICATED, absent)
            status = status.index_copy(0, gone, absent)
        return measured, centre, status

    def _absence(
        self,
        shape: Outline,
        places: list[Tensor],
        half: Tensor,
        covers: list[Cover],
        last: Tensor,
    ) -> Tensor:
        """Why bodies are not seen that may be at `places` [M, 2], the first two of which are the last one and
        the expected one: status [M]."""
        before, guess, *_ = places
        full = shape.area * half.prod(-1)
        edge = torch.minimum(before, VIEW - before).amin(-1)
        outward = torch.minimum(guess, VIEW - guess).amin(-1) <= edge
        left = (visible_area(shape, guess, half, []) < 0.5 * full) | (outward & (edge < half[:, 0]))
        showing = torch.stack([visible_area(shape, place, half, covers) for place in places]).amin(0)
        status = torch.where(left, LEFT, torch.where(showing < 0.25 * full, HIDDEN, LOST))
        return torch.where((last == LEFT) | (last == LOST), last, status)

    def _radius(self, mass: Tensor, centroid: Tensor) -> Tensor:
        """Radius [N] m of a disc from its masses [N, K] and centroids [N, K, 2] in pixels: the median over
        the frames where it is fully in view, the largest where there is none."""
        radius = (mass.clamp(min=0) / torch.pi).sqrt()
        inside = torch.minimum(centroid + 0.5, self.resolution - 0.5 - centroid).amin(-1) >= radius + 0.5
        nan = torch.full_like(radius, torch.nan)
        median = torch.where(inside & (mass > 0), radius, nan).nanmedian(1).values
        found = torch.where(median.isnan(), radius.amax(1), median)
        return found.clamp(min=1.0) * (VIEW / self.resolution)

    def _blobs(self, frames: Tensor, size: Tensor | None = None) -> Blobs:
        half = None if size is None else self._windows(size)
        parts = [
            blobs(shares(frames[i : i + CHUNK], self.matrix), None if half is None else half[i : i + CHUNK])
            for i in range(0, max(len(frames), 1), CHUNK)
        ]
        return Blobs(*(torch.cat([getattr(p, f.name) for p in parts]) for f in fields(Blobs)))

    def _windows(self, size: Tensor) -> Tensor:
        """Half widths [N, C, 2] in pixels of the windows in which the moving bodies are measured."""
        scale = self.resolution / VIEW
        half = []
        for b in self.moving:
            # any part of a box may be the visible one, so its window reaches a whole width to either side
            reach = 2.0 if self._box(b) else 1.0
            half.append(reach * self._half(size[:, b], b) * scale + 1.5)
        return torch.stack(half, 1)

    def _half(self, size: Tensor, b: int) -> Tensor:
        """Half sizes [N, 2] m of body b from track sizes [N]."""
        if self._box(b):
            return self.half[b].to(size.device).expand(len(size), 2)
        return torch.stack((size, size), -1)

    def _box(self, b: int) -> bool:
        return self.template.bodies[b].shape == "box"

    def _sideways(self, b: int) -> bool:
        """True for a body that its control moves along x alone."""
        control = self.template.control
        return (
            control is not None and control.kind == "velocity" and len(control.low) == 1 and control.body == b
        )

    @staticmethod
    def _behind(covers: list[Cover], before: Tensor, reach: Tensor) -> list[Tensor]:
        """Where bodies that obey commands, which are not seen, may be behind each cover: the nearest places
        to it [M, 2] within `reach` [M] m of `before` [M, 2]."""
        places = []
        for cover in covers:
            way = cover.centre - before
            far = way.norm(dim=-1)
            share = (reach / far.clamp(min=1e-6)).clamp(max=1.0)
            share = share * (far < 2 * VIEW)  # covers that far away cover nothing
            places.append(before + share[:, None] * way)
        return places

    def _reach(self, b: int, track: Track, unseen: Tensor) -> Tensor | None:
        """How far [N] m commands may have taken body b from where it was last seen; None if it obeys none.

        It was perhaps half covered then, and its own motion misread, so the two speeds are added up.
        """
        control, body = self.template.control, self.template.bodies[b]
        if control is None or control.body != b or body.motion != "kinematic":
            return None
        velocities = 1 if control.kind == "carry" else len(control.low)
        ends = list(zip(control.low, control.high))[:velocities]
        commanded = math.hypot(*(max(abs(low), abs(high)) for low, high in ends))
        return (track.velocity[:, b].norm(dim=-1) + commanded) * (unseen.clamp(max=NEVER) + 1) * DT

    @staticmethod
    def _outside(centre: Tensor) -> Tensor:
        return ((centre < 0) | (centre > VIEW)).any(-1)

    @staticmethod
    def _obstructed(centre: Tensor, half: Tensor, covers: list[Cover], box: bool) -> Tensor:
        """Rows [N] in which the picture's edge or a later body may hide a part of a body seen at `centre`."""
        hidden = ((centre < half) | (centre > VIEW - half)).any(-1)
        for cover in covers:
            away = (centre - cover.centre).abs()
            if box or cover.box:
                hidden = hidden | (away < (2 * half if box else half) + cover.half).all(-1)
            else:
                hidden = hidden | (away.norm(dim=-1) < half[:, 0] + cover.half[:, 0] - 0.1)
        return hidden

    def _check(self, frames: Tensor, ndim: int) -> torch.Size:
        side = self.resolution
        if frames.ndim != ndim or frames.shape[-3:] != (3, side, side):
            lead = "[N, K, 3, " if ndim == 5 else "[N, 3, "
            raise ValueError(f"frames have shape {tuple(frames.shape)}; expected {lead}{side}, {side}]")
        return frames.shape


def track_clip(tracker: Tracker, frames: Tensor, context: int = 4) -> Track:
    """Tracks of whole clips: `frames` [N, T, 3, H, W], the first `context` of which give the sizes.

    Returns a Track with a time axis: position and velocity [N, T, B, 2], size, status and unseen [N, T, B].
    """
    tracks = tracker.follow(frames[:, :context])
    for t in range(context, frames.shape[1]):
        tracks.append(tracker.update(tracks[-1], frames[:, t]))
    return Track(*(torch.stack([getattr(track, f.name) for track in tracks], 1) for f in fields(Track)))
