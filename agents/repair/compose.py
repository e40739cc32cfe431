"""A trajectory put together from parts of two others.

Let m be the model's rollout of some actions and e what truly happens under the same ones, both read alike
(`agents.repair.reading`). Each of the six parts is taken from one of them: its name below stands for m where
it is not repaired, and for e where it is. For each body, with x_s(t) its path in the source s, t_s the time
of its first contact there (infinite without one), v_s and w_s its velocities right before and after it:

    T      = t_time                                                          when the contact comes
    B(t)   = x_before(t) up to t_before, from there on in free flight with v_before
    u      = the velocity of B at T
    dv     = (w_outcome - v_outcome) · (c_before · n_outcome) / (c_outcome · n_outcome)
    A(s)   = x_after(t_after + s) - x_after(t_after) - w_after s               beyond its end in free flight

    x(t)   = B(t)                                                            for t <= T
    x(t)   = B(T) + (u + dv) (t - T) + A(t - T)                              for t > T

c is the velocity at which the two bodies close and n the normal of their contact. The quotient makes the
outcome a law: what a contact adds to each m/s of closing speed. It is 1 where only one of the two sources has
this contact, dv is 0 where `outcome` has none, and without a contact in `after` the body flies freely. While
a source does not show a body its path goes on in free flight.

A body is absent (lost, or seen twice) where it is so in `existence`. Otherwise it has left the view where its
path has: a wrong path out of view is an error of motion. Where the path is that of one source alone, its
status and what was measured are those of that source, so that x = m where nothing is repaired and x = e where
all is, bit by bit. Last, colours exchange bodies as they do in `identity`.

Parts are put together, not simulated again: a second contact comes when and where A has it.
"""

from collections.abc import Collection
from dataclasses import replace

import numpy as np
import torch

from agents.repair.reading import Array, Contacts, Reading
from worldsim.scenes import DT, VIEW
from worldsim.tracking import DUPLICATED, LEFT, LOST, VISIBLE, Track

SLOW = 0.25  #: m/s; contacts are not scaled by a smaller closing speed than this


def compose(first: Track, model: Reading, truth: Reading, repaired: Collection[str]) -> Track:
    """The track [N, H + 1] with the `repaired` parts from `truth` and the others from `model`.

    `first` is the track at frame 0, which both share.
    """

    def source(part: str) -> Reading:
        return truth if part in repaired else model

    before, time, outcome, after = (source(part) for part in ("before", "time", "outcome", "after"))
    path, pure = _motion(before, time, outcome, after)
    shows = _shows(path, first.size[:, None].double().numpy())
    status, measured = _status(path, pure, shows, before, source("existence"))
    names = source("identity").names
    path = np.take_along_axis(path, names[..., None], 2)
    status, measured = (np.take_along_axis(v, names, 2) for v in (status, measured))
    return _track(first, torch.as_tensor(path.astype(np.float32)), status, torch.as_tensor(measured))


def _motion(before: Reading, time: Reading, outcome: Reading, after: Reading) -> tuple[Array, Array]:
    """Paths [N, T, B, 2] m of all bodies, and where [N, T, B] they are those of `before` as it stands."""
    when, frames = time.contacts.time[:, None], np.arange(before.path.shape[1])[:, None]
    pure = frames <= np.minimum(when, before.contacts.time[:, None])
    if before is time is outcome is after:
        pure = np.ones_like(pure)
    own = np.where(before.measured[..., None], before.position, before.path)
    late = frames > when
    finite = np.where(np.isfinite(when), when, 0.0)
    start, speed = _contact(before, outcome, finite[:, 0])
    since = np.where(late, (frames - finite) * DT, 0.0)
    onward = _onward(after, finite, since, speed)
    path = np.where(late[..., None], start[:, None] + onward, _before(before, frames))
    return np.where(pure[..., None], own, path), pure


def _before(before: Reading, frames: Array) -> Array:
    """The path [N, T, B, 2] up to the contact, and on in free flight."""
    c = before.contacts
    late = np.maximum(frames - c.time[:, None], 0.0) * DT
    flown = c.place[:, None] + before.free.way(c.before[:, None], late)
    return np.where((frames > c.time[:, None])[..., None], flown, before.path)


def _contact(before: Reading, outcome: Reading, when: Array) -> tuple[Array, Array]:
    """Where each body is at the time of its contact [N, B], and with which velocity it leaves, [N, B, 2]."""
    c, free = before.contacts, before.free
    some = np.isfinite(c.time)
    late = np.where(some, when - np.where(some, c.time, 0.0), 0.0) * DT
    flown = c.place + free.way(c.before, np.maximum(late, 0.0))
    place = np.where((late > 0)[..., None], flown, _at(before, when, c.time))
    frame = np.minimum(np.floor(when).astype(int), before.path.shape[1] - 2)
    moved = _pick(before.path, frame + 1) - _pick(before.path, frame)
    local = free.velocity(free.at_end(moved), (when - frame - 1) * DT)
    arriving = np.where(some[..., None], free.velocity(c.before, late), local)
    return place, arriving + _gained(c, outcome.contacts)


def _gained(before: Contacts, outcome: Contacts) -> Array:
    """The change of velocity [N, B, 2] m/s of an outcome at the closing speed of another contact."""
    change = np.where(np.isfinite(outcome.time)[..., None], outcome.after - outcome.before, 0.0)
    if before is outcome:
        return change
    closing, own = ((c.close * outcome.normal).sum(-1) for c in (before, outcome))
    same = (before.partner == outcome.partner) & (outcome.partner >= 0)
    share = np.where(same, np.maximum(closing, 0.0) / np.maximum(own, SLOW), 1.0)
    return np.asarray(change * share[..., None])


def _onward(after: Reading, when: Array, since: Array, velocity: Array) -> Array:
    """The way [N, T, B, 2] m from the place of the contact, `since` [N, T, B] s after it."""
    c, some = after.contacts, np.isfinite(after.contacts.time)[:, None]
    straight = velocity[:, None] * since[..., None]
    at = np.where(some, np.where(some, c.time[:, None], 0.0) + since / DT, 0.0)
    bent = np.stack([_since(after, at[:, t]) for t in range(at.shape[1])], 1)
    bent -= c.place[:, None] + c.after[:, None] * since[..., None]
    return np.where(some[..., None], straight + bent, after.free.way(velocity[:, None], since))


def _at(reading: Reading, when: Array, contact: Array) -> Array:
    """Places [N, B, 2] m at times [N, B] up to the contact, between frames along straight lines."""
    frame = np.minimum(np.floor(when).astype(int), reading.path.shape[1] - 1)
    upper = np.minimum(frame + 1, reading.path.shape[1] - 1)
    ends = np.where((frame + 1 > contact)[..., None], reading.contacts.place, _pick(reading.path, upper))
    length = np.minimum(frame + 1, contact) - frame
    share = np.where(length > 0, (when - frame) / np.where(length > 0, length, 1.0), 0.0)[..., None]
    return np.asarray(_pick(reading.path, frame) * (1 - share) + ends * share)


def _since(reading: Reading, when: Array) -> Array:
    """Places [N, B, 2] m at times [N, B] from the contact on; beyond the end in free flight."""
    c, last = reading.contacts, reading.path.shape[1] - 1
    frame = np.minimum(np.floor(when).astype(int), last)
    lower, upper = np.maximum(frame, c.time), np.minimum(frame + 1, last)
    starts = np.where((frame < c.time)[..., None], c.place, _pick(reading.path, frame))
    share = np.where(upper > lower, (when - lower) / np.where(upper > lower, upper - lower, 1.0), 0.0)[
        ..., None
    ]
    inside = starts * (1 - share) + _pick(reading.path, upper) * share
    moved = reading.path[:, last] - reading.path[:, last - 1]
    beyond = np.maximum(when - last, 0.0) * DT
    flown = reading.path[:, last] + reading.free.way(reading.free.at_end(moved), beyond)
    return np.where((when > last)[..., None], flown, inside)


def _pick(path: Array, frame: Array) -> Array:
    """Places [N, B, 2] of each body at a frame [N, B] of its own."""
    return np.take_along_axis(path, frame[:, None, :, None], 1)[:, 0]


def _shows(path: Array, size: Array) -> Array:
    """[N, T, B] bool: something of a body lies in view; what has left it is no longer measured."""
    inside = (path > -size[..., None]) & (path < VIEW + size[..., None])
    return np.asarray(inside.all(-1))


def _status(
    path: Array, pure: Array, shows: Array, motion: Reading, existence: Reading
) -> tuple[Array, Array]:
    """Status [N, T, B] of each body, and where it is measured."""
    absent, own = (np.isin(r.status, (LOST, DUPLICATED)) for r in (existence, motion))
    outside = ((path < 0) | (path > VIEW)).any(-1)
    kept = pure & ~own
    status = np.where(kept, motion.status, np.where(outside, LEFT, VISIBLE))
    measured = np.where(kept, motion.measured, shows)
    return np.where(absent, existence.status, status), measured & ~absent


def _track(first: Track, path: torch.Tensor, status: Array, measured: torch.Tensor) -> Track:
    """What a tracker tells of such paths: a body that is not measured holds its last place and velocity."""
    unseen = torch.zeros_like(first.status) if first.unseen is None else first.unseen
    position, velocity = first.position, first.velocity
    kept = [(position, velocity, unseen)]
    for t in range(1, path.shape[1]):
        known = measured[:, t]
        moved = (path[:, t] - position) / ((unseen[..., None] + 1) * DT)
        velocity = torch.where(known[..., None], moved, velocity)
        position = torch.where(known[..., None], path[:, t], position)
        unseen = torch.where(known, 0, unseen + 1)
        kept.append((position, velocity, unseen))
    places, velocities, away = (torch.stack(values, 1) for values in zip(*kept))
    told = torch.as_tensor(status)
    told[:, 0] = first.status
    size = first.size[:, None].expand(told.shape)
    return replace(first, position=places, velocity=velocities, size=size, status=told, unseen=away)
