"""Masks and their distances against other algorithms and values worked out on paper."""

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from worldsim.metrics.masks import Masks, centroid_l2, chamfer, iou, segment, shape_drift
from worldsim.rendering import Looks, render
from worldsim.scenes import Body, Scene
from worldsim.tracking import Tracker


def squares(*corners: tuple[int, int], side: int = 4, size: int = 16) -> Masks:
    """One clip with a square at each corner (column, row), frame by frame; None stands for nothing."""
    pixels = torch.zeros(1, len(corners), 1, size, size, dtype=torch.bool)
    for t, corner in enumerate(corners):
        if corner is not None:
            pixels[0, t, 0, corner[1] : corner[1] + side, corner[0] : corner[0] + side] = True
    return Masks(pixels, pixels.sum((-1, -2)).double())


ALL = torch.ones(1, 1, 1, dtype=torch.bool)


def test_centroids_on_paper():
    found, true = squares((3, 4)), squares((0, 0))
    true_l2, public = centroid_l2(found, true, ALL)
    assert float(true_l2.value) == pytest.approx(5 / (16 * 2**0.5))
    assert float(public.value) == pytest.approx(3.5 / (16 * 2**0.5))


def test_chamfer_agrees_with_nearest_neighbours():
    rng = np.random.default_rng(0)
    masks = [
        Masks(torch.as_tensor(rng.random((1, 3, 2, 12, 12)) < p), torch.ones(1, 3, 2)) for p in (0.1, 0.3)
    ]
    every, _ = chamfer(*masks, torch.ones(1, 3, 2, dtype=torch.bool))
    for t in range(3):
        expected = []
        for m in range(2):
            one, two = (np.argwhere(x.pixels[0, t, m].numpy()) for x in masks)
            expected.append(cKDTree(one).query(two)[0].mean() + cKDTree(two).query(one)[0].mean())
        assert float(every.value[0, t]) == pytest.approx(np.mean(expected) / (12 * 2**0.5))


def test_iou_on_paper():
    found, _ = iou(squares((2, 0)), squares((0, 0)), ALL, context=0)
    assert float(found.value) == pytest.approx(8 / 24)


def test_a_vanished_body_is_free_in_the_public_code_alone():
    found, true = squares((0, 0), None, None), squares((0, 0), (0, 0), None)
    scored = torch.tensor([True, True, False])[None, :, None]
    for measure, worst in ((centroid_l2, 1.0), (chamfer, 2.0)):
        mine, public = measure(found, true, scored)
        assert mine.value[0, :2].tolist() == [0.0, worst] and mine.count.tolist() == [[1, 1, 0]]
        assert public.count.tolist() == [[1, 0, 0]]
    mine, public = iou(found, true, scored, context=0)
    assert mine.value[0, :2].tolist() == [1.0, 0.0] and mine.count[0, 2] == 0
    assert public.value[0].tolist() == [1.0, 0.0, 1.0]
    assert shape_drift(found, true, scored).value[0, :2].tolist() == [0.0, 1.0]


def test_no_centroid_is_farther_than_the_price_of_vanishing():
    found, true = squares((0, 0), side=1), squares((15, 15), side=1)
    assert float(centroid_l2(found, true, ALL)[0].value) < 1 and float(chamfer(found, true, ALL)[0].value) < 2


def test_masks_of_frames_have_the_place_and_area_of_their_bodies():
    scene = Scene((Body("blue", (1.2,), (3.0, 6.0)), Body("red", (0.8,), (7.0, 4.0))))
    states = torch.zeros(1, 2, 2, 6)
    states[..., :2] = torch.tensor([b.position for b in scene.bodies])
    frames = render(states, Looks.of([scene]), 64)
    masks = segment(frames, Tracker(scene, 64), [0, 1])
    pixel = 10 / 64
    for b, body in enumerate(scene.bodies):
        assert float(masks.area[0, 0, b]) * pixel**2 == pytest.approx(np.pi * body.radius**2, rel=0.01)
        column, row = masks.centroid[0, 0, b].tolist()
        where = ((column + 0.5) * pixel, 10 - (row + 0.5) * pixel)
        assert where == pytest.approx(body.position, abs=0.3 * pixel)


def test_shape_drift_is_the_error_of_the_radius():
    body = Body("blue", (1.0,), (5.0, 5.0))
    masks = []
    for radius in (1.0, 1.1):
        scene = Scene((Body("blue", (radius,), body.position),))
        states = torch.zeros(1, 1, 1, 6)
        states[..., :2] = 5.0
        masks.append(segment(render(states, Looks.of([scene]), 64), Tracker(scene, 64), [0]))
    assert float(shape_drift(masks[1], masks[0], ALL).value) == pytest.approx(0.1, abs=0.005)
