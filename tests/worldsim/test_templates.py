"""Templates: what they are made of, and how layouts lie."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import torch

from worldsim import keys as key
from worldsim.engines import make_engine, simulate
from worldsim.pairs import PIXEL, dominance, gap_between
from worldsim.rendering import Looks, render
from worldsim.scenarios import get_scenario, sample
from worldsim.scenarios.objects import KINDS, occupied
from worldsim.scenarios.templates import HELD_OUT, TEMPLATES, TRAINED

KEYS = key.fold(np.arange(24, dtype=np.uint64), "test templates")


def test_templates_are_split_as_in_the_public_study():
    assert (len(TEMPLATES), len(TRAINED), len(HELD_OUT)) == (70, 60, 10)
    assert not set(TRAINED) & set(HELD_OUT)
    pairs = {pair for template in TRAINED for pair in combinations(template, 2)}
    assert len(pairs) == 28  # training has seen every pair of kinds
    assert {kind for template in HELD_OUT for kind in template} == set(KINDS)


def test_bodies_are_apart_in_view_and_still():
    scenario = get_scenario("templates")
    scenes, _ = sample(scenario, "id", KEYS)
    for scene in scenes:
        assert [b.color for b in scene.bodies[:4]] == ["red", "blue", "green", "black"]
        assert not {b.color for b in scene.bodies[4:]} - {"grey", "black"}
        count = sum(occupied(body, 0.0).astype(int) for body in scene.bodies)
        assert count.max() <= 1
    states = simulate(make_engine("box2d"), scenes, 48).states
    assert (states[:, :4, :, :3] == states[:, :1, :, :3]).all()
    moving = np.linalg.norm(states[:, -8:, :, 3:5], axis=-1).max((1, 2))
    assert np.median(moving) < 0.5  # most have settled by the end


def test_blue_and_green_meet_in_at_least_half_of_the_clips():
    scenes, _ = sample(get_scenario("templates"), "id", KEYS)
    states = simulate(make_engine("box2d"), scenes, 48).states[:, 4::4, 1:3]
    pairs = Looks.of([replace(scene, bodies=scene.bodies[1:3]) for scene in scenes])
    frames = render(torch.as_tensor(states, dtype=torch.float32), pairs, 64).flatten(0, 1)
    gaps = gap_between(dominance(frames)[:, 1:]).unflatten(0, states.shape[:2])
    assert 0.5 <= (gaps.amin(1) <= PIXEL).float().mean() < 0.95


def test_levels_draw_from_their_own_templates():
    """A held-out scene has the bodies of a held-out template: its numbers by colour, shape and motion."""
    scenario = get_scenario("templates")

    def made(template) -> tuple[int, int]:
        bodies = [body for kind in template for body in kind(np.random.default_rng(0))]
        return len(bodies), sum(body.motion == "fixed" for body in bodies)

    allowed = {made(template) for template in HELD_OUT}
    for scene in sample(scenario, "held_out", KEYS[:12])[0]:
        objects = (*scene.bodies[1:3], *scene.bodies[4:])
        assert (len(objects), sum(b.motion == "fixed" for b in objects)) in allowed
