"""Loads that are carried and let go of, fixed walls, hidden bodies, and which engine tells the truth."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from worldsim.engines import make_engine, simulate
from worldsim.estimation import estimate_scenes
from worldsim.scenarios import cushion, get_scenario, sample
from worldsim.scenarios.carriage import HALF, Carriage, CarriageWall, loaded
from worldsim.scenarios.fall import FLOOR_TOP
from worldsim.scenarios.screen import Screen, falling_speed
from worldsim.scenes import DT, VIEW, Body
from worldsim.tracking import HIDDEN, VISIBLE, Tracker
from worldsim.training.data import events
from worldsim.worlds import SimulatedWorld

PHYSICS = ("analytic", "box2d", "mujoco")
RELEASE = 10  #: the action that lets go
G = 2.5


def scene(bottom: float = 5.0, radius: float = 0.8, speed: float = 1.5):
    return replace(
        Carriage.template, bodies=(Carriage.template.bodies[0], *loaded(2.0, bottom, radius, speed))
    )


def release(frames: int, at: int = RELEASE, lift: float = 0.5) -> np.ndarray:
    """Lift for five frames, then let go once."""
    actions = np.zeros((1, frames - 1, 2))
    actions[0, :5, 0] = lift
    actions[0, at, 1] = 1.0
    return actions


@pytest.mark.parametrize("name", PHYSICS)
def test_a_load_rides_exactly_and_then_flies(name):
    frames = RELEASE + 8
    states = simulate(make_engine(name), [scene()], frames, release(frames)).states[0]
    carriage, ball = states[:, 1], states[:, 2]
    y = carriage[0, 1] + 0.05 * np.minimum(np.arange(frames), 5)
    assert carriage[:, 1] == pytest.approx(y, abs=1e-12)
    assert carriage[:, 0] == pytest.approx(2.0 + 0.15 * np.arange(frames), abs=1e-12)
    offset = np.array([0.0, HALF[1] + 0.8])
    assert (carriage - ball)[: RELEASE + 1, :2] == pytest.approx(np.tile(offset, (RELEASE + 1, 1)), abs=1e-9)
    t = DT * np.arange(frames - RELEASE)
    assert ball[RELEASE:, 0] == pytest.approx(ball[RELEASE, 0] + 1.5 * t, abs=1e-5)
    assert ball[RELEASE:, 1] == pytest.approx(ball[RELEASE, 1] - G * t**2 / 2, abs=1e-4)
    assert ball[RELEASE:, 4] == pytest.approx(-G * t, abs=1e-4)


def test_riding_is_no_event_and_the_release_and_the_bounce_are():
    """Let go of at rest at frame 10 with 2 m to fall, the ball bounces after sqrt(2 * 2 / 2.5) = 1.26 s."""
    still = scene(bottom=FLOOR_TOP + 2.0, speed=0.0)
    states = simulate(make_engine("analytic"), [still], 30, release(30, lift=0.0)).states
    event, _ = events([still], states)
    assert np.flatnonzero(event[0]).tolist() == [RELEASE, RELEASE + 12]


@pytest.mark.parametrize("name", PHYSICS)
def test_a_load_that_goes_up_when_it_is_let_go_of_goes_on_up(name):
    frames = 12
    states = simulate(make_engine(name), [scene()], frames, release(frames, at=3, lift=1.0)).states[0]
    t = DT * np.arange(frames - 3)
    assert states[3:, 2, 1] == pytest.approx(states[3, 2, 1] + t - G * t**2 / 2, abs=1e-4)


@pytest.mark.parametrize("name", PHYSICS)
def test_a_frame_later_is_somewhere_else(name):
    one, two = (
        simulate(make_engine(name), [scene()], 30, release(30, at=at)).states[0, -1, 2] for at in (10, 11)
    )
    assert two[1] - one[1] > 0.3


def test_a_carriage_keeps_its_load_above_the_floor():
    actions = np.zeros((1, 40, 2))
    actions[..., 0] = -1.5
    ball = simulate(make_engine("analytic"), [scene(bottom=2.0)], 41, actions).states[0, :, 2]
    assert ball[-1, 1] - 0.8 == pytest.approx(FLOOR_TOP, abs=1e-9)


def test_engines_agree_about_random_carriages_and_walls():
    for name in ("carriage", "carriage_wall", "cushion"):
        scenario = get_scenario(name)
        keys = np.arange(20, dtype=np.uint64)
        scenes, _ = sample(scenario, "id", keys)
        actions = scenario.actions(scenes, keys, scenario.frames)
        truth, other = (
            simulate(make_engine(e), scenes, scenario.frames, actions).states for e in ("box2d", "mujoco")
        )
        apart = np.abs(truth - other)[..., :2].max(axis=(1, 2, 3))
        assert np.median(apart) < 0.02 and apart.max() < 0.2


@pytest.mark.parametrize("name", ["box2d", "mujoco"])
def test_a_cushion_is_a_mirror(name):
    """Off the cushion, then off the divider's side: angles and speeds as in a mirror."""
    radius, launch = 0.8, np.array([1.0, 3.0])
    ball = Body("red", (radius,), (1.5, 4.0))
    table = replace(cushion.Cushion.template, bodies=(ball, cushion.CUSHION, cushion.DIVIDER))
    actions = np.zeros((1, 27, 2))
    actions[0, 3] = launch
    states = simulate(make_engine(name), [table], 28, actions).states[0, :, 0]
    t = DT * np.maximum(np.arange(28) - 3, 0)
    x, y = 1.5 + launch[0] * t, 4.0 + launch[1] * t
    turn = cushion.TOP - radius
    y = np.where(y > turn, 2 * turn - y, y)
    assert states[:, 0] == pytest.approx(x, abs=0.01)
    assert states[:, 1] == pytest.approx(y, abs=0.01)


def test_truth_is_a_closed_form_where_there_is_one_and_box2d_elsewhere():
    open_air, walled = scene(), CarriageWall.template
    actions = release(20)
    for one, name in ((open_air, "analytic"), (walled, "box2d")):
        found, wanted = (simulate(make_engine(e), [one], 20, actions).states for e in ("reference", name))
        assert (found == wanted).all()


def test_nothing_moves_by_itself_in_the_frozen_world():
    states = simulate(make_engine("frozen"), [Screen.template], 10, np.full((1, 9, 1), 1.0)).states[0]
    assert (states[:, 0, :2] == states[0, 0, :2]).all()
    assert states[-1, 1, 0] - states[0, 1, 0] == pytest.approx(0.9)


@pytest.mark.parametrize("when", [None, 0, 2, 6])
def test_whether_a_load_is_carried_is_seen(when):
    """From the context alone: from the action that let go, and later from where the ball is."""
    start, tracker = scene(), Tracker(Carriage.template)
    world = SimulatedWorld(make_engine("box2d"))
    frames = world.reset([start], np.zeros(1, dtype=np.uint64))
    track, actions = tracker.begin(frames), np.zeros((1, 12, 2))
    if when is not None:
        actions[0, when:, 1] = 1.0
    for t in range(7):
        track = tracker.update(track, world.step(actions[:, t]))
    context = torch.as_tensor(actions[:, 4:7])
    [found] = estimate_scenes(track, Carriage.template, context)
    assert (found.control.load is None) == (when is not None)
    true = world.states[0, 2]
    assert found.bodies[2].position == pytest.approx(tuple(true[:2]), abs=0.03)
    assert found.bodies[2].velocity == pytest.approx(tuple(true[3:5]), abs=0.25)


def test_a_hidden_ball_goes_on_where_it_went():
    radius, hidden = 0.8, 9.0
    down = float(falling_speed(radius, np.array(hidden)))
    ball = Body("blue", (radius,), (3.0, 8.2), (0.7, -down))
    start = replace(Screen.template, bodies=(ball, *Screen.template.bodies[1:]))
    world, tracker = SimulatedWorld(make_engine("analytic")), Tracker(Screen.template)
    track = tracker.begin(world.reset([start], np.zeros(1, dtype=np.uint64)))
    seen = []
    for _ in range(30):
        track = tracker.update(track, world.step(np.zeros((1, 1))))
        seen.append(int(track.status[0, 0]))
        [found] = estimate_scenes(track, Screen.template, torch.zeros(1, 3, 1))
        if seen[-1] in (HIDDEN, VISIBLE) and 0 < world.states[0, 0, 1] < VIEW:
            assert found.bodies[0].position == pytest.approx(
                tuple(world.states[0, 0, :2]), abs=0.2
            )  # seen last in slivers
    assert set(seen) <= {VISIBLE, HIDDEN}
    assert hidden - 1 <= seen.count(HIDDEN) <= hidden + 5  # slivers at the edges count as hidden
