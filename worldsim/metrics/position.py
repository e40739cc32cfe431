"""Where bodies are, and whether they are there at all."""

import numpy as np
import torch
from torch import Tensor

from worldsim.metrics.scoring import PerClip, as_states
from worldsim.tracking import VISIBLE, Track


def position_errors(track: Track, states: np.ndarray | Tensor) -> Tensor:
    """Distance [N, T, B] m between tracked and true centres. A body that is not visible stays in the count at
    its last known place: vanishing never improves a score."""
    states = as_states(states, track.status)
    return (track.position.double() - states[..., :2]).norm(dim=-1)


def position_error(track: Track, states: np.ndarray | Tensor, mask: Tensor) -> PerClip:
    """Mean position error by clip, m, over the scored bodies and frames `mask` [N, T, B]."""
    return PerClip.of(position_errors(track, states), mask)


def position_error_by_frame(track: Track, states: np.ndarray | Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Position error [N, T] m of each clip and frame, mean over its scored bodies (NaN where there is none),
    and how many they are [N, T]."""
    errors = torch.where(mask, position_errors(track, states), 0.0)
    count = mask.sum(-1)
    return torch.where(count > 0, errors.sum(-1) / count.clamp(min=1), torch.nan), count


def permanence(track: Track, inside: Tensor) -> PerClip:
    """Share by clip of the body-frames `inside` [N, T, B] (the truth is fully in view: `in_view`, or a
    scoring mask) in which the prediction shows the body, neither lost nor duplicated nor gone."""
    return PerClip.of((track.status == VISIBLE).double(), inside)
