"""What a body of known shape should show at a place: the rest lies out of view or behind bodies drawn later.

The visible centroid of a partly covered body is not its centre. `locate` finds the centre whose expected
visible centroid is the observed one (Newton's method on integrals over a fixed set of points).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi

import torch
from torch import Tensor

from worldsim.scenes import VIEW

SIDE = 24  #: points along each side of the grid over a body


@dataclass(frozen=True)
class Cover:
    """A body drawn later: `centre` [M, 2] m, `half` [M, 2] m (radius of a disc twice)."""

    centre: Tensor
    half: Tensor
    box: bool


@dataclass(frozen=True)
class Outline:
    """A unit shape: grid points [Q, 2] with their shares of the area [Q] (sum 1), and its edge: points
    [E, 2], outward normals times lengths [E, 2]."""

    points: Tensor
    weights: Tensor
    edge: Tensor
    normals: Tensor
    area: float  #: of the unit shape: 4 or π


def outline(box: bool) -> Outline:
    """The square [-1, 1]² or the unit disc."""
    ticks = (torch.arange(SIDE) + 0.5) * (2 / SIDE) - 1
    points = torch.cartesian_prod(ticks, ticks)
    if box:
        one = torch.ones_like(ticks)
        step = 2 / SIDE
        edge = torch.cat(
            [torch.stack(p, -1) for p in ((one, ticks), (-one, ticks), (ticks, one), (ticks, -one))]
        )
        axes = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
        return Outline(
            points, torch.full((SIDE**2,), SIDE**-2.0), edge, axes.repeat_interleave(SIDE, 0) * step, 4.0
        )
    weights = ((1 - points.norm(dim=-1)) * (SIDE / 2) + 0.5).clamp(0, 1)
    angles = torch.arange(4 * SIDE) * (2 * pi / (4 * SIDE))
    edge = torch.stack((angles.cos(), angles.sin()), -1)
    return Outline(points, weights / weights.sum(), edge, edge * (2 * pi / (4 * SIDE)), pi)


def unhidden(points: Tensor, covers: Sequence[Cover], cell: Tensor) -> Tensor:
    """Visible share [M, Q] of small rectangles with sides `cell` [M, 2] at points [M, Q, 2]."""
    seen = (torch.minimum(points, VIEW - points) / cell[:, None] + 0.5).clamp(0, 1).prod(-1)
    cell = cell.mean(-1, keepdim=True)
    for cover in covers:
        away = points - cover.centre[:, None]
        if cover.box:
            distance = (away.abs() - cover.half[:, None]).amax(-1)
        else:
            distance = away.norm(dim=-1) - cover.half[:, :1]
        seen = seen * (distance / cell + 0.5).clamp(0, 1)
    return seen


def visible_area(shape: Outline, centre: Tensor, half: Tensor, covers: Sequence[Cover]) -> Tensor:
    """Area [M] m² that a body at `centre` [M, 2] with half sizes `half` [M, 2] shows."""
    cell = half * (2 / SIDE)
    seen = unhidden(centre[:, None] + half[:, None] * shape.points, covers, cell)
    return (seen * shape.weights).sum(-1) * shape.area * half.prod(-1)


def locate(
    shape: Outline,
    observed: Tensor,
    guess: Tensor,
    half: Tensor,
    covers: Sequence[Cover],
    free_y: bool = True,
    steps: int = 4,
) -> tuple[Tensor, Tensor]:
    """Centre [M, 2] whose expected visible centroid is `observed` [M, 2], and the area [M] visible there, m².

    With c the centroid and A the area of the visible part, moving the body by dp moves c by
    J dp, J = 1/A ∮ (x - c) nᵀ dl over the visible edge. Steps are limited to half the body's size.
    """
    cell = half * (2 / SIDE)
    centre = torch.minimum(torch.maximum(guess, observed - half), observed + half)
    if not free_y:
        centre = torch.stack((centre[:, 0], guess[:, 1]), -1)
    full = shape.area * half.prod(-1)
    for _ in range(steps):
        points = centre[:, None] + half[:, None] * shape.points
        seen = unhidden(points, covers, cell) * shape.weights
        share = seen.sum(-1).clamp(min=1e-3)
        centroid = (seen[..., None] * points).sum(1) / share[:, None]
        edge = centre[:, None] + half[:, None] * shape.edge
        # the normals' lengths scale with the *other* half size of a box; a disc has both equal
        normals = shape.normals * half.flip(-1)[:, None] * unhidden(edge, covers, cell)[..., None]
        jacobian = (
            torch.einsum("mei,mej->mij", edge - centroid[:, None], normals) / (share * full)[:, None, None]
        )
        miss = observed - centroid
        if free_y:
            ridge = 0.05 * torch.eye(2, device=miss.device, dtype=miss.dtype)
            step = torch.linalg.solve(jacobian + ridge, miss)
        else:
            step_x = miss[:, 0] / jacobian[:, 0, 0].clamp(min=0.2)
            step = torch.stack((step_x, torch.zeros_like(step_x)), -1)
        centre = centre + torch.maximum(torch.minimum(step, 0.5 * half), -0.5 * half)
    return centre, visible_area(shape, centre, half, covers)
