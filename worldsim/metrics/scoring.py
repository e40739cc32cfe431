"""Which frames of which bodies are scored, decided by the truth alone, and values per clip."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from worldsim.scenes import DT, VIEW, Scene


@dataclass(frozen=True)
class PerClip:
    """A value for each clip: `value` [N] float64 (NaN where nothing was scored) and `count` [N] int64,
    how many body-frames it is the mean of."""

    value: Tensor
    count: Tensor

    @classmethod
    def of(cls, values: Tensor, mask: Tensor) -> "PerClip":
        """Means over all but the first axis of `values` [N, ...] where `mask` [N, ...] is true."""
        count = mask.flatten(1).sum(1)
        total = torch.where(mask, values.double(), 0.0).flatten(1).sum(1)
        return cls(torch.where(count > 0, total / count.clamp(min=1), torch.nan), count)

    @classmethod
    def join(cls, parts: "Sequence[PerClip]") -> "PerClip":
        """Several batches of clips as one."""
        return cls(torch.cat([p.value for p in parts]), torch.cat([p.count for p in parts]))

    def mean(self) -> float:
        """Mean over all scored body-frames of all clips; NaN when there are none."""
        count = int(self.count.sum())
        return float((self.value.nan_to_num() * self.count).sum()) / count if count else float("nan")


@dataclass(frozen=True)
class ByFrame:
    """A value for each clip and frame: `value` [N, T] float64 (NaN where nothing was scored) and `count`
    [N, T] int64, how many bodies or events it is the mean of."""

    value: Tensor
    count: Tensor

    @classmethod
    def of(cls, values: Tensor, mask: Tensor) -> "ByFrame":
        """Means over all but the first two axes of `values` [N, T, ...] where `mask` [N, T, ...] is true."""
        clips = PerClip.of(values.flatten(0, 1), mask.flatten(0, 1))
        return cls(clips.value.unflatten(0, mask.shape[:2]), clips.count.unflatten(0, mask.shape[:2]))

    @classmethod
    def at(cls, shape: torch.Size, clip: Tensor, frame: Tensor, values: Tensor) -> "ByFrame":
        """Values [E] of events in clips `clip` [E] at frames `frame` [E] of a batch of `shape` (N, T)."""
        total = torch.zeros(shape, dtype=torch.float64).index_put((clip, frame), values.double(), True)
        count = torch.zeros(shape, dtype=torch.int64).index_put((clip, frame), torch.ones_like(clip), True)
        return cls(torch.where(count > 0, total / count.clamp(min=1), torch.nan), count)

    @classmethod
    def join(cls, parts: "Sequence[ByFrame]") -> "ByFrame":
        """Several batches of clips of equal length as one."""
        return cls(torch.cat([p.value for p in parts]), torch.cat([p.count for p in parts]))

    def per_clip(self, horizon: int | None = None) -> PerClip:
        """Means over the frames before `horizon` (all when absent), bodies and events counting alike."""
        value, count = self.value[:, :horizon], self.count[:, :horizon]
        frames = count.sum(1)
        total = (value.nan_to_num() * count).sum(1)
        return PerClip(torch.where(frames > 0, total / frames.clamp(min=1), torch.nan), frames)


def as_states(states: np.ndarray | Tensor, like: Tensor) -> Tensor:
    """True states as float64 [N, T, B, 6] on the device of `like`.

    Raises ValueError unless they have as many clips, frames and bodies as `like` [N, T, B, ...].
    """
    states = torch.as_tensor(states, dtype=torch.float64, device=like.device)
    if states.ndim != 4 or states.shape[:3] != like.shape[:3] or states.shape[3] != 6:
        raise ValueError(
            f"true states have shape {tuple(states.shape)}; the tracks need {(*like.shape[:3], 6)}"
            " (clips, frames, bodies, 6)"
        )
    return states


def in_view(states: np.ndarray | Tensor, scenes: Sequence[Scene]) -> Tensor:
    """[N, T, B] bool: dynamic bodies that lie fully inside the view and behind no screen, from true states
    [N, T, B, 6]."""
    states = torch.as_tensor(states, dtype=torch.float64)
    half = torch.zeros(len(scenes), 1, states.shape[2], 2, dtype=torch.float64)
    dynamic = torch.zeros(len(scenes), 1, states.shape[2], dtype=torch.bool)
    for i, scene in enumerate(scenes):
        for j, body in enumerate(scene.bodies):
            half[i, 0, j] = torch.tensor(body.half)
            dynamic[i, 0, j] = body.motion == "dynamic"
    half, dynamic = half.to(states.device), dynamic.to(states.device)
    centre = states[..., :2]
    inside = dynamic & ((centre >= half) & (centre <= VIEW - half)).all(-1)
    for i, scene in enumerate(scenes):
        for j, screen in enumerate(scene.bodies):
            if screen.motion == "fixed" and not screen.solid:
                apart = (centre[i] - centre.new_tensor(screen.position)).abs()
                reach = half[i, 0] + half.new_tensor(screen.half)
                inside[i, :, :j] &= (apart >= reach).any(-1)[:, :j]
    return inside


def impacts(states: np.ndarray | Tensor, scenes: Sequence[Scene], tolerance: float = 1e-3) -> Tensor:
    """[N, T] bool: two bodies changed their velocities in the 0.1 s before this frame.

    Gravity and damping do not count. A launch changes one velocity, a bounce on a fixed body changes one, an
    impact changes two.
    """
    states = torch.as_tensor(states, dtype=torch.float64)
    gravity, damping = (
        torch.tensor([getattr(s, law) for s in scenes], dtype=torch.float64, device=states.device)
        for law in ("gravity", "damping")
    )
    kept = torch.exp(-damping * DT)[:, None, None, None]
    change = states[:, 1:, :, 3:5] - kept * states[:, :-1, :, 3:5]
    dynamic = torch.zeros(states.shape[0], 1, states.shape[2], dtype=torch.bool)
    for i, scene in enumerate(scenes):
        for j, body in enumerate(scene.bodies):
            dynamic[i, 0, j] = body.motion == "dynamic"
    dynamic = dynamic.to(states.device)
    change[..., 1] += gravity[:, None, None] * DT
    hit = ((change.norm(dim=-1) > tolerance) & dynamic).sum(-1) >= 2
    return torch.cat((torch.zeros_like(hit[:, :1]), hit), 1)


def scoring_mask(
    states: np.ndarray | Tensor, scenes: Sequence[Scene], context: int = 4, after_impact: bool = False
) -> Tensor:
    """[N, T, B] bool: frames t ≥ `context` whose last 0.1 s are scored, from the truth alone.

    The body lies fully inside the view at frames t - 1 and t; with `after_impact` the first impact lies
    before frame t - 1 (clips without one are not scored at all).
    """
    inside = in_view(states, scenes)
    mask = inside.clone()
    mask[:, 1:] &= inside[:, :-1]
    mask[:, :context] = False
    if after_impact:
        happened = impacts(states, scenes).cumsum(1) > 0
        mask[:, 1:] &= happened[:, :-1, None]
    return mask
