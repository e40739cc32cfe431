"""The gap between two bodies, against geometry; and what is followed of scenes with many bodies."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from worldsim.bodies import Body
from worldsim.pairs import PIXEL, PairTracker, dominance, gap_between, make_tracker
from worldsim.rendering import Looks, quantise, render
from worldsim.scenarios.objects import jar
from worldsim.scenarios.templates import BALL, Templates
from worldsim.scenes import PALETTE, Scene
from worldsim.tracking import LEFT, LOST, VISIBLE, Tracker

DISC = Body("blue", (0.7,), (5.0, 5.0))
BOX = Body("green", (0.9, 0.4), (5.0, 5.0), shape="box")


def picture(bodies: list[Body], resolution: int) -> torch.Tensor:
    """One frame [1, 3, H, W]."""
    states = torch.tensor([[(*b.position, b.angle, 0, 0, 0) for b in bodies]], dtype=torch.float32)
    return quantise(render(states, Looks.of([Scene(tuple(bodies))]), resolution))


def gap(bodies: list[Body], resolution: int) -> float:
    """In pixels of 128."""
    return float(gap_between(dominance(picture(bodies, resolution))[:, 1:])[0] / PIXEL)


def apart(distance: float, angle: float, turn: float) -> list[Body]:
    """A disc `distance` m off the long side of a box that is turned; seen along `angle` between centres."""
    normal = np.array([np.cos(turn + np.pi / 2), np.sin(turn + np.pi / 2)])
    along = np.array([np.cos(turn), np.sin(turn)]) * 0.7 * np.sin(angle)
    place = np.array([5.0, 5.0]) + normal * (0.4 + 0.7 + distance) + along
    return [replace(DISC, position=(float(place[0]), float(place[1]))), replace(BOX, angle=turn)]


@pytest.mark.parametrize("resolution", [64, 128])
def test_bodies_that_touch_have_a_gap_of_one_pixel_at_most(resolution):
    rng = np.random.default_rng(0)
    gaps = [gap(apart(0.0, *rng.uniform(0, 2 * np.pi, 2)), resolution) for _ in range(40)]
    assert max(gaps) <= 1


@pytest.mark.parametrize("resolution", [64, 128])
@pytest.mark.parametrize("pixels", [4.0, 9.0, 30.0])
def test_the_gap_is_the_distance(resolution, pixels):
    """Along an axis; a diagonal counts by its longer side, as pixels do."""
    for turn in (0.0, np.pi / 2, np.pi):
        assert gap(apart(pixels * PIXEL, 0.3, turn), resolution) == pytest.approx(pixels, abs=1.01)
    slanted = gap(apart(pixels * PIXEL, 0.0, np.pi / 4), resolution)
    assert slanted == pytest.approx(pixels / np.sqrt(2), abs=1.5)


@pytest.mark.parametrize("resolution", [64, 128])
def test_bodies_three_pixels_apart_do_not_touch(resolution):
    rng = np.random.default_rng(1)
    gaps = [gap(apart(3 * np.sqrt(2) * PIXEL, *rng.uniform(0, 2 * np.pi, 2)), resolution) for _ in range(40)]
    assert min(gaps) > 1


def test_greys_black_and_red_are_neither_blue_nor_green():
    for name in ("grey", "black", "red", "blue", "green"):
        r, g, b = PALETTE[name]
        frame = torch.tensor([r, g, b])[None, :, None, None].expand(1, 3, 32, 32)
        share = dominance(frame)[0, :, 0, 0].tolist()
        assert share == pytest.approx([float(name == c) for c in ("red", "blue", "green")])


def test_the_centre_of_a_colour_is_the_centre_of_mass():
    [made] = jar(np.random.default_rng(3))
    body = replace(made, color="blue", angle=0.8, position=(4.0, 5.0))
    others = [Body("grey", (0.5,), (8.0, 8.0)), replace(BOX, position=(8.0, 2.0))]
    track = PairTracker(Templates.template).begin(picture([body, *others], 64)[:, None])
    assert track.position[0, 1].tolist() == pytest.approx([4.0, 5.0], abs=0.02)
    assert track.status[0].tolist() == [LEFT, VISIBLE, VISIBLE]  # the red ball is not there yet


def test_gaps_are_remembered_and_what_vanishes_is_lost():
    tracker = make_tracker(Templates.template, 64)
    near, far = ([*apart(d, 0.0, 0.0), replace(BALL, position=(1.5, 1.5))] for d in (0.0, 1.0))
    frames = [picture(bodies, 64) for bodies in (far, near, near, far, far[1:])]
    track = tracker.begin(frames[0][:, None])
    for frame in frames[1:]:
        track = tracker.update(track, frame)
    touching = (track.gaps[0] <= PIXEL).tolist()
    assert touching == [False] * 6 + [True, True, False, False]
    assert track.status[0].tolist() == [VISIBLE, LOST, VISIBLE]
    assert track.gaps[0, -1] > 10


@pytest.mark.parametrize("resolution", [64, 128])
def test_bodies_that_lie_over_each_other_do_not_touch(resolution):
    """A disc pushed into a box loses a segment of known area, and of the pixels along its chord a part: those
    that show both colours are of neither."""
    tracker, start = PairTracker(Templates.template, resolution), picture(apart(1.0, 0.0, 0.0), resolution)
    for depth in (0.5, 0.7, 0.75):
        shown = picture(apart(-depth, 0.0, 0.0), resolution)
        track = tracker.update(tracker.begin(start[:, None]), shown)
        half = np.arccos((0.7 - depth) / 0.7)  # of the angle that the segment is seen under
        segment = 0.7**2 * (half - np.sin(2 * half) / 2)
        chord = 2 * 0.7 * np.sin(half) * 10.0 / resolution
        assert segment - 0.02 < float(track.gaps[0, -1]) ** 2 < segment + chord
    for depth in (0.0, 0.05, 0.1):  # as deep as engines let bodies sink into each other, and more
        shown = picture(apart(-depth, 0.0, 0.0), resolution)
        assert float(tracker.update(tracker.begin(start[:, None]), shown).gaps[0, -1]) <= PIXEL


def test_other_templates_have_the_tracker_that_knows_their_shapes():
    assert type(make_tracker(Scene((DISC, BALL)), 64)) is Tracker
    with pytest.raises(ValueError, match="red, blue, green"):
        PairTracker(Scene((DISC, BALL)))
