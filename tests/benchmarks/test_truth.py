"""Outcomes by exact states: bodies count with the radii that they truly have."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.episodes import truth
from envs.base import Start
from envs.tasks import make_task
from worldsim.scenarios.carriage import WALL_TOP
from worldsim.scenarios.fall import FLOOR_TOP
from worldsim.scenarios.push import HALF

CONTEXT = 4


def outcome(task, bodies, goal, states, frames):
    """The outcome of states [T, B, 6] after the context, whose ball has a radius of its own."""
    start = Start(task.name, "size", 0, replace(task.template, bodies=bodies), np.array(goal))
    true = np.concatenate([np.repeat(states[:1], CONTEXT, axis=0), states])[None]
    return truth.judge(task, [start], true, np.array([frames]), CONTEXT)


@pytest.mark.parametrize(("radius", "between", "alone"), [(0.4, 0.4, True), (1.8, 0.1, False)])
def test_a_ball_is_left_alone_by_its_own_radius(radius, between, alone):
    """At rest in the goal, so many metres from the pusher's side; with a radius of 1 m it would not be so."""
    task = make_task("Push")
    ball, box = task.template.bodies
    states = np.zeros((task.frames, 2, 6))
    states[:, 0, :2], states[:, 1, :2] = (5.0, 5.0), (5.0 - radius - HALF - between, 5.0)
    found = outcome(task, (replace(ball, size=(radius,)), box), (5.0, 5.0), states, task.frames)
    assert bool(found.success) == alone and (float(found.miss) < 0.01) == alone


@pytest.mark.parametrize(("radius", "above", "clears"), [(0.4, 0.5, True), (1.8, 1.2, False)])
def test_a_ball_clears_the_wall_by_its_own_radius(radius, above, clears):
    """Thrown up by the floor, its centre passes the wall so many metres above the top."""
    task = make_task("Bounce")
    floor, carriage, ball, wall = task.template.bodies
    states = np.zeros((4, 4, 6))
    for b, body in enumerate((floor, carriage, ball, wall)):
        states[:, b, :2] = body.position
    x = wall.position[0]
    states[:, 1, :2] = 2.0, 9.0
    low, height = FLOOR_TOP + radius + 0.1, WALL_TOP + above
    states[:, 2, :2] = [(x - 3, low), (x - 2, low), (x - 1, height), (x + 1, height)]
    states[:, 2, 4] = -3.0, 3.0, 3.0, 3.0
    found = outcome(
        task, (floor, carriage, replace(ball, size=(radius,)), wall), (x, WALL_TOP), padded(states, 56), 4
    )
    assert bool(found.success) == clears
    assert float(found.miss) == pytest.approx(max(0.0, radius - above), abs=1e-5)


def padded(states, frames):
    return np.concatenate([states, np.repeat(states[-1:], frames - len(states), axis=0)])
