"""States to frames: batched, on any device, anti-aliased by area coverage, differentiable.

Pixel (row i, column j) of an image W pixels wide is the square whose centre lies at
x = (j + 1/2)·10/W, y = 10 - (i + 1/2)·10/W metres. Each body covers a pixel by the area of the half-plane
that its nearest edge cuts from the pixel square; later bodies are painted over earlier ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from worldsim.scenes import PALETTE, VIEW, Scene

RESOLUTIONS = (32, 64, 128, 256)
CHUNK = 64  #: frames painted at a time: their windows stay in the processor's cache


@dataclass(frozen=True)
class Looks:
    """How the bodies of N scenes look.

    `box` [N, B] bool, `size` [N, B, 2] m (half sizes), `color` [N, B, 3] in [0, 1], `present` [N, B] bool.
    """

    box: Tensor
    size: Tensor
    color: Tensor
    present: Tensor

    @classmethod
    def of(cls, scenes: Sequence[Scene], device: torch.device | str = "cpu") -> "Looks":
        """The looks of some scenes, padded to the largest number of bodies."""
        most = max(len(s.bodies) for s in scenes)
        box = np.zeros((len(scenes), most), dtype=bool)
        size = np.ones((len(scenes), most, 2), dtype=np.float32)
        color = np.ones((len(scenes), most, 3), dtype=np.float32)
        present = np.zeros((len(scenes), most), dtype=bool)
        for i, scene in enumerate(scenes):
            for j, body in enumerate(scene.bodies):
                box[i, j] = body.shape == "box"
                size[i, j] = body.size if body.shape == "box" else body.size * 2
                color[i, j] = PALETTE[body.color]
                present[i, j] = True
        return cls(*(torch.as_tensor(a, device=device) for a in (box, size, color, present)))

    def select(self, index: Tensor | np.ndarray | list[int]) -> "Looks":
        """The looks of the chosen rows."""
        index = torch.as_tensor(index, device=self.box.device)
        return Looks(self.box[index], self.size[index], self.color[index], self.present[index])


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

    `states` [N, B, 6] (only x, y are read: discs look alike at every angle, boxes stay axis-aligned).
    """
    pixels = torch.arange(resolution, device=states.device)
    dx = _distance(pixels, states[..., 0], resolution)  # [N, B, W]
    dy = _distance(resolution - 1 - pixels, states[..., 1], resolution)  # [N, B, H]
    return _covered(dx, dy, looks.size * (resolution / VIEW), looks.box)


def _distance(pixels: Tensor, centre: Tensor, resolution: int) -> Tensor:
    """Distance in pixels from `centre` [...] m to the middle of pixels [W] or [..., W] counted from zero."""
    return ((pixels.to(centre.dtype) + 0.5) * (VIEW / resolution) - centre[..., None]) * (resolution / VIEW)


def _covered(dx: Tensor, dy: Tensor, half: Tensor, box: Tensor) -> Tensor:
    """Coverage [..., H, W] of pixels dx [..., W], dy [..., H] off the centres of bodies; all in pixels."""
    half = half.to(dx.dtype)
    if box.all():
        return _covered_by_boxes(dx, dy, half)
    wide, high = dx[..., None, :], dy[..., :, None]
    away = (wide.square() + high.square() + 1e-12).sqrt()
    discs = half_plane_area(away - half[..., :1, None], wide / away, high / away)
    return torch.where(box[..., None, None], _covered_by_boxes(dx, dy, half), discs) if box.any() else discs


def _covered_by_boxes(dx: Tensor, dy: Tensor, half: Tensor) -> Tensor:
    along_x = (half[..., :1] + 0.5 - dx.abs()).clamp(0, 1)
    along_y = (half[..., 1:] + 0.5 - dy.abs()).clamp(0, 1)
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
            one = Looks(looks.box[part, b], looks.size[part, b], looks.color[part, b], looks.present[part, b])
            chunk = _paint(chunk, states[part, b], one)
        chunks.append(chunk)
    return torch.cat(chunks) if states.requires_grad else frames  # without gradients painted in place


def _paint(frames: Tensor, states: Tensor, looks: Looks) -> Tensor:
    """Frames [N, 3, H, W] with one body painted into each, in place unless gradients are wanted.

    `states` [N, 6] and the fields of `looks` [N, ...] are those of the body. Only a window around it is
    touched, as large as the largest body of the batch needs.
    """
    resolution = frames.shape[-1]
    half = looks.size * (resolution / VIEW)
    largest = torch.where(looks.present[:, None], half, 0.0).amax(0)
    width, height = (min(resolution, int(2 * side) + 4) for side in largest.tolist())
    centre = states[:, :2].detach() * (resolution / VIEW)
    left = (centre[:, 0] - largest[0] - 0.25).floor().long().clamp(0, resolution - width)
    below = (centre[:, 1] - largest[1] - 0.25).floor().long().clamp(0, resolution - height)
    columns = left[:, None] + torch.arange(width, device=frames.device)
    levels = below[:, None] + torch.arange(height, device=frames.device)  # pixels counted from the bottom
    dx, dy = (_distance(p, states[:, i], resolution) for i, p in enumerate((columns, levels)))
    alpha = (_covered(dx, dy, half, looks.box) * looks.present[:, None, None]).flatten(1)[:, None]
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
