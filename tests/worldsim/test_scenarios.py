"""Scenarios: levels, keys and rejected draws."""

import numpy as np
import pytest

from worldsim import keys as key
from worldsim.engines import make_engine
from worldsim.engines.base import simulate
from worldsim.scenarios import SCENARIOS, get_scenario, sample
from worldsim.scenes import VIEW

KEYS = key.fold(np.arange(40, dtype=np.uint64), "test scenarios")


def moving(scene):
    return [b for b in scene.bodies if b.motion == "dynamic"]


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenes_depend_on_their_own_key_alone(name):
    together, _ = sample(get_scenario(name), "id", KEYS[:6])
    alone, _ = sample(get_scenario(name), "id", KEYS[4:5])
    assert together[4] == alone[0]
    assert together[0] != together[1]


@pytest.mark.parametrize("name", [name for name in SCENARIOS if name != "templates"])  # of other shapes
def test_id_scenes_are_in_range_and_in_view(name):
    scenes, rejected = sample(get_scenario(name), "id", KEYS)
    assert rejected >= 0
    for scene in scenes:
        for ball in moving(scene):
            assert 0.7 <= ball.radius <= 1.5
            assert all(ball.radius - 1e-9 <= p <= VIEW - ball.radius + 1e-9 for p in ball.position)
            assert np.hypot(*ball.velocity) <= 4.4


@pytest.mark.parametrize(
    "name, level, what",
    [
        ("uniform", "size", "size"),
        ("uniform", "speed", "speed"),
        ("collision", "size", "size"),
        ("drop", "speed", "speed"),
    ],
)
def test_levels_change_what_they_name_and_nothing_else(name, level, what):
    scenes, _ = sample(get_scenario(name), level, KEYS)
    balls = [b for s in scenes for b in moving(s)]
    sizes_out = [not 0.7 <= b.radius <= 1.5 or b.radius == 1.5 for b in balls]
    speeds_out = [not 1.0 <= np.hypot(*b.velocity) <= 4.0 for b in balls]
    assert all(sizes_out) == (what == "size") and any(sizes_out) == (what == "size")
    assert all(speeds_out) == (what == "speed")


def test_collisions_come_after_the_context():
    for name in ("collision", "oblique"):
        scenes, rejected = sample(get_scenario(name), "id", KEYS)
        assert rejected > 0, "some draws must have been refused"
        clips = simulate(make_engine("analytic"), scenes, 32)
        change = np.abs(np.diff(clips.states[..., 3:5], axis=1)).max((2, 3)) > 1e-9
        assert change.any(1).all(), "every clip has an impact"
        assert not change[:, :4].any()


def test_exploratory_actions_stay_within_the_control_and_move_something():
    for name in ("launch", "catch"):
        scenario = get_scenario(name)
        scenes, _ = sample(scenario, "id", KEYS)
        actions = scenario.actions(scenes, KEYS, 32)
        assert actions.shape == (40, 31, scenes[0].action_size)
        assert np.linalg.norm(actions, axis=-1).max() <= scenario.template.control.high[0]
        assert not actions[:, :3].any() and actions.any((1, 2)).all()
        speeds = simulate(make_engine("analytic"), scenes, 32, actions).states[..., 3:5]
        if name == "launch":
            assert np.linalg.norm(speeds, axis=-1).max() < 4.5


def test_an_unknown_level_or_scenario_lists_what_exists():
    with pytest.raises(ValueError, match="id, size, speed, both"):
        sample(get_scenario("uniform"), "fast", KEYS[:1])
    with pytest.raises(ValueError, match="uniform, collision"):
        get_scenario("billiards")


BANDS = {  # m/s, what is asked for and must not be trained on
    "uniform_gap": (1.75, 3.25),
    "uniform_restored": (1.75, 3.25),
    "uniform_fast": (1.0, 1.25),
    "uniform_fast_mirrored": (1.0, 1.25),
}


@pytest.mark.parametrize("name", BANDS)
def test_bands_of_speed(name):
    scenario, (low, high) = get_scenario(name), BANDS[name]
    levels = (sample(scenario, level, KEYS)[0] for level in scenario.levels)
    trained, asked = (np.array([s.bodies[0].velocity[0] for s in scenes]) for scenes in levels)
    within = (np.abs(trained) > low) & (np.abs(trained) < high)
    assert ((np.abs(asked) >= low) & (np.abs(asked) <= high)).all()
    if name == "uniform_restored":
        assert within.any() and (np.abs(np.abs(trained[within]) - 2.5) <= 0.1).all()
    else:
        assert not within.any()
    assert (trained < 0).any() == (name != "uniform_fast")


def test_what_passes_over_a_paddle_begins_clear_of_it_and_keeps_its_velocity():
    scenario = get_scenario("passing")
    scenes, _ = sample(scenario, "id", KEYS)
    actions = scenario.actions(scenes, KEYS, scenario.frames)
    states = simulate(make_engine("box2d"), scenes, scenario.frames, actions).states
    ball, paddle = states[:, :, 0], states[:, :1, 1]
    for scene, path, where in zip(scenes, ball, paddle):
        radius, half = scene.bodies[0].radius, scene.bodies[1].size
        outside = np.maximum(np.abs(path[:, :2] - where[:, :2]) - half, 0)
        gap = np.hypot(*outside.T) - radius
        assert gap[0] > 0.05 and gap.min() < 0, "it comes over where the paddle was"
        assert path[0, 1] + radius <= scene.bodies[2].position[1] - scene.bodies[2].size[1] + 1e-9
        assert path[:, 3:5] == pytest.approx(np.tile(path[0, 3:5], (len(path), 1)), abs=1e-6)
