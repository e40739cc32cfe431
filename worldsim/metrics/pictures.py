"""How alike pictures are: PSNR and SSIM, what video prediction is usually judged by.

LPIPS, the third of the usual ones, compares activations of a trained network whose weights do not come with
this package and are never downloaded; it is not measured.
"""

import torch
from torch import Tensor

TAPS, SIGMA = 11, 1.5  #: of the Gaussian window
STABLE = 0.01**2, 0.03**2  #: C1 and C2 for values in [0, 1]
LEVELS = 255  #: steps of a picture's values
CHUNK = 256  #: frames at a time


def psnr(frames: Tensor, true: Tensor) -> Tensor:
    """Peak signal-to-noise ratio [N, T] of frames [N, T, 3, H, W] in [0, 1], dB: -10 log10 of the mean
    squared error. Equal frames would be infinite; they count as if one value were one level off.

    Raises ValueError where the two differ in shape.
    """
    _check(frames, true)
    apart = torch.stack([(a - b).double().square().mean((-3, -2, -1)) for a, b in zip(frames, true)])
    least = 1 / LEVELS**2 / frames[0, 0].numel()
    return -10 * apart.clamp(min=least).log10()


def ssim(frames: Tensor, true: Tensor) -> Tensor:
    """Structural similarity [N, T] of frames [N, T, 3, H, W] in [0, 1], mean over colours and places.

    Wang et al. (2004), "Image quality assessment: from error visibility to structural similarity", with their
    window, an 11 x 11 Gaussian of 1.5 pixels, wherever it fits into the picture. Raises ValueError where the
    two differ in shape, or are smaller than the window.
    """
    _check(frames, true)
    if min(frames.shape[-2:]) < TAPS:
        raise ValueError(f"frames of {tuple(frames.shape[-2:])} pixels are smaller than the window of {TAPS}")
    parts = zip(frames.flatten(0, 1).split(CHUNK), true.flatten(0, 1).split(CHUNK))
    return torch.cat([_ssim(a.double(), b.double()) for a, b in parts]).unflatten(0, frames.shape[:2])


def _ssim(x: Tensor, y: Tensor) -> Tensor:
    """SSIM [M] of pictures [M, 3, H, W]."""
    c1, c2 = STABLE
    mean_x, mean_y = _blur(x), _blur(y)
    var_x, var_y = _blur(x * x) - mean_x**2, _blur(y * y) - mean_y**2
    both = _blur(x * y) - mean_x * mean_y
    light = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * both + c2) / (var_x + var_y + c2)
    return (light * structure).mean((-3, -2, -1))


def _blur(x: Tensor) -> Tensor:
    """Means of the window wherever it fits: pictures [M, 3, H, W] to [M, 3, H - 10, W - 10]. As products of
    matrices: convolutions of float64 are many times slower."""
    rows, columns = (_window(side).to(x.device) for side in x.shape[-2:])
    return rows @ x @ columns.T


def _window(side: int) -> Tensor:
    """The window at each of its places along a side [side - 10, side]."""
    places = torch.arange(side - TAPS + 1, dtype=torch.float64)[:, None]
    off = torch.arange(side, dtype=torch.float64) - places - TAPS // 2
    taps = torch.where(off.abs() <= TAPS // 2, torch.exp(-off.square() / (2 * SIGMA**2)), 0.0)
    return taps / taps.sum(1, keepdim=True)


def _check(frames: Tensor, true: Tensor) -> None:
    if frames.shape != true.shape or frames.ndim != 5:
        raise ValueError(
            f"frames {tuple(frames.shape)} and true frames {tuple(true.shape)} are not alike; "
            "expected [N, T, 3, H, W] each"
        )
