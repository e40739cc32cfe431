"""Pixels to moments: how much of each colour a frame shows, and where its centre lies.

Frames are mixtures of white and the colours of the bodies, pixel by pixel, so the share of each colour
follows from a linear unmixing. All lengths here are pixels: x counts columns, y counts rows from the top, and
pixel j lies at j.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi

import torch
import torch.nn.functional as F
from torch import Tensor

from worldsim.scenes import PALETTE, VIEW, Scene

NOISE = 0.1  #: shares below this are not counted as mass: learned models leave faint traces everywhere
STRAY = 0.02  #: share of the mass outside of its window that calls for a second look


def unmixing(colors: Sequence[str]) -> Tensor:
    """The matrix [C, 3] that turns 1 - frame into the shares of `colors`, by least squares.

    Raises ValueError where the colours cannot be told apart or are not in the palette.
    """
    unknown = sorted(set(colors) - set(PALETTE))
    if unknown:
        raise ValueError(f"colours {unknown} are not in the palette; choose among {sorted(PALETTE)}")
    if len(set(colors)) < len(colors) or len(colors) > 3:
        raise ValueError(f"colours {list(colors)}: a tracker needs one colour per body and at most three")
    absorbed = 1 - torch.tensor([PALETTE[c] for c in colors], dtype=torch.float64)
    if torch.linalg.matrix_rank(absorbed) < len(colors):
        raise ValueError(f"colours {list(colors)} are mixtures of each other and cannot be told apart")
    return torch.linalg.pinv(absorbed.T).float()


def shares(frames: Tensor, matrix: Tensor) -> Tensor:
    """Share of each colour in each pixel, [N, C, H, W], from frames [N, 3, H, W] and `unmixing` [C, 3]."""
    n, _, h, w = frames.shape
    matrix = matrix.to(frames.device, frames.dtype)
    offset = matrix.sum(1)[None, :, None].expand(n, -1, h * w)
    mixed = torch.baddbmm(offset, -matrix.expand(n, -1, -1), frames.flatten(2))
    return mixed.unflatten(2, (h, w))


def middle(marginal: Tensor) -> Tensor:
    """Median position [...] of marginals [..., W]: unlike the mean, faint mass far away hardly moves it."""
    below = marginal.cumsum(-1)
    return (below < below[..., -1:] / 2).sum(-1).to(marginal.dtype)


def windowed(share: Tensor, centre: Tensor, half: Tensor) -> tuple[Tensor, Tensor]:
    """Mass [N, C] and centroid [N, C, 2] of shares [N, C, H, W] in the windows `centre` ± `half`."""
    columns = torch.arange(share.shape[-1], device=share.device, dtype=share.dtype)
    rows = torch.arange(share.shape[-2], device=share.device, dtype=share.dtype)
    in_x = ((columns - centre[..., :1]).abs() <= half[..., :1]).to(share.dtype)  # [N, C, W]
    in_y = ((rows - centre[..., 1:]).abs() <= half[..., 1:]).to(share.dtype)  # [N, C, H]
    along_x = torch.matmul(in_y.unsqueeze(-2), share).squeeze(-2) * in_x
    along_y = torch.matmul(share, in_x.unsqueeze(-1)).squeeze(-1) * in_y
    mass = along_x.sum(-1)
    safe = mass.clamp(min=1e-3)
    return mass, torch.stack(((along_x @ columns) / safe, (along_y @ rows) / safe), -1)


@dataclass(frozen=True)
class Blobs:
    """Moments of C colours in N frames, in pixels: `total` [N, C] is the mass of all shares above the noise,
    `mass` [N, C] and `centroid` [N, C, 2] belong to the main blob, from the shares as they are."""

    total: Tensor
    mass: Tensor
    centroid: Tensor


def blobs(share: Tensor, half: Tensor | None = None) -> Blobs:
    """Moments of shares [N, C, H, W]; the main blob is looked for in windows of half widths `half` [N, C, 2].

    Without `half` a blob is taken for a disc as large as its mass. A frame with NaN or infinity has no mass.
    """
    counted = F.threshold(share, NOISE, 0.0)
    along_x, along_y = counted.sum(-2), counted.sum(-1)
    total = along_x.sum(-1)
    centre = torch.stack((middle(along_x), middle(along_y)), -1)
    if half is None:
        half = (total.clamp(min=0) / pi).sqrt()[..., None] + 1.5
    half = half.expand_as(centre)
    mass, centroid = windowed(share, centre, half)
    stray = (total - mass > STRAY * total).any(-1).nonzero()[:, 0]
    if len(stray):  # faint mass elsewhere may have moved the median: look again around what was found
        again = windowed(share[stray], centroid[stray], half[stray])
        mass, centroid = mass.index_copy(0, stray, again[0]), centroid.index_copy(0, stray, again[1])
    fine = total.isfinite() & mass.isfinite()
    zero = torch.zeros((), device=share.device, dtype=share.dtype)
    return Blobs(
        torch.where(fine, total, zero),
        torch.where(fine, mass, zero),
        torch.where(fine[..., None], centroid, zero),
    )


def to_metres(pixels: Tensor, resolution: int) -> Tensor:
    """Positions [..., 2] in metres (y up) from columns and rows."""
    scale = VIEW / resolution
    return torch.stack(((pixels[..., 0] + 0.5) * scale, VIEW - (pixels[..., 1] + 0.5) * scale), -1)


def to_pixels(metres: Tensor, resolution: int) -> Tensor:
    """Columns and rows [..., 2] from positions in metres: inverse of `to_metres`."""
    scale = resolution / VIEW
    return torch.stack((metres[..., 0] * scale - 0.5, (VIEW - metres[..., 1]) * scale - 0.5), -1)


def measure(frames: Tensor, template: Scene) -> tuple[Tensor, Tensor]:
    """Visible area [..., B] m² and its centroid [..., B, 2] m of each body, from frames [..., 3, H, W].

    Knows neither sizes nor the past; the centroid of an unseen body is meaningless where its area is zero.
    Raises ValueError where the template's colours cannot be told apart.
    """
    resolution, lead = frames.shape[-1], frames.shape[:-3]
    share = shares(frames.reshape(-1, *frames.shape[-3:]), unmixing([b.color for b in template.bodies]))
    blob = blobs(share, torch.full((1, 1, 2), float(2 * resolution), device=frames.device))
    area = blob.mass.clamp(min=0) * (VIEW / resolution) ** 2
    centroid = to_metres(blob.centroid, resolution)
    return area.reshape(*lead, -1), centroid.reshape(*lead, -1, 2)
