"""States to frames: batched, on any device, anti-aliased by area coverage, differentiable.

Pixel (row i, column j) of an image W pixels wide is the square whose centre lies at
x = (j + 1/2)·10/W, y = 10 - (i + 1/2)·10/W metres. A disc covers a pixel by the area of the half-plane
that its nearest edge cuts from the pixel square, a box by its exact area (`worldsim.polygons`), a compound
body by the sum of its parts; later bodies are painted over earlier ones.
"""

import numpy as np
import torch
from torch import Tensor

from worldsim.looks import Looks
from worldsim.polygons import rectangle_area
from worldsim.scenes import VIEW

RESOLUTIONS = (32, 64, 128, 256)
CHUNK = 64  #: frames painted at a time: their windows stay in the processor's cache


def half_plane_area(distance: Tensor, nx: Tensor, ny: Tensor) -> Tensor:
    """Area of a unit square on the inner side of a line.

    `distance` is the signed distance of the square's centre from the line, positive outside, in squares;
    (`nx`, `ny`) is the line's unit normal. Exact for straight edges.
    """
    a, b = nx.abs(), ny.abs()
    high, low = torch.maximum(a, b), torch.minimum(a, b)
    d = distance.abs()
    # an edge that crosses two opposite sides of the square cuts off a trapezium, else a triangle
    trapezium = 0.5 - d / high
    triangle = (0.5 * (high + low) - d).clamp(min=0).square() / (2 * high * low.clamp(min=1e-6))
    outside = torch.where(d <= 0.5 * (high - low), trapezium, triangle)
    return torch.where(distance > 0, outside, 1 - outside)


def coverage(states: Tensor, looks: Looks, resolution: int) -> Tensor:
    """Area of each pixel that each body covers: [N, B, H, W] in [0, 1], before any occlusion.

    `states` [N, B, 6] (only x, y and θ are read).
    """
    pixels = torch.arange(resolution, device=states.device)
    dx = _distance(pixels, states[..., 0], resolution)  # [N, B, W]
    dy = _distance(resolution - 1 - pixels, states[..., 1], resolution)  # [N, B, H]
    return _covered(dx, dy, states[..., 2], looks, resolution / VIEW)


def _distance(pixels: Tensor, centre: Tensor, resolution: int) -> Tensor:
    """Distance in pixels from `centre` [...] m to the middle of pixels [W] or [..., W] counted from zero."""
    return ((pixels.to(centre.dtype) + 0.5) * (VIEW / resolution) - centre[..., None]) * (resolution / VIEW)


def _covered(dx: Tensor, dy: Tensor, angle: Tensor, looks: Looks, scale: float) -> Tensor:
    """Coverage [..., H, W] of pixels dx [..., W], dy [..., H] off the centres of bodies turned by `angle`
    [...]; lengths are pixels, `scale` of them in a metre."""
    if looks.parts is None:
        return _covered_by(dx, dy, looks.size * scale, looks.box, angle)
    total = torch.zeros_like(dy[..., :, None] * dx[..., None, :])
    c, s = angle.cos(), angle.sin()
    for p in range(looks.parts.box.shape[-1]):
        size, box, turn = looks.parts.size[..., p, :], looks.parts.box[..., p], looks.parts.angle[..., p]
        if not size.any():
            continue
        x, y = looks.parts.offset[..., p, :].to(dx.dtype).unbind(-1)
        along, up = (c * x - s * y) * scale, (s * x + c * y) * scale
        part = _covered_by(dx - along[..., None], dy - up[..., None], size * scale, box, angle + turn)
        total = total + part
    return total.clamp(max=1)


def _covered_by(dx: Tensor, dy: Tensor, half: Tensor, box: Tensor, angle: Tensor) -> Tensor:
    """As `_covered`, for discs and boxes of half sizes `half` [..., 2] in pixels."""
    half = half.to(dx.dtype)
    covered = _covered_upright(dx, dy, half, box)
    turned = (box & (angle.detach() != 0)).nonzero(as_tuple=True)
    if not len(turned[0]):
        return covered
    boxes = rectangle_area(dx[turned], dy[turned], half[turned], angle[turned])
    return covered.index_put(turned, boxes)


def _covered_upright(dx: Tensor, dy: Tensor, half: Tensor, box: Tensor) -> Tensor:
    """As `_covered_by` at angle 0."""
    if box.all():
        return _covered_by_boxes(dx, dy, half)
    wide, high = dx[..., None, :], dy[..., :, None]
    away = (wide.square() + high.square() + 1e-12).sqrt()
    discs = half_plane_area(away - half[..., :1, None], wide / away, high / away)
    return torch.where(box[..., None, None], _covered_by_boxes(dx, dy, half), discs) if box.any() else discs


def _covered_by_boxes(dx: Tensor, dy: Tensor, half: Tensor) -> Tensor:
    widest = (2 * half).clamp(max=1)  # a box thinner than a pixel covers no more of it than its width
    along_x = torch.minimum((half[..., :1] + 0.5 - dx.abs()).clamp(0, 1), widest[..., :1])
    along_y = torch.minimum((half[..., 1:] + 0.5 - dy.abs()).clamp(0, 1), widest[..., 1:])
    return along_y[..., :, None] * along_x[..., None, :]


def render(states: Tensor, looks: Looks, resolution: int = 64) -> Tensor:
    """Frames [N, (T,) 3, H, W] float32 in [0, 1] from states [N, (T,) B, 6]; white background.

    Raises ValueError for an unknown resolution or when states and looks differ in scenes or bodies.
    """
    if resolution not in RESOLUTIONS:
        raise ValueError(f"resolution {resolution} is not offered; choose one of {RESOLUTIONS}")
    if states.shape[0] != looks.box.shape[0] or states.shape[-2:] != (looks.box.shape[1], 6):
        shapes = f"states {tuple(states.shape)} do not fit looks of {tuple(looks.box.shape)}"
        raise ValueError(f"{shapes} scenes × bodies; expected [scenes, (frames,) bodies, 6]")
    if states.ndim == 4:
        n, t = states.shape[:2]
        rows = torch.arange(n, device=states.device).repeat_interleave(t)
        return render(states.flatten(0, 1), looks.select(rows), resolution).unflatten(0, (n, t))
    states = states.float()
    frames = torch.ones(states.shape[0], 3, resolution, resolution, device=states.device)
    chunks = []
    for first in range(0, len(states), CHUNK):
        part = slice(first, first + CHUNK)
        chunk = frames[part]
        for b in range(states.shape[1]):
            chunk = _paint(chunk, states[part, b], looks.of_body(b, part))
        chunks.append(chunk)
    return torch.cat(chunks) if states.requires_grad else frames  # without gradients painted in place


def _paint(frames: Tensor, states: Tensor, looks: Looks) -> Tensor:
    """Frames [N, 3, H, W] with one body painted into each, in place unless gradients are wanted.

    `states` [N, 6] and the fields of `looks` [N, ...] are those of the body. Only a window around it is
    touched, as large as the largest body of the batch needs.
    """
    resolution = frames.shape[-1]
    scale = resolution / VIEW
    half = looks.size * scale
    around = half.square().sum(-1, keepdim=True).sqrt().expand_as(half)  # however it is turned
    extent = torch.where(states[:, 2:3].detach() != 0, around, half)
    largest = torch.where(looks.present[:, None], extent, 0.0).amax(0)
    width, height = (min(resolution, int(2 * side) + 4) for side in largest.tolist())
    centre = states[:, :2].detach() * scale
    left = (centre[:, 0] - largest[0] - 0.25).floor().long().clamp(0, resolution - width)
    below = (centre[:, 1] - largest[1] - 0.25).floor().long().clamp(0, resolution - height)
    columns = left[:, None] + torch.arange(width, device=frames.device)
    levels = below[:, None] + torch.arange(height, device=frames.device)  # pixels counted from the bottom
    dx, dy = (_distance(p, states[:, i], resolution) for i, p in enumerate((columns, levels)))
    covered = _covered(dx, dy, states[:, 2], looks, scale)
    alpha = (covered * looks.present[:, None, None]).flatten(1)[:, None]
    index = ((resolution - 1 - levels)[:, :, None] * resolution + columns[:, None, :]).flatten(1)
    index = index[:, None].repeat(1, 3, 1)
    canvas = frames.flatten(2)  # a view
    window = torch.lerp(canvas.gather(2, index), looks.color[..., None], alpha)
    painted = canvas.scatter(2, index, window) if states.requires_grad else canvas.scatter_(2, index, window)
    return painted.unflatten(2, (resolution, resolution))


def quantise(frames: Tensor) -> Tensor:
    """Frames rounded to the 256 levels of a picture file, still float32 in [0, 1]; NaN becomes 0.

    Gradients are those of the frames before rounding, whose own gradient is zero everywhere (the
    straight-through estimator, Bengio et al. 2013).
    """
    whole = torch.nan_to_num(frames, nan=0.0).clamp(0, 1)
    rounded = whole.detach().mul(255).round().div(255)
    return rounded + (whole - whole.detach()) if whole.requires_grad else rounded


def to_levels(frames: Tensor) -> Tensor:
    """Frames in [0, 1] as the levels uint8 of a picture file, on their device."""
    return torch.nan_to_num(frames).clamp(0, 1).mul(255).round().to(torch.uint8)


def to_uint8(frames: Tensor) -> np.ndarray:
    """NumPy uint8 [..., H, W, 3] from frames [..., 3, H, W] in [0, 1]."""
    return to_levels(frames).movedim(-3, -1).cpu().numpy()
