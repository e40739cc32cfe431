"""Velocity errors of tracked videos against the truth.

Source: Kang et al., "How Far is Video Generation from World Model: A Physical Law Perspective", section 4.1:
e = 1/(N |T|) Σ_i Σ_t |v_t^i - v̂_t^i|. Velocities are mean velocities over the same interval on both sides:
tracked displacement against true displacement.
"""

import numpy as np
import torch
from torch import Tensor

from worldsim.metrics.scoring import PerClip, as_states
from worldsim.scenes import DT
from worldsim.tracking import VISIBLE, Track

PENALTY = 1.0  #: m/s, added to the true speed where the prediction does not show the body


def _velocities(track: Track, states: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Tracked and true mean velocities [N, T, B, 2] since each body was last seen, and [N, T, B] bool: known.

    Usually that is one frame ago. Unknown: not visible now, or never seen before.
    """
    frames = torch.arange(states.shape[1], device=states.device)[None, :, None]
    unseen = torch.zeros_like(track.status) if track.unseen is None else track.unseen
    before = torch.cat((frames.new_zeros(unseen[:, :1].shape), unseen[:, :-1]), 1)
    elapsed = before + 1
    known = (track.status == VISIBLE) & (elapsed <= frames)
    since = (frames - elapsed).clamp(min=0)[..., None].expand(*states.shape[:3], 2)
    duration = elapsed[..., None] * DT
    truth = (states[..., :2] - states[..., :2].gather(1, since)) / duration
    tracked = track.position.double()
    return (tracked - tracked.gather(1, since)) / duration, truth, known


def _true_speed(states: Tensor) -> Tensor:
    """True mean speed [N, T, B] over the last 0.1 s (zero at the first frame)."""
    step = states[:, 1:, :, :2] - states[:, :-1, :, :2]
    speed = step.norm(dim=-1) / DT
    return torch.cat((torch.zeros_like(speed[:, :1]), speed), 1)


def velocity_errors(track: Track, states: np.ndarray | Tensor) -> Tensor:
    """Velocity error [N, T, B] m/s of every body and frame, without a mask.

    Where the prediction does not show the body (whatever its status), the true speed plus 1 m/s.
    """
    states = as_states(states, track.status)
    tracked, truth, known = _velocities(track, states)
    return torch.where(known, (tracked - truth).norm(dim=-1), _true_speed(states) + PENALTY)


def velocity_error(track: Track, states: np.ndarray | Tensor, mask: Tensor) -> PerClip:
    """The paper's velocity error by clip, m/s: mean over the scored bodies and frames.

    `track` has a time axis (`track_clip`), `states` [N, T, B, 6] are true, `mask` [N, T, B] comes from
    `scoring_mask`.
    """
    return PerClip.of(velocity_errors(track, states), mask)


def velocity_error_public(track: Track, states: np.ndarray | Tensor, mask: Tensor) -> PerClip:
    """What the study's public code reports, m/s: |mean_t v - mean_t v̂| of each body, mean over bodies.

    Errors of opposite sign cancel, so it is smaller than `velocity_error`. Frames in which the prediction
    does not show the body count with the true speed plus 1 m/s, in proportion to their number.
    """
    states = as_states(states, track.status)
    tracked, truth, known = _velocities(track, states)
    shown, missing = mask & known, mask & ~known
    bias = torch.where(shown[..., None], tracked - truth, 0.0).sum(1).norm(dim=-1)  # [N, B]
    missed = torch.where(missing, _true_speed(states) + PENALTY, 0.0).sum(1)
    frames = mask.sum(1)
    error = (bias + missed) / frames.clamp(min=1)
    value = PerClip.of(error, frames > 0).value
    return PerClip(value, mask.flatten(1).sum(1))
