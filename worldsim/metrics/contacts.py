"""Impacts found from positions alone: the same finder for the truth and for what is tracked in a prediction.

Between frames t and t+1 two bodies have met if their paths before (from frames t-1 and t) and after (from
t+1 and t+2) cross in between, at a place where their surfaces touch, and the approach has stopped. Positions
are made straight by adding what gravity took away, so that a kink is an impact (a body that lies still after
it is taken to fall: its separation is up to 1.5 g · 0.1 s too large). Impacts slower than
`SLOWEST` and those of the last frames are not found, in the truth as in the prediction.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from worldsim.scenes import DT, Body, Scene

SLOWEST = 0.5  #: m/s; below twice what gravity changes within a frame, lying and hitting look alike
TOUCH = 0.35  #: m; about two pixels of 64: surfaces this close have touched
LOOSE = 1.0  #: m; the same where an impact may be misplaced
EDGE = 0.9  #: of an interval; paths that cross later than this may do so because of the next interval
STOPPED = 0.5  #: share of the approach that an impact takes away at least


@dataclass(frozen=True)
class Contacts:
    """E impacts: of `pair` [E, 2] in clip `clip` [E], at time `time` [E] in frames since frame 0.

    `before` and `after` [E, 2, 2] are the velocities of both bodies at the impact, m/s (zero for fixed ones),
    `normal` [E, 2], the direction of the impulse on the second body, is that of the change of the relative
    velocity of two discs (so that an error of their places is none of the impact) and that of a wall's face;
    `gap` [E] m is what is left between the surfaces.
    """

    clip: np.ndarray
    pair: np.ndarray
    time: np.ndarray
    before: np.ndarray
    after: np.ndarray
    normal: np.ndarray
    gap: np.ndarray

    def select(self, index: np.ndarray) -> "Contacts":
        """The impacts named by an index or a mask."""
        return Contacts(*(getattr(self, f.name)[index] for f in fields(self)))

    @property
    def approach(self) -> np.ndarray:
        """Normal speed [E] at which the bodies met, m/s."""
        return -np.einsum("ec,ec->e", self.before[:, 1] - self.before[:, 0], self.normal)

    @property
    def separation(self) -> np.ndarray:
        """Normal speed [E] at which they parted, m/s."""
        return np.einsum("ec,ec->e", self.after[:, 1] - self.after[:, 0], self.normal)


def touching_pairs(bodies: Sequence[Body]) -> list[tuple[int, int]]:
    """Pairs that can meet: a dynamic solid disc second, before it another one or a solid fixed body."""
    discs = [
        b for b, body in enumerate(bodies) if (body.shape, body.motion) == ("disc", "dynamic") and body.solid
    ]
    fixed = [b for b, body in enumerate(bodies) if body.motion == "fixed" and body.solid]
    return [(i, j) for j in discs for i in (*fixed, *(d for d in discs if d < j))]


def find_contacts(
    position: np.ndarray,
    radius: np.ndarray,
    valid: np.ndarray,
    scenes: Sequence[Scene],
    loose: bool = False,
) -> Contacts:
    """Impacts between bodies at `position` [N, T, B, 2] m with `radius` [N, B] m of the discs.

    Looked for where both bodies are `valid` [N, T, B] (seen, fully in view) from the frame before to two
    frames later; fixed bodies always are. All scenes have the same bodies but for sizes and places. A `loose`
    search also finds impacts that happen too late or elsewhere: surfaces up to `LOOSE` apart count, and the
    approach is that along the change of the relative velocity.
    """
    gravity = np.array([scene.gravity for scene in scenes])
    found = [_NONE]
    for i, j in touching_pairs(scenes[0].bodies) if position.shape[1] >= 4 else []:
        wall = scenes[0].bodies[i].motion == "fixed"
        paths = (
            _Paths.of(position[:, :, i], 0 * gravity if wall else gravity),
            _Paths.of(position[:, :, j], gravity),
        )
        half = np.array([scene.bodies[i].half for scene in scenes])[:, None] if wall else np.zeros((1, 1, 2))
        reach = radius[:, j] + (0.0 if wall else radius[:, i])
        seen = valid[:, :, j] if wall else valid[:, :, i] & valid[:, :, j]
        seen = seen[:, :-3] & seen[:, 1:-2] & seen[:, 2:-1] & seen[:, 3:]
        found.append(_meetings(*paths, (i, j), half, reach[:, None], seen, loose))
    joined = Contacts(*(np.concatenate([getattr(c, f.name) for c in found]) for f in fields(Contacts)))
    return joined.select(np.lexsort((joined.time, joined.clip)))


@dataclass(frozen=True)
class _Paths:
    """Straight paths [N, T-3, 2] around the intervals t to t+1, t = 1 … T-3, made straight by undoing gravity
    from frame t on: at `start` with velocity `before`, and at the interval's `end` with velocity `after`."""

    start: np.ndarray
    end: np.ndarray
    before: np.ndarray
    after: np.ndarray
    gravity: np.ndarray

    @classmethod
    def of(cls, position: np.ndarray, gravity: np.ndarray) -> "_Paths":
        """Of one body at `position` [N, T, 2] under `gravity` [N]."""
        frames = position.shape[1]
        stencil = [position[:, k : frames - 3 + k].copy() for k in range(4)]
        for k, place in zip((-1, 0, 1, 2), stencil):
            place[..., 1] += gravity[:, None] * (k * DT) ** 2 / 2
        a, b, c, d = stencil
        return cls(b, c, (b - a) / DT, (d - c) / DT, gravity[:, None])

    def fallen(self, time: np.ndarray) -> np.ndarray:
        """Velocity [N, T-3, 2] that gravity has added `time` [N, T-3] s after frame t."""
        return np.stack([np.zeros_like(time), -self.gravity * time], axis=-1)


_NONE = Contacts(
    clip=np.zeros(0, dtype=int),
    pair=np.zeros((0, 2), dtype=int),
    time=np.zeros(0),
    before=np.zeros((0, 2, 2)),
    after=np.zeros((0, 2, 2)),
    normal=np.zeros((0, 2)),
    gap=np.zeros(0),
)


def _meetings(
    one: _Paths,
    two: _Paths,
    pair: tuple[int, int],
    half: np.ndarray,
    reach: np.ndarray,
    seen: np.ndarray,
    loose: bool,
) -> Contacts:
    """Impacts of one pair; `half` [N or 1, 1, 2] m of a box (zero: a disc's centre), `reach` [N, 1] m."""
    way = two.start - one.start
    change = (two.before - one.before) - (
        two.after - one.after
    )  # straight paths cross where they differ least
    ahead = way - (two.end - one.end) + (two.after - one.after) * DT
    late = -(ahead * change).sum(-1) / np.maximum((change * change).sum(-1), 1e-12)
    time = np.clip(late, 0.0, DT)
    forward = way + (two.before - one.before) * time[..., None]
    backward = (two.end - one.end) + (two.after - one.after) * (time - DT)[..., None]
    apart = (forward + backward) / 2 + (two.fallen(time) - one.fallen(time)) * time[..., None] / 2
    apart = apart - np.clip(apart, -half, half)  # from the nearest point of a box
    distance = np.sqrt((apart * apart).sum(-1))
    pushed = -change / np.maximum(np.sqrt((change * change).sum(-1)), 1e-9)[..., None]
    normal = pushed if loose else apart / np.maximum(distance, 1e-9)[..., None]
    before, after = (
        np.stack([getattr(p, name) + p.fallen(time) for p in (one, two)], axis=2)
        for name in ("before", "after")
    )
    approach = -((before[:, :, 1] - before[:, :, 0]) * normal).sum(-1)
    impulse = approach + ((after[:, :, 1] - after[:, :, 0]) * normal).sum(-1)
    gap = distance - reach
    hit = seen & _hits(gap <= (LOOSE if loose else TOUCH), approach, impulse, late)
    if not half.any():
        normal = pushed
    clip, t = np.nonzero(hit)
    return Contacts(
        clip,
        np.tile(pair, (len(clip), 1)),
        t + 1 + time[hit] / DT,
        before[hit],
        after[hit],
        normal[hit],
        gap[hit],
    )


def _hits(touch: np.ndarray, approach: np.ndarray, impulse: np.ndarray, late: np.ndarray) -> np.ndarray:
    """Intervals [N, T-3] with an impact, of those in which bodies `touch`. Those beside it see a part of it,
    so the largest one counts, be it too slow or out of view; where the last paths cross at their end, the
    impact may lie beyond."""
    hit = touch & (approach >= SLOWEST) & (impulse >= STOPPED * approach)
    strength = np.pad(np.where(touch, impulse, -np.inf), ((0, 0), (1, 1)), constant_values=-np.inf)
    hit &= (strength[:, 1:-1] > strength[:, :-2]) & (strength[:, 1:-1] >= strength[:, 2:])
    hit[:, -1] &= late[:, -1] < EDGE * DT
    return np.asarray(hit)
