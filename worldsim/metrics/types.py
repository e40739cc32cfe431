"""The types of physics errors: their units, what absence costs, and results by clip, frame and time."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from worldsim.metrics.scoring import ByFrame, PerClip
from worldsim.metrics.survival import Survival, kaplan_meier
from worldsim.scenes import DT


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
            raise ValueError(f"no clip is scored by {name}; what it measures does not occur in these scenes")
        return kaplan_meier(torch.where(diverged, first, last)[some].numpy() * DT, diverged[some].numpy())

    @classmethod
    def join(cls, parts: Sequence["TypedErrors"]) -> "TypedErrors":
        """Several batches of clips of equal length as one."""
        joined = {name: ByFrame.join([p.by_frame[name] for p in parts]) for name in TYPES}
        return cls(joined, PerClip.join([p.velocity_public for p in parts]))
