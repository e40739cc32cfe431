"""Frames of stored clips, rendered when they are needed."""

from collections.abc import Sequence

import torch
from torch import Tensor

from worldsim.clips.shards import Clips
from worldsim.rendering import Looks, quantise, render


def frames_of(clips: Clips, rows: Sequence[int], resolution: int = 64) -> Tensor:
    """Frames [len(rows), T, 3, H, W] float32 of some clips, rounded to uint8 levels."""
    states = torch.as_tensor(clips.trajectory.states[list(rows)])
    return quantise(render(states, Looks.of([clips.scenes[r] for r in rows]), resolution))
