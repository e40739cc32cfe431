"""The exact area of pixels under a turned box, differentiable."""

import torch
from torch import Tensor

FLAT = 1e-3  #: pixels; an edge that crosses a row of pixels within less is as good as vertical


def rectangle_area(dx: Tensor, dy: Tensor, half: Tensor, angle: Tensor) -> Tensor:
    """Area [M, H, W] of unit squares dx [M, W], dy [M, H] off the centres of boxes that they cover.

    `half` [M, 2] are half sizes in pixels, `angle` [M] in radians. By Green's theorem a polygon's area inside
    a pixel is the sum over its edges of the integral over y of the edge's x, clamped to the pixel: every edge
    adds the height that it climbs within the pixel's row times the mean of that clamped x.
    """
    ones = torch.tensor([[1, 1], [-1, 1], [-1, -1], [1, -1]], dtype=half.dtype, device=half.device)
    corner = half[:, None] * ones  # counter-clockwise
    c, s = angle.to(half.dtype).cos()[:, None], angle.to(half.dtype).sin()[:, None]
    x, y = c * corner[..., 0] - s * corner[..., 1], s * corner[..., 0] + c * corner[..., 1]
    x, y, climb = x[..., None], y[..., None], (y.roll(-1, 1) - y)[..., None]  # [M, 4, 1]
    level = climb.abs() < 1e-6
    slope = torch.where(level, 0.0, (x.roll(-1, 1) - x) / torch.where(level, 1.0, climb))
    low, high = dy[:, None] - 0.5, dy[:, None] + 0.5  # [M, 1, H]
    start = torch.minimum(torch.maximum(y, low), high)  # where the edge enters and leaves the row: [M, 4, H]
    end = torch.minimum(torch.maximum(y.roll(-1, 1), low), high)
    left = (dx - 0.5)[:, None, None]
    first = (x + slope * (start - y))[..., None] - left  # [M, 4, H, W]
    last = (x + slope * (end - y))[..., None] - left
    return ((end - start)[..., None] * _mean_clamped(first, last)).sum(1).clamp(0, 1)


def _mean_clamped(first: Tensor, last: Tensor) -> Tensor:
    """Mean of a quantity clamped to [0, 1] that goes linearly from `first` to `last`."""
    step = last - first
    flat = step.abs() < FLAT
    mean = (_integral(last) - _integral(first)) / torch.where(flat, 1.0, step)
    return torch.where(flat, ((first + last) / 2).clamp(0, 1), mean)


def _integral(u: Tensor) -> Tensor:
    """Integral from 0 to `u` of the identity clamped to [0, 1]."""
    inside = u.clamp(0, 1)
    return inside.square() / 2 + (u - inside).clamp(min=0)
