"""Each law error against a closed form, at zero strength, and out of its range or place."""

from dataclasses import replace

import numpy as np
import pytest

from worldsim.bodies import Part, compound
from worldsim.engines import make_engine, simulate
from worldsim.engines.perturbed import LAWS, PerturbedEngine
from worldsim.scenes import DT, Body, Control, Scene
from worldsim.tracking import LOST, Tracker
from worldsim.worlds import SimulatedWorld

FLOOR = Body("black", (5.0, 0.15), (5.0, 0.15), shape="box", motion="fixed")
BASKET = Body("red", (0.8, 1.15), (5.0, 1.45), shape="box", motion="kinematic", solid=False)
BALL = Body("blue", (0.5,), (3.0, 5.0), (1.0, 0.0))
FALL = Scene(
    (FLOOR, BASKET, BALL),
    gravity=2.5,
    restitution=0.8,
    control=Control(1, "velocity", (-1.5,), (1.5,)),
)
TABLE = Scene(  # discs of equal mass on a line: they meet after 1.0 s, when 2.0 m lie behind the red one
    (Body("blue", (0.5,), (5.0, 5.0)), Body("red", (0.5,), (2.0, 5.0), (2.0, 0.0))),
    control=Control(1, "launch", (-4.0, -4.0), (4.0, 4.0)),
)
HOOK = compound("grey", (Part("box", (0.6, 0.1)), Part("box", (0.1, 0.5), offset=(0.5, 0.6))), (7.0, 3.0))
SCENES = {"table": TABLE, "fall": FALL}
MEETING = 1.0
APPLIES = [
    (law, name) for law, kind in LAWS.items() for name, scene in SCENES.items() if not kind.lacks(scene)
]


def run(law, strength, scene, frames=22, actions=None, engine="analytic"):
    """States [T, B, 6] of one scene."""
    wrong = PerturbedEngine(make_engine(engine), law, strength)
    return simulate(wrong, [scene], frames, actions).states[0]


def actions_of(scene):
    """A launch beyond its limit that meets the blue disc, or commands beyond theirs, [1, 40, A]."""
    if scene is FALL:
        return np.repeat([2.5, -0.7], [25, 15])[None, :, None]
    actions = np.zeros((1, 40, 2))
    actions[:, 2] = 8.0, 1.5
    return actions


@pytest.mark.parametrize(("law", "name"), APPLIES)
@pytest.mark.parametrize("engine", ["analytic", "box2d", "mujoco"])
def test_without_strength_nothing_changes(engine, law, name):
    scene = SCENES[name]
    actions = actions_of(scene)
    true = simulate(make_engine(engine), [scene], 41, actions)
    same = simulate(PerturbedEngine(make_engine(engine), law, 0.0), [scene], 41, actions)
    assert (same.states == true.states).all() and (same.present == true.present).all()
    strong = PerturbedEngine(make_engine(engine), law, min(LAWS[law].high, 0.4))
    assert law == "identity_swap" or (simulate(strong, [scene], 41, actions).states != true.states).any()


def test_gravity_falls_another_way():
    y = run("gravity", 0.5, FALL, 11)[-1, 2, 1]
    assert y == pytest.approx(5.0 - 2.5 * 1.5 * 1.0**2 / 2)


@pytest.mark.parametrize("strength", [0.0, 0.25, 1.0])
def test_restitution_bounces_less_high(strength):
    """From h above the floor a ball comes back to e² h."""
    s = run("restitution", strength, FALL, 24)[-1, 2]
    height = s[1] - 0.8 + s[4] ** 2 / (2 * 2.5)
    assert height == pytest.approx(4.2 * (0.8 * (1 - strength)) ** 2, abs=1e-9)


@pytest.mark.parametrize("engine", ["analytic", "box2d", "mujoco"])
@pytest.mark.parametrize("octaves", [-1.0, 2.0])
def test_mass_ratio_shares_momentum_otherwise(engine, octaves):
    """(m - 1) / (m + 1) and 2 m / (m + 1) of the speed remain after an elastic impact."""
    m, s = 2.0**octaves, run("mass_ratio", octaves, TABLE, engine=engine)[-1]
    assert s[1, 3] == pytest.approx(2.0 * (m - 1) / (m + 1), abs=1e-3)
    assert s[0, 3] == pytest.approx(2.0 * 2 * m / (m + 1), abs=1e-3)


@pytest.mark.parametrize("engine", ["analytic", "box2d", "mujoco"])
def test_momentum_leaks_at_the_impact_and_all_that_follows_is_slower(engine):
    states = run("momentum_leak", 0.3, replace(TABLE, restitution=0.5), engine=engine)
    speeds = np.array([0.75, 0.25]) * 2.0 * 0.7  # e = 1/2 leaves 3/4 and 1/4 of the speed
    assert states[9, :, 3] == pytest.approx([0.0, 2.0])
    assert states[-1, :, 3] == pytest.approx(speeds, abs=2e-3)
    assert states[-1, :, 0] == pytest.approx(np.array([5.0, 4.0]) + speeds * (2.1 - MEETING), abs=1e-2)


def test_momentum_leaks_under_gravity_from_the_moment_of_the_bounce():
    """A share e (1 - s) of the speed comes back up, and 1 - s goes on along the floor."""
    s = run("momentum_leak", 0.25, FALL, 24)[-1, 2]
    assert s[1] - 0.8 + s[4] ** 2 / 5.0 == pytest.approx(4.2 * (0.8 * 0.75) ** 2, abs=1e-9)
    bounce = np.sqrt(2 * 4.2 / 2.5)
    assert s[[0, 3]] == pytest.approx([3.0 + bounce + 0.75 * (2.3 - bounce), 0.75], abs=1e-9)


@pytest.mark.parametrize("engine", ["analytic", "box2d", "mujoco"])
@pytest.mark.parametrize("delay", [0.03, 0.25])
def test_contacts_act_late(engine, delay):
    """The red disc goes on for the delay before it stops; the blue one starts so much later."""
    states, t = run("contact_delay", delay, TABLE, engine=engine)[:, :, [0, 3]], DT * np.arange(22)
    late = np.maximum(t - MEETING - delay, 0.0)
    assert states[:, 0, 0] == pytest.approx(5.0 + 2.0 * late, abs=0.01)
    assert states[:, 1, 0] == pytest.approx(2.0 + 2.0 * np.minimum(t, MEETING + delay), abs=0.01)
    moving = np.flatnonzero(states[:, 0, 1] > 1.0)[0]
    assert moving == np.ceil((MEETING + delay) / DT - 1e-9)


def test_a_late_bounce_changes_the_next_one():
    """Each late bounce leaves a ball lower by d (1 + e) v, where v is the speed at that bounce."""
    delay, ball = 0.05, replace(BALL, position=(3.0, 2.8), velocity=(0.0, 0.0))
    scene = Scene((FLOOR, ball), gravity=9.8)
    states, tops, height = run("contact_delay", delay, scene, 31)[:, 1], [], 2.0
    for _ in range(3):
        tops.append(height)
        height -= delay * 2 * np.sqrt(2 * 9.8 * height)
    found = states[:, 1] - 0.8 + states[:, 4] ** 2 / (2 * 9.8)
    free = [round(float(f), 6) for f in found]
    assert all(any(abs(top - f) < 1e-6 for f in free) for top in tops)


@pytest.mark.parametrize("engine", ["analytic", "box2d", "mujoco"])
def test_bodies_overlap_before_they_touch(engine):
    s = run("interpenetration", 0.4, TABLE, engine=engine)[-1]
    assert s[0, 0] == pytest.approx(5.0 + 2.0 * (2.1 - MEETING - 0.2), abs=0.01)
    flat = replace(FALL, restitution=0.0)
    assert run("interpenetration", 0.1, flat, 41, engine=engine)[-1, 2, 1] == pytest.approx(0.7, abs=2e-3)


def test_velocity_bias_drifts_to_the_left_of_the_motion_alone():
    scene = Scene((Body("blue", (0.5,), (8.0, 8.0)), Body("red", (0.5,), (1.0, 2.0), (2.0, 0.0))))
    states = run("velocity_bias", 0.5, scene, 11)
    assert (states[:, 0] == states[0, 0]).all()  # at rest: exact
    assert states[0, 1, :2] == pytest.approx([1.0, 2.0])
    assert states[-1, 1, [0, 1, 3, 4]] == pytest.approx([3.0, 2.5, 2.0, 0.5])
    true = simulate(make_engine("analytic"), [FALL], 41, actions_of(FALL)).states[0]
    assert (run("velocity_bias", 0.5, FALL, 41, actions_of(FALL))[:, :2] == true[:, :2]).all()


def still(count, **body):
    """Scenes with a resting disc of their own, far from anything."""
    return [
        Scene((Body("blue", (0.5,), (1.0 + 0.01 * i, 5.0), **body), Body("red", (0.5,), (8.0, 8.0))))
        for i in range(count)
    ]


def test_jitter_is_a_random_walk_that_no_neighbour_changes():
    scenes, wrong = still(400), PerturbedEngine(make_engine("analytic"), "jitter", 0.02)
    walked = (states := simulate(wrong, scenes, 26).states)[:, -1, :, :2] - states[:, 0, :, :2]
    assert walked.std() == pytest.approx(0.02 * np.sqrt(25), rel=0.05)
    assert abs(walked.mean()) < 3 * 0.1 / np.sqrt(walked.size)
    alone = Scene(scenes[7].bodies)  # another object, as after a restart
    assert (simulate(wrong, [FALL, alone], 26).states[1, :, :2] == states[7]).all()
    assert (simulate(wrong, [scenes[7]] * 3, 26).states == states[7]).all()


@pytest.mark.parametrize("speed", [0.5, 4.0])
def test_speeds_are_drawn_to_the_mean(speed):
    states = run("mean_drift", 0.7, still(1, velocity=(0.6 * speed, 0.8 * speed))[0], 21)
    expected = 2.5 + (speed - 2.5) * np.exp(-0.7 * DT * np.arange(21))
    assert np.hypot(states[:, 0, 3], states[:, 0, 4]) == pytest.approx(expected)
    assert (states[:, 1] == states[0, 1]).all()


def test_bodies_vanish_at_a_constant_rate_and_are_met_no_more():
    wrong = PerturbedEngine(make_engine("analytic"), "vanishing", 0.5)
    present = simulate(wrong, still(600), 21).present
    assert present[:, 0].all() and (np.diff(present.astype(int), axis=1) <= 0).all()
    assert present[:, -1].mean() == pytest.approx(np.exp(-0.5 * 2.0), abs=0.04)
    moved = [
        replace(TABLE, bodies=(b, replace(r, size=(0.4 + i / 1e3,))))
        for i in range(40)
        for b, r in [TABLE.bodies]
    ]
    clips = simulate(wrong, moved, 22)
    gone, left = ~clips.present[:, 9, 0], clips.present[:, -1, 1]
    assert (gone & left).any() and (clips.states[gone & left, -1, 1, 3] == 2.0).all()


@pytest.mark.parametrize("engine", ["analytic", "box2d", "mujoco"])
def test_bodies_that_meet_change_places(engine):
    states = run("identity_swap", 1.0, TABLE, engine=engine)
    true = simulate(make_engine(engine), [TABLE], 22).states[0]
    met = np.flatnonzero(true[:, 0, 3] > 1.0)[0]
    assert (states[:met] == true[:met]).all()
    assert states[met:] == pytest.approx(true[met:, ::-1], abs=1e-6)
    moved = [
        replace(TABLE, bodies=(b, replace(r, size=(0.4 + i / 1e3,))))
        for i in range(200)
        for b, r in [TABLE.bodies]
    ]
    end = simulate(PerturbedEngine(make_engine(engine), "identity_swap", 0.3), moved, 16).states[:, -1]
    assert (end[:, 0, 0] < end[:, 1, 0]).mean() == pytest.approx(0.3, abs=0.1)


def test_actions_are_too_strong_after_their_limits():
    launch = np.zeros((1, 10, 2))
    launch[:, 0] = -6.0, 0.0
    assert run("action_gain", 0.25, TABLE, 11, launch)[-1, 1, 3] == pytest.approx(2.0 - 4.0 * 1.25)
    x = run("action_gain", -0.5, FALL, 11, np.full((1, 10, 1), 9.0))[:, 1, 0]
    assert x == pytest.approx(5.0 + 0.5 * 1.5 * DT * np.arange(11))


@pytest.mark.parametrize("lag", [0.1, 0.26])
def test_actions_come_late(lag):
    launch = np.zeros((1, 15, 2))
    launch[:, 5] = 0.0, -3.0
    y = run("action_lag", lag, TABLE, 16, launch)[-1, 1, 1]
    assert y == pytest.approx(5.0 - 3.0 * (1.5 - 0.5 - lag))
    commands = np.full((1, 15, 1), 1.2)
    moving = replace(FALL, bodies=(FLOOR, replace(BASKET, velocity=(-0.4, 0.0)), BALL))
    for scene, before in ((FALL, 0.0), (moving, -0.4)):
        x = run("action_lag", lag, scene, 16, commands)[-1, 1, 0]
        assert x == pytest.approx(5.0 + before * lag + 1.2 * (1.5 - lag))


def test_a_load_is_let_go_of_late_but_wholly():
    box = Body("red", (0.6, 0.25), (4.0, 8.0), (1.0, 0.0), shape="box", motion="kinematic", solid=False)
    load = Body("blue", (0.4,), (4.0, 7.35), (1.0, 0.0))
    control = Control(0, "carry", (-1.0, 0.0), (1.0, 1.0), load=1)
    actions = np.zeros((1, 12, 2))
    actions[:, 4, 1] = 1.0
    scene = Scene((box, load), gravity=2.5, control=control)
    y = run("action_lag", 0.24, scene, 13, actions)[:, 1, 1]
    assert (y[:7] == 7.35).all() and y[7] == pytest.approx(7.35 - 2.5 * DT**2 / 2)


def test_names_say_all():
    engine = make_engine("perturbed:gravity:0.25:box2d")
    assert engine.name == "perturbed:gravity:0.25:box2d" and engine.strength == 0.25
    assert make_engine("perturbed:jitter:0.1").engine.name == "reference"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("perturbed:levity:1", "unknown law error 'levity'; choose one of gravity, "),
        ("perturbed:gravity", "expected a number"),
        ("perturbed:gravity:much", "expected a number"),
        ("perturbed:gravity:1:moon", "unknown engine 'moon'"),
        ("perturbed:gravity:1:perturbed:jitter:1", "one law error"),
        ("perturbed:restitution:1.5", "1.5; expected 0 to 1 share of e"),
        ("perturbed:action_lag:nan", "expected 0 to 1 s"),
    ],
)
def test_bad_names_and_strengths_are_refused(name, words):
    with pytest.raises(ValueError, match=words):
        make_engine(name)


ALONE = Scene((BALL,))


@pytest.mark.parametrize(
    ("law", "scene", "words"),
    [
        ("gravity", TABLE, "gravity needs gravity; scene 1"),
        ("restitution", ALONE, "needs contacts"),
        ("restitution", replace(TABLE, restitution=0.0), "above zero"),
        ("mass_ratio", FALL, "two solid dynamic bodies"),
        ("momentum_leak", ALONE, "needs contacts"),
        ("identity_swap", FALL, "two solid dynamic bodies"),
        ("action_gain", ALONE, "needs a control"),
        ("vanishing", Scene((FLOOR,)), "needs a dynamic body"),
        ("interpenetration", replace(FALL, bodies=(*FALL.bodies, HOOK)), "bodies of one piece"),
    ],
)
def test_errors_that_mean_nothing_in_a_scene_are_refused(law, scene, words):
    good = FALL if law == "gravity" else TABLE
    with pytest.raises(ValueError, match=words):
        PerturbedEngine(make_engine("box2d"), law, 0.1).start([good, scene])


def test_what_vanished_is_seen_to_be_lost():
    world = SimulatedWorld(make_engine("perturbed:vanishing:0.3:analytic"))
    tracker = Tracker(TABLE)
    track = tracker.begin(world.reset([TABLE], np.zeros(1, dtype=np.uint64)))
    present = simulate(world.engine, [TABLE], 16).present[0]
    assert present[8, 0] and not present[-1, 0] and present[:, 1].all()
    for t in range(4, 16):
        track = tracker.update(track, world.step(np.zeros((1, 2))))
        assert (track.status[0] == LOST).tolist() == (~present[t]).tolist()


@pytest.mark.parametrize("engine", ["analytic", "box2d", "mujoco"])
@pytest.mark.parametrize("law", ["momentum_leak", "contact_delay"])
def test_damping_is_no_impact(engine, law):
    """Discs that slow down and come to rest before they meet have nothing to leak."""
    damped = replace(TABLE, damping=1.5, control=None)
    true = simulate(make_engine(engine), [damped], 30).states[0]
    assert true[-1, 1, 0] == pytest.approx(2.0 + 2.0 / 1.5, abs=0.03)
    assert (run(law, 0.5, damped, 30, engine=engine) == true).all()
