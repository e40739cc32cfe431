"""What a picture of one body shows: its colour, size, velocity and shape, without the tracker.

All is read from ink, the share of a pixel that is not white, so that a body that has changed is read too.
"""

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from worldsim.rendering import Looks, render
from worldsim.scenarios.pairs import BOX, VALUES
from worldsim.scenes import DT, VIEW, Body, Scene

INTERVALS = 4  #: over which a velocity is taken
LEAST = 0.3  #: share of the smallest body's area below which nothing is there
LOST = -1


def read(frames: Tensor) -> dict[str, np.ndarray]:
    """Which of the two values each attribute of `scenarios.pairs` has at the end of clips, [N] of 0 or 1.

    `frames` [N, T, 3, H, W] in [0, 1] with T > `INTERVALS`. -1 where no body is left.
    """
    ink = 1 - frames.min(2).values  # [N, T, H, W]
    cell = VIEW / frames.shape[-1]
    area = ink.sum((2, 3)) * cell**2
    centre = torch.stack([_centroid(ink, 3, cell), VIEW - _centroid(ink, 2, cell)], -1)
    last = frames[:, -1]
    radius = (area[:, -1] / torch.pi).sqrt()
    speed = (centre[:, -1, 0] - centre[:, -1 - INTERVALS, 0]).abs() / (INTERVALS * DT)
    colour = (ink[:, -1, None] * last).sum((2, 3))
    found = {
        "color": colour[:, 2] > colour[:, 0],
        "size": radius > sum(VALUES["size"]) / 2,
        "velocity": speed > sum(VALUES["velocity"]) / 2,
        "shape": _fit(ink[:, -1], centre[:, -1], radius, "box")
        < _fit(ink[:, -1], centre[:, -1], radius, "disc"),
    }
    there = (area[:, [-1, -1 - INTERVALS]] > LEAST * torch.pi * VALUES["size"][0] ** 2).all(1)
    return {name: torch.where(there, value.long(), LOST).numpy() for name, value in found.items()}


def _centroid(ink: Tensor, axis: int, cell: float) -> Tensor:
    """Mean place [N, T] of ink along an axis, m."""
    at = (torch.arange(ink.shape[axis], device=ink.device) + 0.5) * cell
    shares = ink.sum(5 - axis)
    return (shares * at).sum(-1) / shares.sum(-1).clamp(min=1e-6)


def _fit(ink: Tensor, centre: Tensor, radius: Tensor, shape: Literal["disc", "box"]) -> Tensor:
    """Squared difference [N] of ink [N, H, W] from that of a body of that shape, place and area."""
    scenes = [
        Scene((Body("black", (BOX * r,) * 2 if shape == "box" else (r,), (x, y), (0.0, 0.0), shape),))
        for r, (x, y) in zip(radius.clamp(min=0.05).tolist(), centre.tolist())
    ]
    states = torch.zeros(len(scenes), 1, 1, 6)
    states[:, 0, 0, :2] = centre
    drawn = render(states, Looks.of(scenes), ink.shape[-1])[:, 0]
    return (1 - drawn.min(1).values - ink).square().sum((1, 2))
