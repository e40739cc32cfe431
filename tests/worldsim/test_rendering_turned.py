"""Pictures of turned and compound bodies against closed forms and brute-force supersampling."""

import numpy as np
import pytest
import torch

from worldsim.bodies import Body, Part, compound
from worldsim.rendering import Looks, coverage, render
from worldsim.scenes import VIEW, Scene

BAR = Body("blue", (1.3, 0.17), (4.83, 5.21), shape="box")
JAR = compound(
    "blue",
    (
        Part("box", (0.7, 0.15)),
        Part("box", (0.15, 0.6), (-0.55, 0.75)),
        Part("box", (0.15, 0.55), (0.55, 0.75), 0.05),
        Part("disc", (0.4,), (0.0, 1.9)),
    ),
    (5.0, 5.0),
)


def states(body: Body, angle: float, dtype=torch.float64) -> torch.Tensor:
    return torch.tensor([[(*body.position, angle, 0, 0, 0)]], dtype=dtype)


def brute(body: Body, angle: float, resolution: int, fine: int = 16) -> np.ndarray:
    """Share of each pixel inside the body, rows from the top, by points."""
    ticks = (np.arange(resolution * fine) + 0.5) * VIEW / (resolution * fine)
    x, y = np.meshgrid(ticks - body.position[0], ticks[::-1] - body.position[1])
    inside = np.zeros_like(x, dtype=bool)
    c, s = np.cos(angle), np.sin(angle)
    for part in body.pieces:
        u, v = c * x + s * y - part.offset[0], c * y - s * x - part.offset[1]
        ct, st = np.cos(part.angle), np.sin(part.angle)
        along, across = ct * u + st * v, ct * v - st * u
        if part.shape == "disc":
            inside |= np.hypot(u, v) < part.size[0]
        else:
            inside |= (np.abs(along) < part.size[0]) & (np.abs(across) < part.size[1])
    return inside.reshape(resolution, fine, resolution, fine).mean((1, 3))


@pytest.mark.parametrize("resolution", [32, 64, 128])
@pytest.mark.parametrize("angle", [1e-4, 0.3, np.pi / 4, np.pi / 2, 2.0, -1.1])
def test_a_turned_box_covers_its_exact_area(angle, resolution):
    share = coverage(states(BAR, angle), Looks.of([Scene((BAR,))]), resolution)[0, 0].numpy()
    pixel = VIEW / resolution
    assert share.sum() * pixel**2 == pytest.approx(4 * 1.3 * 0.17, rel=1e-5)
    middle = (np.arange(resolution) + 0.5) * pixel
    assert share.sum(0) @ middle / share.sum() == pytest.approx(BAR.position[0], abs=0.1 * pixel)
    assert share.sum(1) @ middle[::-1] / share.sum() == pytest.approx(BAR.position[1], abs=0.1 * pixel)
    assert np.abs(share - brute(BAR, angle, resolution)).max() < 0.07


@pytest.mark.parametrize("angle", [0.0, 0.7, 3.0])
def test_a_compound_body_covers_the_sum_of_its_parts(angle):
    """Also where parts meet inside a pixel: no seam."""
    share = coverage(states(JAR, angle), Looks.of([Scene((JAR,))]), 64)[0, 0].numpy()
    assert np.abs(share - brute(JAR, angle, 64)).max() < 0.09
    frame = render(states(JAR, angle), Looks.of([Scene((JAR,))]), 64)[0, 0].numpy()
    assert np.abs(1 - frame - share).max() < 1e-5  # the window holds all of it


def test_compound_and_simple_bodies_share_a_batch():
    disc = Body("red", (0.6,), (3.0, 3.0))
    scenes = [Scene((JAR, disc)), Scene((disc, BAR)), Scene((BAR,))]
    here = torch.zeros(3, 2, 6)
    for i, scene in enumerate(scenes):
        for j, body in enumerate(scene.bodies):
            here[i, j, :3] = torch.tensor((*body.position, 0.4 * (i + 1)))
    together = render(here, Looks.of(scenes), 64)
    for i, scene in enumerate(scenes):
        alone = render(here[i : i + 1, : len(scene.bodies)], Looks.of([scene]), 64)
        assert (together[i] - alone[0]).abs().max() < 1e-5


def test_frames_are_differentiable_by_the_angle():
    looks = Looks.of([Scene((BAR, JAR))])
    weights = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(3))

    def score(now: torch.Tensor) -> torch.Tensor:
        return (render(now, looks, 64)[0] * weights).sum()

    now = torch.cat([states(BAR, 0.4, torch.float32), states(JAR, -0.9, torch.float32)], 1).requires_grad_()
    score(now).backward()
    for body in range(2):
        for axis in range(3):
            step = torch.zeros_like(now)
            step[0, body, axis] = 5e-3
            slope = (score(now.detach() + step) - score(now.detach() - step)) / 1e-2
            assert float(now.grad[0, body, axis]) == pytest.approx(float(slope), rel=0.1, abs=0.5)


def test_a_box_thinner_than_a_pixel_keeps_its_area():
    thin = Body("black", (2.0, 0.05), (5.03, 5.02), shape="box")
    for angle in (0.0, 0.2):
        share = coverage(states(thin, angle), Looks.of([Scene((thin,))]), 64)[0, 0]
        assert float(share.sum()) * (VIEW / 64) ** 2 == pytest.approx(4 * 2.0 * 0.05, rel=1e-4)
