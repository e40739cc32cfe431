"""How far bodies are from where they truly are: one quantity, by which wrong engines are given their doses
and learned models their open-loop error.

It is the mean over clips of each clip's mean distance in metres over the bodies and frames that count. The
truth alone decides which do (`counted`): what nobody can see there can neither help nor harm.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from worldsim.metrics.scoring import PerClip
from worldsim.metrics.typed import SHOWING
from worldsim.occlusion import Cover, outline, visible_area
from worldsim.scenes import VIEW, Scene

VERSION = 2  #: of what is measured here: raised, earlier doses and errors are no longer read
MISSING = 5.0  #: m; a missing body is this far off, and no other error counts more
RULE = (VERSION, MISSING, SHOWING)  #: all that decides the quantity, for the names of files that keep it


def counted(scenes: Sequence[Scene], true: np.ndarray) -> Tensor:
    """[N, T, B] bool: what counts of true states [N, T, B, 6]: bodies that move, lie fully in view, and show
    at least half of themselves beside what is drawn over them."""
    centre = torch.as_tensor(true[..., :2])
    half = torch.tensor([[body.half for body in scene.bodies] for scene in scenes], dtype=torch.float64)
    half = half[:, None].expand_as(centre)
    inside = ((centre >= half) & (centre <= VIEW - half)).all(-1)
    for b, body in enumerate(scenes[0].bodies):
        inside[..., b] &= body.motion != "fixed"
        rows = inside[..., b].nonzero(as_tuple=True)
        shape = outline(body.shape == "box")
        over = [
            Cover(centre[..., c, :][rows].float(), half[..., c, :][rows].float(), later.shape == "box")
            for c, later in enumerate(scenes[0].bodies[b + 1 :], b + 1)
        ]
        area = shape.area * half[..., b, :][rows].prod(-1)
        shown = visible_area(shape, centre[..., b, :][rows].float(), half[..., b, :][rows].float(), over)
        inside[..., b][rows] = shown >= SHOWING * area
    return inside


def in_view(position: Tensor) -> Tensor:
    """[...] bool: whether the centre at `position` [..., 2] m is in view: a body that has left is missing."""
    return ((position >= 0) & (position <= VIEW)).all(-1)


def distance(position: Tensor, there: Tensor, true: np.ndarray) -> Tensor:
    """Distances [N, T, B] m of `position` [N, T, B, 2] from true states [N, T, B, 6]: a body that is not
    `there` [N, T, B] is `MISSING` off, and no other error counts more."""
    far = (position.double() - torch.as_tensor(true[..., :2])).norm(dim=-1).clamp(max=MISSING)
    return torch.where(there, far, MISSING)


def mean(far: Tensor, counts: Tensor) -> float:
    """The position error, m, from distances and what counts of them [N, T, B]; NaN where nothing does."""
    return float(PerClip.of(far, counts).value.nanmean())
