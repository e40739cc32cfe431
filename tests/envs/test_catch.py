"""Catch: what levels promise in the engine, and how crossings are judged."""

import numpy as np
import pytest
import torch

from envs.catch import BASKET_SPEED, HALF, RIM, Catch
from worldsim.engines import make_engine
from worldsim.engines.base import simulate
from worldsim.tracking import LEFT, LOST, VISIBLE, Track

TASK = Catch()
IDS = range(20)
GOAL = torch.tensor([[RIM, HALF]])


def _clips(level):
    starts = [TASK.sample(level, i) for i in IDS]
    return starts, simulate(make_engine("analytic"), [s.scene for s in starts], 52).states


def _crossings(y, x):
    """Frame and x of each downward crossing of the rim by one ball, linear between frames."""
    found = []
    for t in np.flatnonzero((y[:-1] > RIM) & (y[1:] <= RIM)):
        share = (y[t] - RIM) / (y[t] - y[t + 1])
        found.append((t + share, x[t] + share * (x[t + 1] - x[t])))
    return found


def _track(x, y, basket=5.0, status=VISIBLE):
    position = torch.tensor([[(5.0, 0.15), (basket, 1.45), (x, y)]])
    return Track(
        position, torch.zeros_like(position), torch.ones(1, 3), torch.tensor([[VISIBLE, VISIBLE, status]])
    )


def _judge(before, after, left=10, outcome=None):
    outcome = TASK.open(before, GOAL) if outcome is None else outcome
    return TASK.judge(outcome, before, after, GOAL, torch.tensor([left]))


@pytest.mark.parametrize("level", TASK.levels)
def test_the_one_chance_is_in_view_and_in_reach(level):
    starts, states = _clips(level)
    for start, clip in zip(starts, states):
        crossings = [c for c in _crossings(clip[:, 2, 1], clip[:, 2, 0]) if 0 <= c[1] <= 10]
        basket = start.scene.bodies[1].position[0]
        slack = [HALF + BASKET_SPEED * 0.1 * (t - 3) - abs(x - basket) for t, x in crossings]
        chance = 1 if level == "bounce" else 0
        assert slack[chance] > 0.05 * BASKET_SPEED
        assert all(s < 0.02 for i, s in enumerate(slack) if i != chance)  # no other chance
        assert all(abs(x - basket) > HALF - 0.02 for _, x in crossings)  # doing nothing fails


@pytest.mark.parametrize("level", TASK.levels)
def test_speed_and_size_belong_to_the_level(level):
    balls = [TASK.sample(level, i).scene.bodies[2] for i in IDS]
    speed, radius = np.abs([b.velocity[0] for b in balls]), np.array([b.radius for b in balls])
    assert all(b.velocity[1] == 0 for b in balls)
    low, high = (4.5, 6.0) if level in ("speed", "both") else (1.2, 4.0)
    assert ((speed >= low) & (speed <= high)).all()
    if level in ("size", "both"):
        assert (((radius >= 0.3) & (radius <= 0.6)) | ((radius >= 1.6) & (radius <= 2.0))).all()
    else:
        assert ((radius >= 0.7) & (radius <= 1.5)).all()


def test_a_level_keeps_what_it_does_not_change():
    same = [
        TASK.sample("id", i).scene.bodies[2].radius == TASK.sample("speed", i).scene.bodies[2].radius
        for i in IDS
    ]
    assert np.mean(same) >= 0.5


def test_a_start_is_the_same_wherever_it_is_drawn():
    assert Catch().sample("bounce", 3).scene == TASK.sample("bounce", 3).scene


def test_success_is_judged_at_the_interpolated_crossing():
    # the ball moves 1 m to the right while it falls from 2.8 to 2.4: it crosses the rim half way
    caught = _judge(_track(5.2, 2.8), _track(6.2, 2.4))
    assert caught.success.all() and caught.miss.item() == pytest.approx(0.7, abs=1e-5)
    missed = _judge(_track(5.4, 2.8), _track(6.4, 2.4))
    assert not missed.over.any() and missed.miss.item() == pytest.approx(0.9, abs=1e-5)


def test_upward_crossings_do_not_count():
    assert not _judge(_track(5.0, 2.4), _track(5.0, 2.8)).over.any()


def test_a_second_crossing_is_a_second_chance():
    missed = _judge(_track(7.0, 2.8), _track(7.0, 2.4))
    caught = _judge(_track(5.1, 2.8), _track(5.1, 2.4), outcome=missed)
    worse = _judge(_track(8.0, 2.8), _track(8.0, 2.4), outcome=missed)
    assert caught.success.all() and caught.miss.item() == pytest.approx(0.1, abs=1e-5)
    assert worse.miss.item() == pytest.approx(2.0, abs=1e-5)  # the best crossing counts


def test_out_of_view_or_out_of_time_is_failure():
    high = _track(5.0, 6.0)
    assert _judge(high, _track(10.4, 5.0, status=LEFT)).failure.all()
    assert _judge(high, _track(5.0, 5.0), left=0).failure.all()
    assert not _judge(high, _track(5.0, 5.0)).over.any()


def test_a_lost_ball_bars_success():
    lost = _judge(_track(5.0, 2.9), _track(5.0, 2.9, status=LOST))
    after = _judge(_track(5.0, 2.8), _track(5.0, 2.4), outcome=lost)
    assert after.spoiled.all() and not after.success.any()
