"""Damping and pushing without bounce, in every engine, against closed forms and each other."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from worldsim import keys as key
from worldsim.engines import make_engine, simulate
from worldsim.engines.damping import duration, reach
from worldsim.estimation import estimate_scenes
from worldsim.metrics.scoring import impacts
from worldsim.rendering import Looks, quantise, render
from worldsim.scenarios import get_scenario, sample
from worldsim.scenarios.push import HALF, Push, gap
from worldsim.scenes import DT, VIEW, Body, Scene
from worldsim.tracking import VISIBLE, Track, Tracker, track_clip
from worldsim.training.data import events
from worldsim.training.leak import check

PHYSICS = ("analytic", "box2d", "mujoco")
SOLVERS = ("box2d", "mujoco")
FRAMES = 48
TIME = DT * np.arange(FRAMES)
BALL, BOX = Push.template.bodies


def rolled(place: float, speed: float, damping: float, time: np.ndarray) -> np.ndarray:
    """Where a body is that v' = -c v slows down, from textbooks."""
    return place + speed / damping * (1 - np.exp(-damping * time))


def table(ball: Body, box: tuple[float, float] = (0.8, 9.2)) -> Scene:
    return replace(Push.template, bodies=(ball, replace(BOX, position=box)))


@pytest.mark.parametrize("name", PHYSICS)
@pytest.mark.parametrize("damping", [0.3, 1.0, 2.5])
def test_a_free_ball_slows_down_exactly(name, damping):
    ball = Body("sky", (0.9,), (2.0, 6.0), (4.0, -2.0))
    states = simulate(make_engine(name), [Scene((ball,), damping=damping)], FRAMES).states[0, :, 0]
    for axis, (place, speed) in enumerate(zip(ball.position, ball.velocity)):
        assert states[:, axis] == pytest.approx(rolled(place, speed, damping, TIME), abs=1e-5)
        assert states[:, 3 + axis] == pytest.approx(speed * np.exp(-damping * TIME), abs=1e-5)


def test_rolling_balls_come_to_rest_in_view_with_nothing_beside_them():
    roll = get_scenario("roll")
    scenes, _ = sample(roll, "id", key.fold(np.arange(40, dtype=np.uint64), "test roll"))
    assert {(len(s.bodies), s.bodies[0].color, s.damping, s.control) for s in scenes} == {
        (1, "sky", 1.0, None)
    }
    rest = np.array([np.add(s.bodies[0].position, s.bodies[0].velocity) for s in scenes])  # v / c on the way
    radius = np.array([s.bodies[0].radius for s in scenes])[:, None]
    assert (np.minimum(rest, VIEW - rest) > radius).all()
    states = simulate(make_engine("box2d"), scenes, 120).states
    assert states[:, -1, 0, :2] == pytest.approx(rest, abs=1e-3)


@pytest.mark.parametrize("name", SOLVERS)
def test_short_steps_near_a_box_change_nothing(name):
    """The box stands by: frames are cut into steps, and the ball is not touched."""
    ball = Body("sky", (0.9,), (2.6, 2.0), (0.0, 3.0))
    states = simulate(make_engine(name), [table(ball, (0.82, 4.0))], FRAMES).states[0, :, 0]
    assert states[:, 1] == pytest.approx(rolled(2.0, 3.0, 1.0, TIME), abs=1e-4)
    assert states[:, 0] == pytest.approx(2.6, abs=1e-6)


@pytest.mark.parametrize("name", PHYSICS)
def test_equal_balls_hand_their_motion_on(name):
    """Head-on and elastic: the struck ball goes on, a diameter ahead, where the other one would have been."""
    balls = (Body("red", (0.8,), (1.5, 5.0), (4.0, 0.0)), Body("sky", (0.8,), (4.0, 5.0)))
    states = simulate(make_engine(name), [Scene(balls, damping=0.8)], FRAMES).states[0]
    free = rolled(1.5, 4.0, 0.8, TIME)
    assert states[:, 0, 0] == pytest.approx(np.minimum(free, 2.4), abs=0.01)
    assert states[:, 1, 0] == pytest.approx(np.maximum(free + 1.6, 4.0), abs=0.01)


def test_a_ball_that_comes_to_rest_before_another_one_never_meets_it():
    balls = (Body("red", (0.8,), (1.5, 5.0), (1.0, 0.0)), Body("sky", (0.8,), (4.2, 5.0)))
    states = simulate(make_engine("analytic"), [Scene(balls, damping=1.0)], 300).states[0]
    assert (states[:, 1, 0] == 4.2).all() and states[-1, 0, 0] == pytest.approx(2.5, abs=1e-9)


def test_reach_and_duration_undo_each_other():
    damping, time = np.array([0.0, 0.5, 3.0])[:, None], np.array([0.0, 0.1, 2.0])
    assert duration(damping, reach(damping, time)) == pytest.approx(np.tile(time, (3, 1)), abs=1e-12)
    assert np.isinf(duration(2.0, np.array([0.5, 1.0, np.inf]))).all() and np.isinf(duration(0.0, np.inf))


@pytest.mark.parametrize("name", SOLVERS)
def test_a_pushed_ball_keeps_up_with_the_pusher_and_rolls_on_when_it_stops(name):
    """No bounce: contact to contact the ball moves as the box does, and from then on alone."""
    ball, speed, last = Body("sky", (0.9,), (4.5, 5.3)), 2.0, 20
    actions = np.zeros((1, FRAMES - 1, 2))
    actions[0, 3:last, 0] = speed
    states = simulate(make_engine(name), [table(ball, (1.2, 5.0))], FRAMES, actions).states[0]
    box = 1.2 + speed * np.clip(TIME - 0.3, 0, 0.1 * last - 0.3)
    pushed = np.maximum(box + HALF + 0.9, 4.5)
    alone = rolled(pushed[last], speed, 1.0, np.maximum(TIME - 0.1 * last, 0))
    assert states[:, 0, 0] == pytest.approx(np.where(TIME > 0.1 * last, alone, pushed), abs=0.01)
    assert states[:, 0, 1] == pytest.approx(5.3, abs=1e-6)
    assert (np.abs(states[:, 0, 3]) <= speed + 1e-4).all() and (states[:, 0, 3] >= -1e-9).all()


@pytest.mark.parametrize("name", SOLVERS)
def test_a_ball_that_runs_into_the_box_stays_there_and_slides_along_it(name):
    """Restitution 0 takes the motion against the box, and a side without friction leaves the other one."""
    ball = Body("sky", (0.9,), (4.0, 4.6), (-3.0, 0.5))
    states = simulate(make_engine(name), [table(ball, (1.0, 5.0))], FRAMES).states[0, :, 0]
    assert states[:, 0] == pytest.approx(np.maximum(rolled(4.0, -3.0, 1.0, TIME), 2.7), abs=0.01)
    assert states[:, 1] == pytest.approx(rolled(4.6, 0.5, 1.0, TIME), abs=0.005)
    assert np.abs(states[-20:, 3]).max() < 1e-3


def pushes(count: int) -> tuple[list[Scene], np.ndarray, np.ndarray]:
    scenario, keys = get_scenario("push"), key.fold(np.arange(count, dtype=np.uint64), "test push")
    scenes, _ = sample(scenario, "id", keys)
    actions = scenario.actions(scenes, keys, scenario.frames)
    return scenes, actions, simulate(make_engine("reference"), scenes, scenario.frames, actions).states


def test_most_clips_of_the_scenario_show_a_push():
    scenes, actions, states = pushes(40)
    assert not actions[:, :3].any() and actions.any((1, 2)).all()
    hit = events(scenes, states)[0].any(1)
    near = [
        min(gap(s[t, 0, :2], s[t, 1, :2], scene.bodies[0].radius) for t in range(len(s)))
        for scene, s in zip(scenes, states)
    ]
    assert hit.mean() >= 0.5 and (np.array(near)[hit] < 0.05).all()
    assert (np.array(near) > -0.05).all()  # nor does the box go into the ball
    check(scenes, states)
    at_rest = np.hypot(*np.array([s.bodies[0].velocity for s in scenes]).T) == 0
    assert 0.1 < at_rest.mean() < 0.6


def test_engines_agree_about_random_pushes():
    """Corners send the ball off another way after a millimetre, flat pushes do not."""
    scenes, actions, truth = pushes(30)
    other = simulate(make_engine("mujoco"), scenes, truth.shape[1], actions).states
    apart = np.abs(truth - other)[..., :2].max(axis=(1, 2, 3))
    assert np.median(apart) < 0.02 and np.quantile(apart, 0.9) < 0.2
    assert (truth[:, :, 1] == other[:, :, 1]).all()


def test_damping_is_no_event():
    ball = Body("sky", (0.9,), (2.0, 6.0), (4.0, -2.0))
    pair = Scene((ball, replace(ball, position=(2.0, 2.0), color="blue", velocity=(3.0, 0.0))), damping=1.0)
    states = simulate(make_engine("analytic"), [pair], FRAMES).states
    assert not events([pair], states)[0].any() and not impacts(states, [pair]).any()
    assert events([replace(pair, damping=0.0)], states)[0].any()


@pytest.mark.parametrize("name", ["inertia", "undamped"])
def test_null_worlds_know_no_damping(name):
    ball = Body("sky", (0.9,), (2.0, 6.0), (1.0, -0.5))
    states = simulate(make_engine(name), [Scene((ball,), damping=1.0)], FRAMES).states[0, :, 0]
    assert states[:, 0] == pytest.approx(2.0 + TIME) and states[:, 3] == pytest.approx(1.0)


def test_the_undamped_world_knows_contacts():
    actions = np.zeros((1, 29, 2))
    actions[0, :20, 0] = 2.0
    states = simulate(
        make_engine("undamped"), [table(Body("sky", (0.9,), (4.0, 5.0)), (1.2, 5.0))], 30, actions
    )
    assert states.states[0, 20:, 0, 3] == pytest.approx(2.0, abs=1e-4)


def test_the_present_velocity_is_read_from_the_last_displacement():
    scene = table(Body("sky", (0.9,), (2.0, 6.0), (4.0, -2.0)))
    before, now = simulate(make_engine("analytic"), [Scene(scene.bodies[:1], damping=1.0)], 5).states[
        0, 3:, 0
    ]
    place = torch.tensor([[now[:2].tolist(), BOX.position]])
    moved = torch.tensor([[((now - before)[:2] / DT).tolist(), (0.0, 0.0)]])
    seen = Track(place, moved, torch.tensor([[0.9, HALF]]), torch.full((1, 2), VISIBLE))
    [found] = estimate_scenes(seen, Push.template, torch.zeros(1, 3, 2))
    assert found.bodies[0].velocity == pytest.approx(tuple(now[3:5]), abs=1e-5)
    assert found.damping == 1.0


def test_a_sky_ball_and_a_red_box_are_told_apart():
    scenes, _, states = pushes(20)
    frames = quantise(render(torch.tensor(states), Looks.of(scenes), 64))
    track = track_clip(Tracker(Push.template), frames)
    half = np.array([[b.radius for b in s.bodies] for s in scenes])[:, None, :, None]
    inside = ((states[..., :2] > half) & (states[..., :2] < VIEW - half)).all(-1)
    error = np.linalg.norm(track.position.numpy() - states[..., :2], axis=-1)
    assert (track.status.numpy()[inside] == VISIBLE).all()
    assert error[inside].mean() < 0.003 and np.quantile(error[inside], 0.99) < 0.02


def test_damping_is_stored_and_scenes_without_it_are_read():
    scene = Push.template
    assert Scene.from_dict(scene.to_dict()) == scene
    old = {k: v for k, v in replace(scene, damping=0.0).to_dict().items() if k != "damping"}
    assert Scene.from_dict(old) == replace(scene, damping=0.0)


@pytest.mark.parametrize("laws", [{"damping": -1.0}, {"damping": 1.0, "gravity": 2.5}])
def test_laws_that_no_engine_has_are_refused(laws):
    with pytest.raises(ValueError, match="damping"):
        Scene((BALL,), **laws)
