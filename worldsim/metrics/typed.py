"""Physics errors by type, for a model's rollout, for tracked true frames, or for one engine against another.

`typed_errors` takes frames and the clips that tell the truth, wherever both come from: a model's frames give
its errors, the truth's own frames the tracker's floor, and MuJoCo's frames with Box2D's states the floor that
two correct engines leave (`in_engine`).
"""

from collections.abc import Callable, Sequence
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
from worldsim.metrics.scoring import ByFrame, PerClip, in_view, scoring_mask
from worldsim.metrics.survival import Survival, kaplan_meier
from worldsim.metrics.velocity import velocity_error_public, velocity_errors
from worldsim.scenarios import get_scenario
from worldsim.scenes import DT
from worldsim.tracking import VISIBLE, Track, Tracker, track_clip

GONE = 1.0  #: m added to the distance from the last known place of a body that is not shown
SHOWING = 0.5  #: share of its area that a body must show in the truth's pictures to be scored
WHOLE = 0.95  #: share of its area that a body must show for its shape to be scored


@dataclass(frozen=True)
class ErrorType:
    """What a measure is: its unit, its `best` value, what a body that is not shown costs (in words), and how
    far from the best a clip counts as diverged."""

    unit: str
    best: float
    absent: str
    diverged: float


TYPES: dict[str, ErrorType] = {
    "velocity": ErrorType("m/s", 0.0, "true speed + 1 m/s", 0.5),
    "position": ErrorType("m", 0.0, "distance from the last known place + 1 m", 0.5),
    "centroid_l2": ErrorType("diagonals", 0.0, "1", 0.05),
    "centroid_l2_public": ErrorType("diagonals", 0.0, "left out, as in PISA's code", 0.025),
    "chamfer": ErrorType("diagonals", 0.0, "2", 0.1),
    "chamfer_public": ErrorType("diagonals", 0.0, "left out, as in PISA's code", 0.1),
    "iou": ErrorType("", 1.0, "0", 0.5),
    "iou_public": ErrorType("", 1.0, "0, but 1 where the truth is gone too, as in PISA's code", 0.5),
    "gravity_ratio": ErrorType("", 1.0, "0 where the truth flies", 0.25),
    "restitution": ErrorType("", 0.0, "1 at a true impact", 0.2),
    "momentum": ErrorType("", 0.0, "1 at a true impact", 0.2),
    "energy": ErrorType("", 0.0, "1 at a true impact", 0.2),
    "contact_recall": ErrorType("", 1.0, "0 at a true impact", 0.5),
    "contact_precision": ErrorType("", 1.0, "0 at a true impact", 0.5),
    "impact_time": ErrorType("s", 0.0, "0.5 s at a true impact", 0.15),
    "penetration": ErrorType("m", 0.0, "the smaller diameter of each pair", 0.2),
    "permanence": ErrorType("", 1.0, "0", 0.5),
    "identity": ErrorType("", 1.0, "0", 0.5),
    "shape": ErrorType("", 0.0, "1", 0.1),
}


@dataclass(frozen=True)
class TypedErrors:
    """Every measure of `TYPES` by clip and frame, and, which is not a sum over frames, the public code's
    velocity error by clip. Laws of flight stand at the frames of the flight, those of impacts at the frame
    after the impact."""

    by_frame: dict[str, ByFrame]
    velocity_public: PerClip

    def per_clip(self, name: str, horizon: int | None = None) -> PerClip:
        """A measure by clip, over the frames before `horizon`. Raises KeyError for an unknown name."""
        return self.by_frame[name].per_clip(horizon)

    def divergence(self, name: str, threshold: float | None = None) -> Survival:
        """Time in s until a measure is first farther from its best value than `threshold` (that of `TYPES` if
        absent), over all clips that it scores; clips that never are leave at their last scored frame.

        Raises KeyError for an unknown name, ValueError where no clip is scored.
        """
        kind, found = TYPES[name], self.by_frame[name]
        scored = found.count > 0
        limit = kind.diverged if threshold is None else threshold
        wrong = scored & ((found.value.nan_to_num() - kind.best).abs() > limit)
        frames = torch.arange(scored.shape[1])
        first = torch.where(wrong, frames, scored.shape[1]).amin(1)
        last = torch.where(scored, frames, -1).amax(1)
        diverged, some = wrong.any(1), scored.any(1)
        if not some.any():
            raise ValueError(f"no clip is scored by {name}; it needs other scenes, such as ones with impacts")
        return kaplan_meier(torch.where(diverged, first, last)[some].numpy() * DT, diverged[some].numpy())

    @classmethod
    def join(cls, parts: Sequence["TypedErrors"]) -> "TypedErrors":
        """Several batches of clips of equal length as one."""
        joined = {name: ByFrame.join([p.by_frame[name] for p in parts]) for name in TYPES}
        return cls(joined, PerClip.join([p.velocity_public for p in parts]))


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
        tracker = Tracker(get_scenario(clips.scenario).template, frames.shape[-1])
        parts.append(typed_errors(track_clip(tracker, frames, context), some, frames, context))
    return TypedErrors.join(parts)


def typed_errors(track: Track, clips: Clips, frames: Tensor, context: int = 4) -> TypedErrors:
    """Every measure of a prediction from its `track` and `frames` [N, T, 3, H, W], against the truth `clips`.

    The truth alone decides what is scored: dynamic bodies that lie fully in view and are not hidden, from
    frame `context` on. Raises ValueError where tracks, frames and states differ in shape.
    """
    scene = clips.scenes[0]
    tracker = Tracker(get_scenario(clips.scenario).template, frames.shape[-1])
    dynamic = [b for b, body in enumerate(scene.bodies) if body.motion == "dynamic"]
    found = masks.segment(frames, tracker, dynamic)
    true = masks.segment(truth(clips, frames.shape[-1]), tracker, dynamic)
    showing = _showing(true, clips, dynamic)
    scored = in_view(clips.states, clips.scenes)
    scored[:, :context] = False
    scored[:, :, dynamic] &= showing >= SHOWING
    moved = scoring_mask(clips.states, clips.scenes, context) & scored
    shown = track.status.cpu() == VISIBLE
    of_masks = scored[:, :, dynamic]
    whole = of_masks & (showing >= WHOLE)
    position, true_radius = track.position.double().cpu(), _radii(clips)
    inside = in_view(_as_states(position), clips.scenes)
    position_error = position_errors(track, clips.states).cpu()
    by_frame = {
        "velocity": ByFrame.of(velocity_errors(track, clips.states).cpu(), moved),
        "position": ByFrame.of(position_error + torch.where(shown, 0.0, GONE), scored),
        **_named("centroid_l2", masks.centroid_l2(found, true, of_masks)),
        **_named("chamfer", masks.chamfer(found, true, of_masks)),
        **_named("iou", masks.iou(found, true, of_masks, context)),
        "permanence": ByFrame.of(shown.double(), scored),
        "shape": masks.shape_drift(found, true, whole & (inside | ~shown)[:, :, dynamic]),
    }
    radius = np.where(
        np.isin(np.arange(len(scene.bodies)), dynamic), track.size[:, 0].double().cpu(), true_radius
    )
    place, seen = position.numpy(), shown.numpy()
    by_frame |= _laws(place, radius, seen, (seen & inside.numpy()), scored.numpy(), clips, context)
    by_frame["penetration"] = bodies.penetration(place, radius, seen, scored.numpy(), clips.scenes)
    by_frame["identity"] = bodies.identity(place, seen, scored.numpy(), dynamic)
    public = velocity_error_public(track, clips.states, moved.to(track.status.device))
    return TypedErrors({name: by_frame[name] for name in TYPES}, public)


def _laws(
    position: np.ndarray,
    radius: np.ndarray,
    shown: np.ndarray,
    valid: np.ndarray,
    scored: np.ndarray,
    clips: Clips,
    context: int,
) -> dict[str, ByFrame]:
    """Laws of flight and of impacts, from positions [N, T, B, 2] and radii [N, B] alone."""
    scenes = clips.scenes
    held = flight.riding(scenes, clips.actions, position.shape[1])
    inside = in_view(clips.states, scenes).numpy()
    true_radius, true_place = _radii(clips), clips.states[..., :2]
    mine = find_contacts(position, radius, valid & ~held, scenes)
    true = find_contacts(true_place, true_radius, inside & ~held, scenes)
    later = ~held
    later[:, :context] = False
    flying = flight.flights(position, radius, valid & later, mine, scenes)
    true_flight = flight.flights(true_place, true_radius, scored & later, true, scenes)
    mine, true = (c.select(c.time >= context - 1) for c in (mine, true))
    fixed = np.array([body.motion == "fixed" for body in scenes[0].bodies])
    return {
        "gravity_ratio": flight.gravity_ratio(position, flying, true_flight, shown, scenes),
        **contact_errors(true, mine, scenes, clips.actions, shown | fixed),
    }


def _named(name: str, both: tuple[ByFrame, ByFrame]) -> dict[str, ByFrame]:
    return {name: both[0], f"{name}_public": both[1]}


def _radii(clips: Clips) -> np.ndarray:
    """True radii [N, B] m; half the width of boxes."""
    return np.array([[body.radius for body in scene.bodies] for scene in clips.scenes])


def _as_states(position: Tensor) -> Tensor:
    return torch.cat((position, torch.zeros(*position.shape[:-1], 4, dtype=torch.float64)), -1)


def _showing(true: masks.Masks, clips: Clips, dynamic: Sequence[int]) -> Tensor:
    """Share [N, T, M] of their areas that bodies show in the truth's pictures."""
    pixel = 10.0 / true.pixels.shape[-1]
    area = [[s.bodies[b].mass / s.bodies[b].density for b in dynamic] for s in clips.scenes]
    return true.area * pixel**2 / torch.tensor(area, dtype=torch.float64)[:, None]
