"""Pictures against closed forms and brute-force supersampling."""

import numpy as np
import pytest
import torch

from worldsim.rendering import Looks, coverage, half_plane_area, quantise, render, to_uint8
from worldsim.scenes import VIEW, Body, Scene

RED = Body("red", (0.8, 1.15), (5.0, 5.0), shape="box")
BLUE = Body("blue", (1.0,), (5.0, 5.0))


def states_at(*places: tuple[float, float], dtype=torch.float64) -> torch.Tensor:
    """States [1, B, 6] of bodies at rest."""
    return torch.tensor([[(*p, 0, 0, 0, 0) for p in places]], dtype=dtype)


@pytest.mark.parametrize("resolution", [32, 64, 128, 256])
def test_area_and_centroid_are_those_of_the_shapes(resolution):
    pixel = VIEW / resolution
    middle = (np.arange(resolution) + 0.5) * pixel
    rng = np.random.default_rng(0)
    for radius in (0.7, 1.5, 2.0):
        place = tuple(rng.uniform(2.1, 7.9, 2))
        for body, area in ((Body("blue", (radius,), place), np.pi * radius**2), (RED, 4 * 0.8 * 1.15)):
            share = coverage(states_at(place), Looks.of([Scene((body,))]), resolution)[0, 0].numpy()
            relative = (
                1e-6 if body is RED else 0.1 * (pixel / radius) ** 2
            )  # a pixel's edge is taken as straight
            assert share.sum() * pixel**2 == pytest.approx(area, rel=relative)
            assert share.sum(0) @ middle / share.sum() == pytest.approx(place[0], abs=0.02 * pixel)
            assert share.sum(1) @ middle[::-1] / share.sum() == pytest.approx(place[1], abs=0.02 * pixel)


def test_half_plane_area_against_supersampling():
    rng = np.random.default_rng(1)
    fine = (np.arange(400) + 0.5) / 400 - 0.5
    for _ in range(40):
        angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(-0.8, 0.8)
        nx, ny = np.cos(angle), np.sin(angle)
        expected = (fine[:, None] * nx + fine * ny + distance < 0).mean()
        area = half_plane_area(*(torch.tensor(v, dtype=torch.float64) for v in (distance, nx, ny)))
        assert float(area) == pytest.approx(expected, abs=3e-3)


def test_rows_count_from_the_top_and_y_points_up():
    scene = Scene((Body("blue", (0.5,), (2.0, 8.0)),))
    frame = render(states_at((2.0, 8.0)), Looks.of([scene]), 64)[0]
    row, column = np.unravel_index(int(frame[0].argmin()), (64, 64))
    assert row < 20 and column < 20
    assert frame[:, 12, 12].tolist() == [0.0, 0.0, 1.0]  # blue
    assert frame[:, -1, -1].tolist() == [1.0, 1.0, 1.0]  # white


def test_later_bodies_cover_earlier_ones():
    scene = Scene((RED, BLUE))
    states = states_at((5.0, 5.0), (5.0, 5.0))
    assert render(states, Looks.of([scene]), 64)[0, :, 32, 32].tolist() == [0.0, 0.0, 1.0]
    behind = Scene((BLUE, RED))
    assert render(states, Looks.of([behind]), 64)[0, :, 32, 32].tolist() == [1.0, 0.0, 0.0]


@pytest.mark.parametrize("resolution", [32, 64, 128])
def test_painting_in_windows_equals_painting_whole_frames(resolution):
    """The closed composition of full-frame coverage, for bodies anywhere, cut by the edge or out of view."""
    generator = torch.Generator().manual_seed(2)
    scenes = [Scene((RED, Body("blue", (r,), (5.0, 5.0)))) for r in (0.3, 1.0, 2.0)] + [Scene((BLUE,))]
    looks = Looks.of(scenes).select(torch.arange(4).repeat(50))
    states = torch.zeros(200, 2, 6)
    states[..., :2] = torch.rand(200, 2, 2, generator=generator) * 16 - 3
    frames = torch.ones(200, 3, resolution, resolution)
    share = coverage(states, looks, resolution) * looks.present[..., None, None]
    for b in range(2):
        alpha = share[:, b, None]
        frames = (1 - alpha) * frames + alpha * looks.color[:, b, :, None, None]
    assert (render(states, looks, resolution) - frames).abs().max() < 1e-6


def test_frames_are_differentiable():
    looks = Looks.of([Scene((RED, BLUE))])
    weights = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(3))

    def score(states: torch.Tensor) -> torch.Tensor:
        return (render(states, looks, 64)[0] * weights).sum()

    states = states_at((4.03, 5.21), (5.57, 6.02), dtype=torch.float32).requires_grad_()
    score(states).backward()
    for body in range(2):
        for axis in range(2):
            step = torch.zeros_like(states)
            step[0, body, axis] = 1e-2
            slope = (score(states.detach() + step) - score(states.detach() - step)) / 2e-2
            assert float(states.grad[0, body, axis]) == pytest.approx(float(slope), rel=0.1, abs=0.5)


def test_clips_and_single_frames_agree():
    scenes = [Scene((Body("blue", (r,), (5.0, 5.0)),)) for r in (0.5, 1.5)]
    states = torch.rand(2, 5, 1, 6, generator=torch.Generator().manual_seed(4)) * 10
    clip = render(states, Looks.of(scenes), 64)
    assert torch.equal(clip[1, 3], render(states[1:, 3], Looks.of(scenes[1:]), 64)[0])


def test_quantised_frames_have_256_levels_and_nan_is_black():
    frames = torch.tensor([0.1234, float("nan"), 1.5, -1.0])
    assert torch.equal(quantise(frames) * 255, torch.tensor([31.0, 0.0, 255.0, 0.0]))
    assert to_uint8(frames.reshape(1, 1, 4)).ravel().tolist() == [31, 0, 255, 0]


def test_wrong_shapes_and_resolutions_are_refused():
    looks = Looks.of([Scene((BLUE,))])
    with pytest.raises(ValueError, match="choose one of"):
        render(torch.zeros(1, 1, 6), looks, 100)
    with pytest.raises(ValueError, match="do not fit"):
        render(torch.zeros(2, 1, 6), looks, 64)
