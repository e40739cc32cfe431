"""Strike: the closed form against the engine, what levels promise, how frames are judged."""

import numpy as np
import pytest
import torch

from envs import draws
from envs.shots import Table, grid, misses, shoot
from envs.strike import DURATION, Strike
from envs.tasks import TASKS, make_task
from worldsim.engines import make_engine
from worldsim.engines.base import simulate
from worldsim.tracking import LEFT, LOST, VISIBLE, Track

TASK = Strike()
IDS = range(4)


def _table(start):
    blue, red = start.scene.bodies
    velocity = np.array(blue.velocity)
    place = np.array(blue.position) + velocity * draws.CONTEXT_TIME
    return Table(place, velocity, np.array(red.position), np.array(blue.radius), np.array(red.radius))


def _end(start, launches):
    """Blue's place [M, 2] at frame 31 by the closed-form engine."""
    actions = np.zeros((len(launches), 31, 2))
    actions[:, 3] = launches
    states = simulate(make_engine("analytic"), [start.scene] * len(launches), 32, actions).states
    return states[:, -1, 0, :2]


def _track(place, status=VISIBLE):
    position = torch.tensor([[place, (9.0, 9.0)]])
    return Track(position, torch.zeros_like(position), torch.ones(1, 2), torch.tensor([[status, VISIBLE]]))


@pytest.mark.parametrize("level", TASK.levels)
def test_shots_agree_with_the_engine(level):
    for start_id in IDS:
        start = TASK.sample(level, start_id)
        low, high = TASK.bounds(level)
        launches = np.random.default_rng(start_id).uniform(low, high, (40, 2))
        launches *= np.minimum(1, high[0] / np.linalg.norm(launches, axis=1))[:, None]
        got = shoot(_table(start), launches, DURATION).at_end
        assert np.abs(got - _end(start, launches)).max() < 1e-9


@pytest.mark.parametrize("level", TASK.levels)
def test_starts_are_solvable_but_not_by_doing_nothing(level):
    limit = TASK.bounds(level)[1][0]
    for start_id in IDS:
        start = TASK.sample(level, start_id)
        miss = misses(_table(start), start.goal, grid(limit, 30, 720), DURATION)
        assert miss.min() < TASK.tolerance
        idle = _end(start, np.zeros((1, 2)))[0]
        assert np.linalg.norm(idle - start.goal) > TASK.tolerance


@pytest.mark.parametrize("level", ["speed", "both"])
def test_fast_levels_need_fast_launches(level):
    for start_id in IDS:
        start = TASK.sample(level, start_id)
        slow = misses(_table(start), start.goal, grid(draws.LAUNCH, 40, 720), DURATION)
        assert slow.min() > TASK.tolerance


@pytest.mark.parametrize("level", TASK.levels)
def test_radii_belong_to_the_level(level):
    radii = np.array([b.radius for i in IDS for b in TASK.sample(level, i).scene.bodies])
    inside = (radii >= 0.7) & (radii <= 1.5)
    outside = ((radii >= 0.3) & (radii <= 0.6)) | ((radii >= 1.6) & (radii <= 2.0))
    assert (outside if level in ("size", "both") else inside).all()


def test_a_start_is_the_same_wherever_it_is_drawn():
    again, first = Strike().sample("id", 7), TASK.sample("id", 7)
    assert again.scene == first.scene and (again.goal == first.goal).all()
    assert first.scene != TASK.sample("id", 8).scene


def test_a_level_keeps_what_it_does_not_change():
    same = [
        [b.radius for b in TASK.sample("id", i).scene.bodies]
        == [b.radius for b in TASK.sample("speed", i).scene.bodies]
        for i in range(12)
    ]
    assert np.mean(same) >= 0.5  # where no geometry fits, sizes are drawn again


def test_success_only_at_the_last_frame_and_inside():
    goal = torch.tensor([[5.0, 5.0]])
    inside, outside = _track((5.0, 5.0 + 0.99 * TASK.tolerance)), _track((5.0, 5.0 + 1.01 * TASK.tolerance))
    opened = TASK.open(outside, goal)
    early = TASK.judge(opened, outside, inside, goal, torch.tensor([1]))
    assert not early.over.any() and early.reward.item() == 0
    assert TASK.judge(opened, outside, inside, goal, torch.tensor([0])).success.all()
    assert TASK.judge(opened, outside, outside, goal, torch.tensor([0])).failure.all()


@pytest.mark.parametrize("status", [LEFT, LOST])
def test_a_ball_that_is_not_seen_is_no_success(status):
    goal = torch.tensor([[5.0, 5.0]])
    gone = _track((5.0, 5.0), status)
    outcome = TASK.judge(TASK.open(gone, goal), gone, gone, goal, torch.tensor([0]))
    assert outcome.failure.all() and outcome.miss.item() > 2 * TASK.tolerance
    assert outcome.spoiled.item() == (status == LOST)


def test_a_body_lost_on_the_way_spoils_the_episode():
    goal = torch.tensor([[5.0, 5.0]])
    lost, good = _track((5.0, 5.0), LOST), _track((5.0, 5.0))
    midway = TASK.judge(TASK.open(good, goal), good, lost, goal, torch.tensor([5]))
    last = TASK.judge(midway, lost, good, goal, torch.tensor([0]))
    assert last.spoiled.all() and last.failure.all() and not last.success.any()


def test_unknown_names_list_what_exists():
    with pytest.raises(ValueError, match=", ".join(TASKS)):
        make_task("Golf")
    with pytest.raises(ValueError, match="id, speed, size, both"):
        TASK.sample("hard", 0)
    with pytest.raises(ValueError, match="start_id"):
        TASK.sample("id", -1)
