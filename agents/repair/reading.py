"""What a rollout says, part by part: who is where, where a body is while it is not seen, its first contact.

The model's rollouts and the truth's are read alike. Time is in frames since the present moment, frame 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from worldsim.engines.damping import decay, reach
from worldsim.metrics.bodies import exchanges
from worldsim.metrics.contacts import find_contacts
from worldsim.scenes import DT, Scene
from worldsim.tracking import Track

Array = np.ndarray


@dataclass(frozen=True)
class Free:
    """Free flight under the laws of a scene: `gravity` m/s², or `damping` 1/s (never both)."""

    gravity: float
    damping: float

    def way(self, velocity: Array, time: Array) -> Array:
        """How far [..., 2] m bodies with a velocity [..., 2] m/s get in a time [...] s."""
        fallen = np.stack([np.zeros_like(time), -self.gravity * time**2 / 2], -1)
        return velocity * reach(self.damping, time)[..., None] + fallen

    def velocity(self, velocity: Array, time: Array) -> Array:
        """The velocity [..., 2] m/s a time [...] s later; the time may be negative."""
        faster = np.stack([np.zeros_like(time), -self.gravity * time], -1)
        return velocity * decay(self.damping, time)[..., None] + faster

    def at_end(self, moved: Array) -> Array:
        """The velocity [..., 2] m/s at the end of a frame in which a body has `moved` [..., 2] m."""
        start = moved / reach(self.damping, DT)
        start[..., 1] += self.gravity * DT / 2
        return self.velocity(start, np.full(moved.shape[:-1], DT))


@dataclass(frozen=True)
class Contacts:
    """The first contact of each body [N, B]: `time` (infinite without one), its `place` [N, B, 2] m, the
    velocities `before` and `after` [N, B, 2] m/s, the `partner` (-1 without one); of the pair, ordered as in
    `worldsim.metrics.contacts`, the velocity at which its bodies `close` and the `normal` [N, B, 2]."""

    time: Array
    place: Array
    before: Array
    after: Array
    partner: Array
    close: Array
    normal: Array


@dataclass(frozen=True)
class Reading:
    """A rollout of N candidates, H frames and B bodies, by body as it was at frame 0 (and not by colour).

    `names` [N, H + 1, B] is the body that each colour shows. `position` [N, H + 1, B, 2] m float32 is what
    was tracked, with `status` and `measured` [N, H + 1, B]. While a body is not measured its `path`
    [N, H + 1, B, 2] m goes on in free flight.
    """

    names: Array
    position: Array
    status: Array
    measured: Array
    path: Array
    contacts: Contacts
    free: Free

    @property
    def nbytes(self) -> int:
        """About how much memory it takes."""
        arrays = self.names, self.position, self.status, self.measured, self.path
        return sum(a.nbytes for a in arrays)


def stack(tracks: Sequence[Track]) -> Track:
    """The tracks at some frames as one with a time axis, on the host; `unseen` is never absent."""

    def along(name: str) -> torch.Tensor:
        return torch.stack([getattr(t, name) for t in tracks], 1).cpu()

    zeros = torch.zeros_like(along("status"))
    unseen = zeros if tracks[-1].unseen is None else along("unseen")
    return Track(along("position"), along("velocity"), along("size"), along("status"), unseen)


def read(track: Track, scene: Scene, launch: Array | None = None) -> Reading:
    """A rollout with a time axis, see `stack`, of bodies and laws as in `scene` (a task's template).

    `launch` [N, 2] m/s is what the action of the first frame adds to the controlled body, where it launches.
    """
    assert track.unseen is not None
    dynamic = [b for b, body in enumerate(scene.bodies) if body.motion == "dynamic"]
    position, unseen = track.position.numpy(), track.unseen.numpy()
    names = _names(position, dynamic)
    bodies = np.argsort(names, -1)  # the colour in which each body is seen
    position = np.take_along_axis(position, bodies[..., None], 2)
    status, unseen = (np.take_along_axis(v, bodies, 2) for v in (track.status.numpy(), unseen))
    measured, free = unseen == 0, Free(scene.gravity, scene.damping)
    moved = track.velocity[:, 0].double().numpy() * DT
    if launch is not None and scene.control is not None:
        moved[:, scene.control.body] += launch * DT
    path = _completed(position.astype(float), measured, free.at_end(moved), dynamic, free)
    # the finder looks one frame back
    seen = np.concatenate([path[:, :1] - moved[:, None], path], 1)
    valid = np.concatenate([measured[:, :1], measured], 1)
    contacts = _first_contacts(seen, track.size[:, 0].double().numpy(), valid, scene, free)
    return Reading(names, position, status, measured, path, contacts, free)


def _names(position: Array, dynamic: Sequence[int]) -> Array:
    """The body [N, T, B] that each colour shows: its own until it is exchanged."""
    names = np.tile(np.arange(position.shape[2]), (*position.shape[:2], 1))
    found = exchanges(position, dynamic)
    for t in range(1, position.shape[1]):
        for (i, j), swap in found.items():
            rows = np.flatnonzero(swap[:, t])
            if len(rows):
                later = names[rows, t:]
                later[..., [i, j]] = later[..., [j, i]]
                names[rows, t:] = later
    return names


def _completed(position: Array, measured: Array, first: Array, dynamic: Sequence[int], free: Free) -> Array:
    """Paths [N, T, B, 2] that go on freely where a dynamic body is not measured; `first` [N, B, 2] m/s is the
    velocity at frame 0."""
    path, step = position.copy(), np.full(measured.shape[::2], DT)
    velocity = first.copy()
    for t in range(1, path.shape[1]):
        ahead = path[:, t - 1] + free.way(velocity, step)
        known = measured[:, t, :, None]
        path[:, t] = np.where(known, position[:, t], ahead)
        seen_twice = known & measured[:, t - 1, :, None]
        told = free.at_end(path[:, t] - path[:, t - 1])
        velocity = np.where(seen_twice, told, free.velocity(velocity, step))
    still = np.ones(path.shape[2], dtype=bool)
    still[list(dynamic)] = False
    path[:, :, still] = position[:, :, still]
    return path


def _first_contacts(seen: Array, radius: Array, valid: Array, scene: Scene, free: Free) -> Contacts:
    """The first contact of each body; `seen` [N, T + 1, B, 2] begins one frame before frame 0."""
    count, bodies = seen.shape[0], seen.shape[2]
    found = find_contacts(seen, radius, valid, [scene] * count, loose=True)
    shape = (count, bodies)
    time, partner = np.full(shape, np.inf), np.full(shape, -1)
    place, before, after, close, normal = np.zeros((5, *shape, 2))
    moves = np.array([body.motion == "dynamic" for body in scene.bodies])
    for side in (0, 1):
        rows, who = found.clip, found.pair[:, side]
        order = np.lexsort((found.time, who, rows))  # of each body the earliest one comes first
        _, at = np.unique(rows[order] * bodies + who[order], return_index=True)
        chosen = order[at]
        sooner = found.time[chosen] - 1 < time[rows[chosen], who[chosen]]
        chosen = chosen[sooner & moves[who[chosen]]]
        here = rows[chosen], who[chosen]
        time[here], partner[here] = found.time[chosen] - 1, found.pair[chosen, 1 - side]
        before[here], after[here] = found.before[chosen, side], found.after[chosen, side]
        close[here] = found.before[chosen, 0] - found.before[chosen, 1]
        normal[here] = found.normal[chosen]
    n, b = np.nonzero(np.isfinite(time))
    frame = np.floor(time[n, b]).astype(int)
    since = (time[n, b] - frame) * DT
    back = free.way(free.velocity(before[n, b], -since), since)
    place[n, b] = seen[n, frame + 1, b] + back
    return Contacts(time, place, before, after, partner, close, normal)
