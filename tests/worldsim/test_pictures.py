"""PSNR and SSIM against closed forms and against the same formula by other means."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from worldsim.metrics.pictures import LEVELS, psnr, ssim
from worldsim.metrics.rollouts import make_clips, truth


@pytest.fixture(scope="module")
def films():
    clips = make_clips("launch", "id", 2, "pictures", frames=6)
    frames = truth(clips, 64)
    return frames, frames.roll(1, dims=1)


def test_psnr_of_a_constant_offset_and_of_equal_frames():
    white = torch.ones(2, 3, 3, 64, 64)
    assert torch.allclose(psnr(white - 0.1, white), torch.full((2, 3), 20.0, dtype=torch.float64), atol=1e-5)
    one_off = white.clone()
    one_off[..., 0, 0, 0] -= 1 / LEVELS  # the least that can be wrong
    assert torch.allclose(psnr(white, white), psnr(one_off, white), atol=1e-3)
    assert psnr(white, white)[0, 0] == pytest.approx(20 * np.log10(255) + 10 * np.log10(3 * 64 * 64))


@pytest.mark.parametrize("a,b", [(0.2, 0.9), (0.5, 0.5), (0.0, 1.0)])
def test_ssim_of_even_pictures_is_that_of_their_means(a, b):
    one, two = (torch.full((1, 1, 3, 16, 16), v) for v in (a, b))
    expected = (2 * a * b + 1e-4) / (a * a + b * b + 1e-4)
    assert float(ssim(one, two)) == pytest.approx(expected, abs=1e-6)


def test_ssim_agrees_with_gaussian_filters_of_scipy(films):
    """As in scikit-image with gaussian_weights, sigma 1.5 and no sample covariance; edges are cut off."""
    frames, other = films
    found = ssim(frames, other)
    for n, t in np.ndindex(*found.shape):
        values = []
        for c in range(3):
            x, y = (film[n, t, c].double().numpy() for film in (frames, other))
            blur = lambda z: gaussian_filter(z, 1.5, truncate=3.5)[5:-5, 5:-5]  # noqa: E731
            mx, my = blur(x), blur(y)
            vx, vy, vxy = blur(x * x) - mx**2, blur(y * y) - my**2, blur(x * y) - mx * my
            part = (2 * mx * my + 1e-4) * (2 * vxy + 9e-4) / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4))
            values.append(part.mean())
        assert float(found[n, t]) == pytest.approx(np.mean(values), abs=1e-9)
    assert torch.allclose(ssim(frames, frames), torch.ones_like(found))


def test_what_is_not_alike_is_refused(films):
    frames, _ = films
    for measure in (psnr, ssim):
        with pytest.raises(ValueError, match="not alike"):
            measure(frames, frames[:, 1:])
    with pytest.raises(ValueError, match="smaller than the window"):
        ssim(frames[..., :8, :8], frames[..., :8, :8])
