"""Impacts found from positions alone, against the closed form of when, where and how bodies meet."""

from dataclasses import replace

import numpy as np
import pytest

from worldsim.engines import make_engine, simulate
from worldsim.metrics.contact_errors import contact_errors, match
from worldsim.metrics.contacts import SLOWEST, find_contacts, touching_pairs
from worldsim.metrics.laws import law_errors, undisturbed
from worldsim.metrics.rollouts import make_clips
from worldsim.metrics.scoring import impacts, in_view
from worldsim.scenarios.cushion import CUSHION, DIVIDER
from worldsim.scenarios.fall import FLOOR
from worldsim.scenes import Body, Control, Scene

HEAD_ON = Scene((Body("blue", (1.0,), (3.0, 5.0), (2.0, 0.0)), Body("red", (0.7,), (7.0, 5.0), (-1.5, 0.0))))
OBLIQUE = Scene((Body("blue", (1.0,), (3.0, 5.0), (2.0, 0.3)), Body("red", (0.7,), (7.0, 5.9), (-1.5, 0.0))))
BOUNCE = Scene((FLOOR, Body("blue", (0.8,), (3.0, 3.5), (1.0, 0.0))), gravity=2.5, restitution=0.8)


def places(scene: Scene, frames: int = 24, engine: str = "reference") -> np.ndarray:
    return simulate(make_engine(engine), [scene], frames).states[..., :2]


def contacts(position: np.ndarray, scene: Scene, valid: np.ndarray | None = None):
    radius = np.array([[b.radius for b in scene.bodies]])
    valid = np.ones(position.shape[:3], dtype=bool) if valid is None else valid
    return find_contacts(position, radius, valid, [scene])


def errors(position: np.ndarray, scene: Scene, true: np.ndarray, shown: np.ndarray | None = None):
    shown = np.ones(position.shape[:3], dtype=bool) if shown is None else shown
    found = contact_errors(
        contacts(true, scene), contacts(position, scene, shown), [scene], np.zeros((1, 23, 0)), shown
    )
    return {name: e.per_clip().mean() for name, e in found.items()}


def test_two_discs_meet_when_the_gap_closes():
    found = contacts(places(HEAD_ON), HEAD_ON)
    assert found.pair.tolist() == [[0, 1]]
    assert found.time[0] == pytest.approx(10 * 2.3 / 3.5, abs=1e-9)  # 2.3 m close at 3.5 m/s
    assert found.before[0, :, 0] == pytest.approx([2.0, -1.5])
    m1, m2 = (b.mass for b in HEAD_ON.bodies)
    expected = 2 * (2 * m1 - 1.5 * m2) / (m1 + m2) - np.array([2.0, -1.5])
    assert found.after[0, :, 0] == pytest.approx(expected)
    assert found.gap[0] == pytest.approx(0, abs=1e-9) and found.approach[0] == pytest.approx(3.5)


def test_an_oblique_impact_has_the_normal_of_its_centres():
    found = contacts(places(OBLIQUE), OBLIQUE)
    d, w = np.array([4.0, 0.9]), np.array([-3.5, -0.3])
    a, b, c = w @ w, d @ w, d @ d - 1.7**2
    time = (-b - np.sqrt(b * b - a * c)) / a
    assert found.time[0] == pytest.approx(10 * time, abs=1e-9)
    assert found.normal[0] == pytest.approx((d + w * time) / 1.7, abs=1e-9)


def test_a_ball_bounces_when_it_has_fallen_its_height():
    found = contacts(places(BOUNCE), BOUNCE)
    fall = np.sqrt(2 * (3.5 - 0.8 - 0.3) / 2.5)
    assert found.time[0] == pytest.approx(10 * fall, abs=1e-6)
    assert found.approach[0] == pytest.approx(2.5 * fall) and found.separation[0] == pytest.approx(2 * fall)
    assert found.after[0, 1, 0] == pytest.approx(1.0)


def test_a_ball_that_lies_or_rolls_has_no_impacts():
    for speed in (0.0, 1.5):
        scene = replace(BOUNCE, bodies=(FLOOR, Body("blue", (0.8,), (3.0, 1.1), (speed, 0.0))))
        assert not len(contacts(places(scene), scene).time)


def test_walls_turn_what_meets_them():
    ball = Body("red", (0.8,), (2.0, 1.2), (2.0, 2.9))
    scene = Scene((ball, CUSHION, DIVIDER))
    position = places(scene, 30, "box2d")
    found = contacts(position, scene)
    assert found.pair[:, 0].tolist() == [2, 1] and (found.pair[:, 1] == 0).all()
    assert found.time[0] == pytest.approx(10 * (4.85 - 0.8 - 2.0) / 2.0, abs=0.1)
    assert found.time[1] == pytest.approx(10 * (9.0 - 0.8 - 1.2) / 2.9, abs=0.1)
    assert found.normal == pytest.approx(np.array([[-1.0, 0.0], [0.0, -1.0]]), abs=1e-6)


def test_passing_through_or_by_is_no_impact():
    assert not len(contacts(places(HEAD_ON, engine="inertia"), HEAD_ON).time)
    by = replace(HEAD_ON, bodies=(HEAD_ON.bodies[0], replace(HEAD_ON.bodies[1], position=(7.0, 8.0))))
    assert not len(contacts(places(by), by).time)


def test_turning_far_from_each_other_is_no_impact():
    position = places(HEAD_ON)
    position[:, :, 1, 1] += 3.0
    assert not len(contacts(position, HEAD_ON).time)


def test_bodies_that_are_not_seen_have_no_impacts():
    valid = np.ones((1, 24, 2), dtype=bool)
    valid[:, 8, 1] = False
    assert not len(contacts(places(HEAD_ON), HEAD_ON, valid).time)


@pytest.mark.parametrize("scenario, level", [("collision", "both"), ("oblique", "id"), ("oblique", "speed")])
def test_every_impact_in_view_is_found_and_obeys_the_laws(scenario, level):
    """The finder sees positions alone; `scoring.impacts` and the approach come from the true velocities."""
    clips = make_clips(scenario, level, 60, "finder")
    states, scenes = clips.states, clips.scenes
    radius = np.array([[b.radius for b in s.bodies] for s in scenes])
    view = in_view(states, scenes).numpy()
    found = find_contacts(states[..., :2], radius, view, scenes)
    for name, (_, errors_) in law_errors(found, scenes, clips.actions).items():
        assert errors_.max() < 1e-9, name
    expected = []
    for n, t in np.argwhere(impacts(states, scenes).numpy()):
        change = np.diff(states[n, [t - 1, t], 1, 3:5] - states[n, [t - 1, t], 0, 3:5], axis=0)[0]
        fast = np.sqrt((change**2).sum()) >= 2 * SLOWEST  # elastic: the change is twice the approach
        if fast and 2 <= t <= states.shape[1] - 2 and view[n, t - 2 : t + 2].all():
            expected.append((n, t))
    assert len(expected) > 20
    assert sorted(zip(found.clip.tolist(), np.ceil(found.time).astype(int).tolist())) == expected


def test_ghosts_touch_nothing():
    assert touching_pairs((replace(HEAD_ON.bodies[0], solid=False), HEAD_ON.bodies[1])) == []
    assert touching_pairs((FLOOR, *HEAD_ON.bodies)) == [(0, 1), (0, 2), (1, 2)]


def test_the_truth_has_no_errors():
    for scene in (HEAD_ON, OBLIQUE, BOUNCE):
        found = errors(places(scene), scene, places(scene))
        assert found["contact_recall"] == found["contact_precision"] == 1
        for name in ("impact_time", "restitution", "momentum", "energy"):
            assert found[name] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("scene, engine", [(HEAD_ON, "box2d"), (OBLIQUE, "mujoco"), (BOUNCE, "mujoco")])
def test_engines_have_small_errors(scene, engine):
    found = errors(places(scene, engine=engine), scene, places(scene))
    assert found["contact_recall"] == 1 and found["impact_time"] < 0.005
    assert max(found[name] for name in ("restitution", "momentum", "energy")) < 0.005


@pytest.mark.parametrize("e", [0.0, 0.5, 0.9])
def test_another_restitution_is_its_own_error(e):
    for scene in (HEAD_ON, OBLIQUE, BOUNCE) if e else (HEAD_ON, OBLIQUE):  # what lies is taken to fall
        found = errors(places(replace(scene, restitution=e)), scene, places(scene))
        assert found["restitution"] == pytest.approx(abs(e - scene.restitution), abs=1e-6)
        assert found["momentum"] == pytest.approx(0, abs=1e-6) and found["impact_time"] < 1e-6


def test_lost_energy_is_told_in_shares():
    found = errors(places(replace(HEAD_ON, restitution=0.5)), HEAD_ON, places(HEAD_ON))
    m1, m2 = (b.mass for b in HEAD_ON.bodies)
    lost = 0.75 * m1 * m2 / (m1 + m2) * 3.5**2 / (m1 * 4 + m2 * 2.25)
    assert found["energy"] == pytest.approx(lost, abs=1e-6)


def test_another_mass_is_an_error_of_momentum_not_of_restitution():
    heavy = replace(HEAD_ON, bodies=(replace(HEAD_ON.bodies[0], density=3.0), HEAD_ON.bodies[1]))
    found = errors(places(heavy), HEAD_ON, places(HEAD_ON))
    m1, m2 = (b.mass for b in HEAD_ON.bodies)
    impulse = 2 * 3.5 / (1 / (3 * m1) + 1 / m2)
    leak = abs(impulse - impulse / 3) / (2 * m1 + 1.5 * m2)
    assert found["momentum"] == pytest.approx(leak, abs=1e-6)
    assert found["restitution"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("frames", [1, 3])
def test_a_late_impact_is_late_and_nothing_else(frames):
    moved = tuple(
        replace(b, position=(b.position[0] - 0.1 * frames * b.velocity[0], 5.0)) for b in HEAD_ON.bodies
    )
    found = errors(places(replace(HEAD_ON, bodies=moved)), HEAD_ON, places(HEAD_ON))
    assert found["impact_time"] == pytest.approx(0.1 * frames, abs=1e-6)
    assert found["contact_recall"] == found["contact_precision"] == 1 and found["restitution"] < 1e-6


def test_too_late_is_missed_and_spurious():
    moved = tuple(replace(b, position=(b.position[0] - 0.8 * b.velocity[0], 5.0)) for b in HEAD_ON.bodies)
    found = errors(places(replace(HEAD_ON, bodies=moved)), HEAD_ON, places(HEAD_ON))
    assert found["contact_recall"] == found["contact_precision"] == 0 and np.isnan(found["impact_time"])


def test_vanishing_costs_the_most_in_every_measure():
    shown = np.ones((1, 24, 2), dtype=bool)
    shown[:, 5:, 0] = False
    found = errors(places(HEAD_ON), HEAD_ON, places(HEAD_ON), shown)
    assert found == {
        "contact_recall": 0.0,
        "contact_precision": 0.0,
        "impact_time": 0.5,
        "restitution": 1.0,
        "momentum": 1.0,
        "energy": 1.0,
    }


def test_the_nearest_counterpart_is_taken_once():
    one = contacts(places(HEAD_ON), HEAD_ON)
    twice = one.select(np.array([0, 0]))
    near = replace(twice, time=one.time[0] + np.array([2.0, -1.0]))
    found = match(one, near, np.ones((1, 24, 2), dtype=bool))
    assert found.pairs.tolist() == [[0, 1]] and found.spurious.tolist() == [0] and not len(found.missed)


def test_velocities_that_belong_to_something_else_are_not_judged():
    position = places(HEAD_ON)
    one = contacts(position, HEAD_ON)
    none = np.zeros((1, 23, 2))
    assert undisturbed(one, [HEAD_ON], none).tolist() == [True]
    close = replace(one.select(np.array([0, 0])), time=one.time[0] + np.array([0.0, 1.5]))
    assert undisturbed(close, [HEAD_ON], none).tolist() == [False, False]
    launched = replace(HEAD_ON, control=Control(1, "launch", (-4.0, -4.0), (4.0, 4.0)))
    for t, clean in (
        (4, True),
        (5, False),
        (6, False),
        (7, False),
        (8, True),
    ):  # the impact lies between frames 6 and 7
        actions = none.copy()
        actions[0, t] = 1.0
        assert undisturbed(one, [launched], actions).tolist() == [clean]
