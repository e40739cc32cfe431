"""Inks and fields of motion against closed forms."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from worldsim.metrics.rollouts import make_clips, truth
from worldsim.models.fields import Contrast, Filling, Finer, warp
from worldsim.models.inks import to_frames, to_inks
from worldsim.scenes import PALETTE


def test_each_colour_is_one_ink_and_nothing_is_lost():
    for number, name in enumerate(("red", "blue", "black")):
        pixel = torch.tensor(PALETTE[name])[:, None, None] * 2 - 1
        assert to_inks(pixel).flatten().tolist() == [float(i == number) for i in range(3)]
    sky = torch.tensor(PALETTE["sky"])[:, None, None] * 2 - 1
    assert to_inks(sky).flatten().tolist() == [0.0, 0.5, 0.0]  # a damped ball is blue, of one piece, and pale
    frames = torch.rand(2, 5, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert torch.allclose(to_frames(to_inks(frames)), frames, atol=1e-6)


def test_a_red_ball_leaves_no_blue_ink_even_at_its_edge():
    frames = truth(make_clips("collision", "id", 4, "inks"), 64)
    red, blue, black = to_inks(frames * 2 - 1).unbind(-3)
    assert (red * blue).abs().max() < 0.3  # where the balls touch, pixels hold both
    assert black.abs().max() < 0.01  # 8 bits
    assert (red.amax((1, 2, 3)) > 0.99).all() and (blue.amax((1, 2, 3)) > 0.99).all()


def test_a_field_takes_the_motion_of_the_nearest_thing():
    """Two things of other motions: everything on either side moves as they do, whatever it said before."""
    filling = Filling(16)
    field = torch.randn(1, 2, 16, 16, generator=torch.Generator().manual_seed(0))
    weight = torch.zeros(1, 1, 16, 16)
    for column, motion in ((2, (1.0, 0.5)), (13, (-2.0, 0.0))):
        weight[..., 8, column] = 1.0
        field[..., 8, column] = torch.tensor(motion)
    filled = filling(field, weight)[0]
    assert filled[:, 8, 0].tolist() == pytest.approx([1.0, 0.5], abs=0.05)
    assert filled[:, 4, 14].tolist() == pytest.approx([-2.0, 0.0], abs=0.05)
    same = filling(torch.full((1, 2, 16, 16), 3.0), weight)
    assert torch.allclose(same, torch.full_like(same, 3.0), atol=1e-5)


def test_weights_of_the_filling_by_hand():
    """2 x 2 cells, at squared distances 0, 1, 1 and 2 of the first."""
    field = torch.tensor([[4.0, 0.0], [0.0, 0.0]]).expand(1, 2, 2, 2)
    filled = Filling(2)(field, torch.ones(1, 1, 2, 2))
    squared = np.array([0, 1, 1, 2])
    near = np.exp(-squared / (2 * 2.5**2)) + 1e-4 / (squared + 1) ** 2
    assert filled[0, 0, 0, 0].item() == pytest.approx(4 * near[0] / near.sum())
    assert filled[0, 0, 1, 1].item() == pytest.approx(4 * near[3] / near.sum())


def test_contrast_is_the_variance_around_a_cell_and_zero_where_nothing_is():
    picture = torch.zeros(1, 1, 16, 16)
    picture[..., 6, 9] = 1.0
    found = Contrast(4, 16)(picture)[0, 0]
    assert found[1, 2].item() == pytest.approx(1 / 64 - (1 / 64) ** 2)
    assert found[3, 0] == 0 and (found > 0).sum() == 4  # windows overlap by half


def test_presence_ends_a_few_cells_from_a_thing():
    weight = torch.zeros(1, 2, 16, 16)
    weight[0, 0, 8, 2] = 0.2
    there = Filling(16).presence(weight)[0]
    assert there[1].max() == 0 and there[0, 8, 2:7].min() > 0.95
    assert (there[0, 8, 3:].diff() < 0).all() and there[0, 8, 12] < 0.01


def test_finer_is_bilinear_interpolation():
    field = torch.randn(3, 2, 16, 16, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(
        Finer(16, 64)(field), F.interpolate(field, scale_factor=4, mode="bilinear"), atol=1e-5
    )


def test_a_picture_is_warped_by_whole_pixels_exactly():
    picture = torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    right, down = 3, -2
    displacement = torch.tensor([float(right), float(down)])[None, :, None, None].expand(2, -1, 16, 16)
    moved = torch.roll(picture, (down, right), (2, 3))
    assert torch.allclose(warp(picture, displacement)[..., :14, 3:], moved[..., :14, 3:], atol=1e-5)


def test_what_leaves_the_edge_draws_no_trail():
    picture, displacement = torch.zeros(1, 1, 16, 16), torch.zeros(1, 2, 16, 16)
    picture[..., :4, :], displacement[:, 1] = 1.0, 3.0
    moved = warp(picture, displacement, outside="zeros")[0, 0, :, 8]
    assert torch.allclose(moved, torch.tensor([0.0] * 3 + [1.0] * 4 + [0.0] * 9), atol=1e-5)
    assert torch.allclose(warp(picture, displacement)[0, 0, :7, 8], torch.ones(7), atol=1e-5)
