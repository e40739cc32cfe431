"""Scenes that stand still until their release, and bodies that come into them, in every engine."""

from dataclasses import replace

import numpy as np
import pytest

from worldsim.engines import ENGINES, make_engine, simulate
from worldsim.scenes import DT, Body, Control, Scene

FLYING = Scene((Body("blue", (1.0,), (3.0, 6.0), (1.0, 0.5)), Body("red", (0.7,), (7.0, 6.2), (-1.0, 0.0))))
PUSHED = replace(FLYING, control=Control(1, "launch", (-4.0, -4.0), (4.0, 4.0)))
PHYSICS = [name for name in ENGINES if name != "frozen"]
AWAY = (-100.0, 5.0)
GAP = Scene(
    (Body("red", (0.5,), AWAY), Body("blue", (0.6,), (5.0, 5.0))),
    control=Control(0, "place", (0.0, 0.0), (10.0, 10.0)),
    gravity=2.5,
    hold=3,
)


@pytest.mark.parametrize("name", ENGINES)
def test_nothing_moves_before_the_release_and_then_all_is_as_without_a_hold(name):
    actions = np.random.default_rng(0).uniform(-1, 1, (3, 20, 2))
    holds = (0, 3, 5)
    scenes = [replace(PUSHED, hold=hold, gravity=2.0) for hold in holds]
    states = simulate(make_engine(name), scenes, 21, actions).states
    for row, hold in enumerate(holds):
        still = states[row, : hold + 1]
        assert (still[..., :3] == still[0, ..., :3]).all() and (still[:hold, :, 3:] == 0).all()
        free = [replace(PUSHED, gravity=2.0)]
        alone = simulate(make_engine(name), free, 21 - hold, actions[row : row + 1, hold:]).states[0]
        assert np.array_equal(states[row, hold:], alone)


def test_actions_on_scenes_that_hold_are_checked():
    simulation = make_engine("inertia").start([replace(PUSHED, hold=3)])
    with pytest.raises(ValueError, match="shape"):
        simulation.step(np.zeros((1, 3)))


@pytest.mark.parametrize("name", PHYSICS)
def test_a_body_is_placed_by_the_action_that_ends_the_hold(name):
    actions = np.tile([2.0, 7.0], (1, 12, 1))  # of which one counts
    states = simulate(make_engine(name), [GAP], 13, actions).states[0]
    fall = 0.0 if name == "inertia" else 1.25
    assert (states[:4, 0, :2] == AWAY).all()
    t = DT * np.arange(10)
    expected = np.stack([np.full(10, 2.0), 7.0 - fall * t**2], axis=-1)
    assert states[4:, 0, :2] == pytest.approx(expected[1:], abs=1e-3)
    alone = simulate(make_engine(name), [replace(GAP, bodies=GAP.bodies[1:], control=None)], 13).states[0]
    assert states[:, 1] == pytest.approx(alone[:, 0], abs=1e-6)


@pytest.mark.parametrize("name", PHYSICS)
@pytest.mark.parametrize("where", [(0.0, 0.0), (0.4, 5.0), (5.0, 9.6)])
def test_a_body_that_does_not_fit_into_the_view_stays_away(name, where):
    actions = np.zeros((1, 12, 2))
    actions[0, 3] = where
    states = simulate(make_engine(name), [GAP], 13, actions).states[0]
    assert (states[:, 0, :2] == AWAY).all() and (states[:, 0, 3:] == 0).all()


@pytest.mark.parametrize("name", ["analytic", "box2d", "mujoco"])
def test_a_placed_body_meets_the_others(name):
    """Equal discs, no gravity: the moving one stops at the placed one, which takes over its velocity."""
    mover = Body("blue", (0.5,), (3.0, 5.0), (2.0, 0.0))
    scene = replace(GAP, bodies=(Body("red", (0.5,), AWAY), mover), gravity=0.0)
    actions = np.zeros((1, 19, 2))
    actions[0, 3] = 6.0, 5.0
    states = simulate(make_engine(name), [scene], 20, actions).states[0]
    assert states[-1, 0, 3:5] == pytest.approx([2.0, 0.0], abs=1e-3)
    assert states[-1, 1, 3:5] == pytest.approx([0.0, 0.0], abs=1e-3)


@pytest.mark.parametrize("name", ["analytic", "box2d", "mujoco"])
def test_what_is_put_elsewhere_before_the_release_begins_there(name):
    ball = Body("blue", (0.5,), (5.0, 5.0), (1.0, 0.0))
    running = make_engine(name).start([Scene((ball,), gravity=2.5, hold=2)])
    there = running.states
    there[0, 0, 1] = 7.0
    running.put(np.ones((1, 1), dtype=bool), there)
    seen = [running.step(np.zeros((1, 0)))[0, 0] for _ in range(6)]
    assert [s[1] for s in seen[:2]] == pytest.approx([7.0, 7.0], abs=1e-6)
    t = 0.1 * 4
    assert seen[-1][:2] == pytest.approx([5.0 + t, 7.0 - 2.5 * t**2 / 2], abs=1e-3)
