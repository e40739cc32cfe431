"""What models learn from: clips, the windows drawn from them, and no leak."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from worldsim.engines import make_engine
from worldsim.engines.base import simulate
from worldsim.looks import Parts
from worldsim.scenes import Body, Scene
from worldsim.training import leak
from worldsim.training.data import Batches, events, make_clips
from worldsim.training.recipes import get_recipe
from worldsim.training.schedule import horizon_at, rows_at


def tiny(**changes):
    return replace(
        get_recipe("table").of_family("convolutional"), **{"clips": 20, "batch_frames": 4, **changes}
    )


@pytest.fixture(scope="module")
def clips():
    return make_clips(tiny())


@pytest.mark.parametrize(
    "change", ["draws", "actions", "last frame", "colours", "parts", "scenarios", "contacts", "shape"]
)
def test_the_name_of_the_data_tells_all_that_batches_are_drawn_from(clips, change):
    """Nothing but the one thing named differs: one body's last state or colour, one contact."""
    states, event, looks = clips.states.clone(), clips.event.copy(), clips.looks.map(torch.clone)
    states[3, -1, 0, 0] += 0.01
    looks.color[3, 0, 0] -= 0.5
    event[3, 7] ^= True
    parts = Parts.of(clips.scenes, states.shape[2])
    other = {
        "draws": {"rejected": clips.rejected + 1},
        "actions": {"actions": -clips.actions},
        "last frame": {"states": states},
        "colours": {"looks": looks},
        "parts": {"looks": replace(clips.looks, parts=parts)},
        "scenarios": {"part": clips.part[::-1]},
        "contacts": {"event": event},
        "shape": {"actions": clips.actions.mT},
    }
    assert replace(clips, **other[change]).fingerprint != clips.fingerprint


def test_the_windows_hold_the_actions_between_their_frames(clips):
    recipe = tiny()
    batches = Batches(clips, recipe, context=4, resolution=64, device=torch.device("cpu"))
    frames, actions = batches.draw(0, 2, 8)
    assert frames.shape == (8, 6, 3, 64, 64) and actions.shape == (8, 5, 4)
    again, _ = batches.draw(0, 2, 8)
    assert torch.equal(frames, again)
    assert not torch.equal(frames, batches.draw(1, 2, 8)[0])


def test_clips_take_turns_whatever_the_processes_and_the_horizon(clips):
    """Three processes with two batches of a step each: in all, no clip is two visits ahead of another."""
    recipe = tiny(steps=6, accumulate=2, batch_frames=8, horizons=((0.0, 1), (0.4, 3)), in_turn=True)
    side = Batches(clips, recipe, 4, 64, torch.device("cpu"), processes=3)
    met = np.zeros(len(clips.scenes), dtype=int)
    for draw in range(6 * 2 * 3):
        step = draw // 6
        clip, first = side.windows(draw, horizon_at(recipe, step), rows_at(recipe, step))
        np.add.at(met, clip, 1)
        assert (first + 4 + horizon_at(recipe, step) <= clips.length[clip]).all()
    assert met.sum() == 6 * (3 * 8 + 3 * 2) and met.max() - met.min() <= 1
    assert {"in_turn", "guess"}.isdisjoint(tiny().settings()) and recipe.settings()["in_turn"]


def test_windows_longer_than_the_clips_are_refused_by_name(clips):
    recipe = tiny(horizons=((0.0, 1), (0.5, 60)))
    batches = Batches(clips, recipe, 4, 64, torch.device("cpu"))
    with pytest.raises(ValueError, match=r"rollouts of 60 frames after 4 of context, but has clips of \d+"):
        batches.draw(0, 60, 2)


def test_scenarios_have_their_shares_of_the_windows_however_long_their_clips_are():
    recipe = tiny(mixture=(("collision", 0.5), ("push", 0.3), ("uniform", 0.2)), clips=100)
    clips = make_clips(recipe)
    assert len(set(clips.length)) > 1
    clip, _ = Batches(clips, recipe, 4, 64, torch.device("cpu")).windows(0, 6, 10_000)
    shares = np.bincount(clips.part[clip]) / 10_000
    assert np.allclose(shares, (0.5, 0.3, 0.2), atol=0.015)


def test_what_a_screen_hides_in_part_is_not_seen():
    """At 2 m/s a ball of radius 0.5 from x = 1 is partly behind a screen, x = 4 to 6, from 1.25 to 2.75 s."""
    screen = Body("black", (1.0, 5.0), (5.0, 5.0), shape="box", motion="fixed", solid=False)
    scene = Scene((Body("blue", (0.5,), (1.0, 5.0), (2.0, 0.0)), screen))
    _, seen = events([scene], simulate(make_engine("analytic"), [scene], 32).states)
    assert np.flatnonzero(~seen[0]).tolist() == list(range(13, 28))


def test_training_clips_show_nothing_out_of_distribution(clips):
    radii, speeds = leak.radii_and_speeds(clips.scenes, clips.states.numpy())
    assert radii.min() >= 0.7 and radii.max() <= 1.5 and speeds.max() < 4.5
    fast = clips.states.numpy().copy()
    fast[0, 5, 0, 3] = 5.0
    with pytest.raises(ValueError, match=r"speed.*4\.5"):
        leak.check(clips.scenes, fast)


def test_every_second_clip_has_a_contact_or_launch(clips):
    assert np.mean(clips.event.any(1)) > 0.5
