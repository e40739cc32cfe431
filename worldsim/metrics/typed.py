"""Physics errors by type, for a model's rollout, for tracked true frames, or for one engine against another.

`typed_errors` takes frames and the clips that tell the truth, wherever both come from: a model's frames give
its errors, the truth's own frames the tracker's floor, and MuJoCo's frames with Box2D's states the floor that
two correct engines leave (`in_engine`).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from worldsim.engines import make_engine
from worldsim.engines.base import simulate
from worldsim.metrics import bodies, flight, masks
from worldsim.metrics.contact_errors import contact_errors
from worldsim.metrics.contacts import find_contacts
from worldsim.metrics.position import position_errors
from worldsim.metrics.rollouts import BATCH, Clips, truth
from worldsim.metrics.scoring import ByFrame, in_view, scoring_mask
from worldsim.metrics.types import TYPES, TypedErrors
from worldsim.metrics.velocity import velocity_error_public, velocity_errors
from worldsim.scenes import VIEW
from worldsim.tracking import VISIBLE, Track, Tracker, track_clip

GONE = 1.0  #: m added to the distance from the last known place of a body that is not shown
SHOWING = 0.5  #: share of its area that a body must show in the truth's pictures to be scored
WHOLE = 0.95  #: share of its area that a body must show for its shape to be scored


def in_engine(clips: Clips, engine: str) -> Clips:
    """The same scenes and actions, and what happens to them in another engine."""
    again = simulate(make_engine(engine), clips.scenes, clips.states.shape[1], clips.actions)
    return replace(clips, states=again.states)


def typed_batches(clips: Clips, film: Callable[[Clips, int], Tensor], context: int = 4) -> TypedErrors:
    """Typed errors of the frames that `film` makes of some clips and the number of the first, by batches."""
    parts = []
    for first in range(0, len(clips.scenes), BATCH):
        some = clips.rows(first, first + BATCH)
        frames = film(some, first)
        tracker = Tracker(clips.template, frames.shape[-1])
        parts.append(typed_errors(track_clip(tracker, frames, context), some, frames, context))
    return TypedErrors.join(parts)


def typed_errors(track: Track, clips: Clips, frames: Tensor, context: int = 4) -> TypedErrors:
    """Every measure of a prediction from its `track` and `frames` [N, T, 3, H, W], against the truth `clips`.

    The truth alone decides what is scored: dynamic bodies that lie fully in view and are not hidden, from
    frame `context` on. Raises ValueError where tracks, frames and states differ in shape, or bodies are not
    tracked.
    """
    if frames.shape[:2] != clips.states.shape[:2]:
        expected = "×".join(map(str, clips.states.shape[:2]))
        raise ValueError(f"frames have shape {tuple(frames.shape)}; expected {expected} clips × frames first")
    followed = len(clips.template.bodies)
    if clips.states.shape[2] != followed:
        raise ValueError(
            f"{clips.scenario} has {clips.states.shape[2]} bodies, of which a tracker follows {followed}; "
            f"typed errors need all of them"
        )
    track = track.to(torch.device("cpu"))
    dynamic = [b for b, body in enumerate(clips.scenes[0].bodies) if body.motion == "dynamic"]
    tracker = Tracker(clips.template, frames.shape[-1])
    drawn = masks.segment(frames, tracker, dynamic)
    true_drawn = masks.segment(truth(clips, frames.shape[-1]), tracker, dynamic)
    true, mine = _Seen.truth(clips), _Seen.tracked(track, clips, dynamic)
    share = _share_shown(true_drawn, clips, dynamic)
    scored = torch.as_tensor(true.valid).clone()
    scored[:, :context] = False
    scored[:, :, dynamic] &= share >= SHOWING
    whole = scored[:, :, dynamic] & (share >= WHOLE)
    whole &= torch.as_tensor(mine.valid | ~mine.shown)[:, :, dynamic]
    moved = scoring_mask(clips.states, clips.scenes, context) & scored
    far = position_errors(track, clips.states) + torch.where(torch.as_tensor(mine.shown), 0.0, GONE)
    by_frame = {
        "velocity": ByFrame.of(velocity_errors(track, clips.states), moved),
        "position": ByFrame.of(far, scored),
        "permanence": ByFrame.of(torch.as_tensor(mine.shown).double(), scored),
        "shape": masks.shape_drift(drawn, true_drawn, whole),
        **_of_masks(drawn, true_drawn, scored[:, :, dynamic], context),
        **_of_laws(mine, true, scored.numpy(), clips, context),
        **_of_bodies(mine, scored.numpy(), clips, dynamic),
    }
    public = velocity_error_public(track, clips.states, moved)
    return TypedErrors({name: by_frame[name] for name in TYPES}, public)


@dataclass(frozen=True)
class _Seen:
    """What laws are judged by, of the truth as of a prediction: `position` [N, T, B, 2] m, `radius` [N, B] m,
    where a body is `shown` [N, T, B], and where it is fully in view besides, `valid` [N, T, B]."""

    position: np.ndarray
    radius: np.ndarray
    shown: np.ndarray
    valid: np.ndarray

    @classmethod
    def truth(cls, clips: Clips) -> "_Seen":
        radius = np.array([[body.radius for body in scene.bodies] for scene in clips.scenes])
        inside = in_view(clips.states, clips.scenes).numpy()
        return cls(clips.states[..., :2], radius, inside, inside)

    @classmethod
    def tracked(cls, track: Track, clips: Clips, dynamic: list[int]) -> "_Seen":
        position = track.position.double()
        still = torch.zeros(*position.shape[:-1], 4, dtype=torch.float64)
        shown = (track.status == VISIBLE).numpy()
        radius = cls.truth(clips).radius
        radius[:, dynamic] = track.size[:, 0, dynamic].double().numpy()
        inside = in_view(torch.cat((position, still), -1), clips.scenes).numpy()
        return cls(position.numpy(), radius, shown, shown & inside)


def _of_masks(drawn: masks.Masks, true: masks.Masks, scored: Tensor, context: int) -> dict[str, ByFrame]:
    pairs = {
        "centroid_l2": masks.centroid_l2(drawn, true, scored),
        "chamfer": masks.chamfer(drawn, true, scored),
        "iou": masks.iou(drawn, true, scored, context),
    }
    mine = {name: both[0] for name, both in pairs.items()}
    return mine | {f"{name}_public": both[1] for name, both in pairs.items()}


def _of_laws(mine: _Seen, true: _Seen, scored: np.ndarray, clips: Clips, context: int) -> dict[str, ByFrame]:
    """Laws of flight and impact: the same finder for both, after the context, not while a load is held."""
    scenes = clips.scenes
    free = ~flight.riding(scenes, clips.actions, mine.position.shape[1])
    found = [find_contacts(s.position, s.radius, s.valid & free, scenes) for s in (mine, true)]
    free[:, :context] = False
    flying, true_flying = (
        flight.flights(s.position, s.radius, valid & free, contacts, scenes)
        for s, valid, contacts in zip((mine, true), (mine.valid, scored), found)
    )
    impacts, true_impacts = (c.select(c.time >= context - 1) for c in found)
    fixed = np.array([body.motion == "fixed" for body in scenes[0].bodies])
    return {
        "gravity_ratio": flight.gravity_ratio(mine.position, flying, true_flying, mine.shown, scenes),
        **contact_errors(true_impacts, impacts, scenes, clips.actions, mine.shown | fixed),
    }


def _of_bodies(mine: _Seen, scored: np.ndarray, clips: Clips, dynamic: list[int]) -> dict[str, ByFrame]:
    depth = bodies.penetration(mine.position, mine.radius, mine.shown, scored, clips.scenes)
    return {"penetration": depth, "identity": bodies.identity(mine.position, mine.shown, scored, dynamic)}


def _share_shown(true: masks.Masks, clips: Clips, dynamic: list[int]) -> Tensor:
    """Share [N, T, M] of their areas that bodies show in the truth's pictures."""
    area = [[scene.bodies[b].mass / scene.bodies[b].density for b in dynamic] for scene in clips.scenes]
    pixel = VIEW / true.pixels.shape[-1]
    return true.area * pixel**2 / torch.tensor(area, dtype=torch.float64)[:, None]
