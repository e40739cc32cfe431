"""Actions, replay and neighbours, in every engine."""

import numpy as np
import pytest

from worldsim.engines import ENGINES, make_engine, simulate
from worldsim.scenes import DT, VIEW, Body, Control, Scene

FLOOR = Body("black", (5.0, 0.15), (5.0, 0.15), shape="box", motion="fixed")
BASKET = Body("red", (0.8, 1.15), (5.0, 1.45), shape="box", motion="kinematic", solid=False)
PHYSICS = ("analytic", "box2d", "mujoco")
TABLE = Scene(
    (Body("blue", (0.9,), (6.5, 5.1)), Body("red", (0.7,), (2.0, 5.0), (0.3, 0.1))),
    control=Control(1, "launch", (-4.0, -4.0), (4.0, 4.0)),
)
CATCH = Scene(
    (FLOOR, BASKET, Body("blue", (1.0,), (3.0, 7.0), (1.5, 0.0))),
    gravity=2.5,
    restitution=0.8,
    control=Control(1, "velocity", (-1.5,), (1.5,)),
)


def frame_velocity(x: float, command: float) -> float:
    """At which a commanded basket at `x` moves in the coming frame, staying inside the view, m/s."""
    return float(np.clip(x + command * DT, 0.8, VIEW - 0.8) - x) / DT


def catch_actions() -> np.ndarray:
    """Commands [1, 47, 1]: beyond the limit until the view's edge stops the basket, then back."""
    return np.repeat([2.5, -0.7], [31, 16])[None, :, None]


def table_actions(launch: tuple[float, float], frame: int = 5) -> np.ndarray:
    actions = np.zeros((1, 31, 2))
    actions[:, frame] = launch
    return actions


@pytest.mark.parametrize("name", list(ENGINES))
def test_the_basket_follows_its_commands_exactly(name):
    actions = catch_actions()
    states = simulate(make_engine(name), [CATCH], 48, actions).states[0, :, 1]
    x = BASKET.position[0]
    for t in range(47):
        v = frame_velocity(x, float(np.clip(actions[0, t, 0], -1.5, 1.5)))
        x += v * DT
        assert states[t + 1, [0, 3]] == pytest.approx([x, v], abs=1e-12)
    assert (states[:, 0] >= 0.8 - 1e-12).all() and (states[:, 0] <= VIEW - 0.8 + 1e-12).all()
    assert (np.abs(np.diff(states[:, 0])) < 1e-9).any()  # it was stopped at the edge
    assert (states[:, 1] == BASKET.position[1]).all()


@pytest.mark.parametrize("name", [name for name in ENGINES if name != "frozen"])
def test_a_launch_adds_its_velocity_at_once_and_is_shortened(name):
    states = simulate(make_engine(name), [TABLE], 32, table_actions((6.0, 8.0))).states[0]
    assert states[5, 1, 3:5] == pytest.approx([0.3, 0.1], abs=1e-6)
    assert states[6, 1, 3:5] == pytest.approx([0.3 + 4 * 0.6, 0.1 + 4 * 0.8], abs=1e-5)
    assert states[6, 1, :2] - states[5, 1, :2] == pytest.approx(DT * np.array([2.7, 3.3]), abs=1e-5)


@pytest.mark.parametrize("name", ["box2d", "mujoco"])
def test_engines_answer_a_launch_alike(name):
    """The launched ball hits the resting one; an action one frame late gives something else."""
    true = simulate(make_engine("analytic"), [TABLE], 32, table_actions((3.0, 0.0))).states
    seen = simulate(make_engine(name), [TABLE], 32, table_actions((3.0, 0.0))).states
    late = simulate(make_engine(name), [TABLE], 32, table_actions((3.0, 0.0), frame=6)).states
    assert np.abs(true[0, -1, 0, 3:5]).max() > 1.0
    assert np.abs(seen - true)[..., :2].max() < 0.02
    assert np.abs(late - true)[..., :2].max() > 0.1


@pytest.mark.parametrize("name", ["box2d", "mujoco"])
def test_a_solid_paddle_pushes_and_is_not_pushed(name):
    """Against an infinitely heavy wall at V a disc's velocity v becomes 2V - v."""
    paddle = Body("red", (0.5, 1.0), (2.0, 5.0), shape="box", motion="kinematic")
    ball = Body("blue", (0.7,), (6.0, 5.0), (-2.0, 0.0))
    scene = Scene((paddle, ball), control=Control(0, "velocity", (-1.5,), (1.5,)))
    states = simulate(make_engine(name), [scene], 25, np.full((1, 24, 1), 1.0)).states[0]
    assert states[-1, 1, 3] == pytest.approx(4.0, abs=1e-3)
    assert states[:, 0, 0] == pytest.approx(2.0 + DT * np.arange(25), abs=1e-12)


@pytest.mark.parametrize("name", list(ENGINES))
def test_replay_is_bit_exact_and_rows_do_not_depend_on_their_neighbours(name):
    """Also where scenes of different layouts share a batch; the launched ball is in contact meanwhile."""
    engine = make_engine(name)
    lone = Scene((Body("blue", (1.0,), (3.0, 7.0), (1.5, 0.0)),), gravity=2.5)
    other = Scene(CATCH.bodies[:1] + CATCH.bodies[2:], gravity=2.5, restitution=0.5)
    scenes = [TABLE, lone, other, TABLE]
    actions = np.concatenate([table_actions(v) for v in ((3.0, 0.0), (0.0, 0.0), (0.0, 0.0), (2.0, 0.5))])
    together = simulate(engine, scenes, 32, actions)
    again = simulate(engine, scenes, 32, actions)
    assert (together.states == again.states).all()
    assert (together.present.sum(axis=2)[:, 0] == [2, 1, 2, 2]).all()
    for i, scene in enumerate(scenes):
        size = scene.action_size
        alone = simulate(engine, [scene], 32, actions[i : i + 1, :, :size])
        assert (alone.states[0] == together.states[i, :, : len(scene.bodies)]).all()


@pytest.mark.parametrize("name", list(ENGINES))
def test_bad_actions_are_refused(name):
    simulation = make_engine(name).start([TABLE])
    before = simulation.states
    with pytest.raises(ValueError, match=r"\(1, 3\); expected \(1, 2\)"):
        simulation.step(np.zeros((1, 3)))
    with pytest.raises(ValueError, match="NaN"):
        simulation.step(np.array([[np.nan, 0.0]]))
    assert (simulation.states == before).all()


def test_inertia_knows_neither_contacts_nor_gravity():
    states = simulate(make_engine("inertia"), [CATCH], 48, catch_actions()).states[0]
    assert states[:, 2, :2] == pytest.approx(np.stack([3.0 + 0.15 * np.arange(48), np.full(48, 7.0)], axis=1))
    passed = simulate(make_engine("inertia"), [TABLE], 32, table_actions((4.0, 0.0))).states[0]
    assert (passed[:, 0, :2] == TABLE.bodies[0].position).all()
