"""Planners on problems with known answers, and what they promise about budgets, bounds and neighbours."""

from dataclasses import replace

import numpy as np
import pytest
from reach import ONE_SHOT, STEERED, Counting, observe, run

from agents.budget import cost, schedule
from agents.oracle import Oracle
from agents.planners import PLANNERS, config_for, make_planner
from agents.refits.cem import CEMConfig
from agents.refits.mppi import MPPIConfig
from agents.regions import Region
from agents.scripted import NoOp, Random, Reactive
from envs.episodes import run_episodes
from envs.strike import Strike
from envs.tasks import make_task
from envs.vector import WorldVectorEnv
from worldsim.scenes import DT

SMALL = CEMConfig(candidates=(24, 12, 12, 12), refresh=(6,), piece=8)


def cem_in(task, config=SMALL, world="analytic"):
    return make_planner("cem", task, world, config=config)


@pytest.mark.parametrize("task", [ONE_SHOT, STEERED], ids=["launch", "velocity"])
def test_planner_solves_a_trivial_task_and_reality_keeps_its_promise(task):
    cem = cem_in(task)
    outcome, _ = run(task, cem, range(12))
    assert outcome.success.all()
    assert (cem.imagined.success == outcome.success.numpy()).all()
    # the same physics imagined and executed: only what the tracker misread at the start differs
    assert np.abs(cem.imagined.miss - outcome.miss.numpy()).max() < 0.05
    assert cem.prepared_in == "analytic" and not cem.privileged


def test_launch_is_the_one_the_closed_form_asks_for():
    cem = cem_in(ONE_SHOT, replace(SMALL, candidates=(48, 24, 24, 24, 24)))
    _, actions = run(ONE_SHOT, cem, range(8))
    starts = [ONE_SHOT.sample("id", i) for i in range(8)]
    wanted = np.stack([(s.goal - s.scene.bodies[1].position) / (DT * ONE_SHOT.frames) for s in starts])
    assert np.abs(actions[:, 0] - wanted).max() < 0.25


@pytest.mark.parametrize("task", [ONE_SHOT, STEERED], ids=["launch", "velocity"])
def test_rows_do_not_depend_on_their_neighbours(task):
    ids = [3, 7, 11]
    _, together = run(task, cem_in(task), ids)
    for row, start in enumerate(ids):
        _, alone = run(task, cem_in(task), [start])
        np.testing.assert_array_equal(alone[0], together[row])
    _, chunked = run(task, cem_in(task, replace(SMALL, batch=24)), ids)
    np.testing.assert_array_equal(chunked, together)


def test_other_keys_draw_other_candidates():
    _, a = run(ONE_SHOT, cem_in(ONE_SHOT), [3], keys=[1])
    _, b = run(ONE_SHOT, cem_in(ONE_SHOT), [3], keys=[2])
    assert np.abs(a - b).max() > 1e-3


@pytest.mark.parametrize("policy", [cem_in, NoOp, Random, Reactive])
@pytest.mark.parametrize("task", [ONE_SHOT, STEERED], ids=["launch", "velocity"])
def test_actions_keep_within_bounds(task, policy):
    _, actions = run(task, policy(task), range(6))
    high = task.template.control.high[0]
    assert actions.dtype == np.float64
    assert (np.linalg.norm(actions, axis=-1) <= high + 1e-9).all()
    if policy is Random:
        assert np.linalg.norm(actions, axis=-1).max() > 0.5 * high


@pytest.mark.parametrize("most", [100, 300, 1000])
def test_budget_is_never_exceeded(most):
    cem = cem_in(STEERED, replace(SMALL, max_frames=most))
    run(STEERED, cem, range(3))
    assert (cem.frames_imagined <= most).all()
    assert (cem.frames_imagined > most / 3).all()


def test_schedule_counts_the_worst_case():
    config = CEMConfig(candidates=(30, 10), refresh=(5,), replan_every=4, max_frames=10_000)
    plan = schedule(STEERED, config)
    assert plan == {0: (30, 10), 4: (5,), 8: (5,), 12: (5,)}  # 40 x 16 + 5 x (12 + 8 + 4) = 760 frames
    assert schedule(STEERED, replace(config, max_frames=760)) == plan
    halved = schedule(STEERED, replace(config, max_frames=380))
    assert halved == {0: (15, 5), 4: (2,), 8: (2,), 12: (2,)}
    with pytest.raises(ValueError, match="max_frames=20"):
        schedule(STEERED, replace(config, max_frames=20))


@pytest.mark.parametrize("most", [200, 380, 600])
def test_a_plan_that_is_cut_keeps_all_of_its_iterations(most):
    """MPPI executes what its last iteration tried: without it, a plan made on the way changes nothing."""
    config = MPPIConfig(candidates=(30, 10, 1), refresh=(6, 1), max_frames=most)
    plan = schedule(STEERED, config)
    assert all(len(counts) == (2 if t else 3) and counts[-1] == 1 for t, counts in plan.items())
    assert 0.8 * most < cost(STEERED, config, plan) <= most


@pytest.mark.parametrize("frames", [2600, 4000])
@pytest.mark.parametrize("name", list(PLANNERS))
def test_a_budget_is_the_same_number_of_frames_for_every_planner(name, frames):
    for task in map(make_task, ("Strike", "Catch", "Drop")):
        plain, config = config_for(name, task), config_for(name, task, {"budget": frames})
        slopes = PLANNERS[name].refit(config).slopes
        plan = schedule(task, config, slopes)
        assert (plan[0], plan.get(4, config.refresh)) == (config.candidates, config.refresh)  # nothing is cut
        assert 0.965 * frames < cost(task, config, plan, slopes) <= frames
        assert len(config.candidates) == len(plain.candidates) and len(config.refresh) == len(plain.refresh)
    with pytest.raises(ValueError, match="budget and frames"):
        config_for(name, STEERED, {"budget": frames, "frames": frames})
    with pytest.raises(ValueError, match="max_frames=30 leaves fewer than two candidates"):
        config_for(name, STEERED, {"budget": 30})


def test_tuned_settings_fit_the_published_budget():
    for task in (ONE_SHOT, STEERED, replace(ONE_SHOT, name="Strike"), replace(STEERED, name="Catch")):
        for name in PLANNERS:
            assert config_for(name, task).max_frames <= 4000


def test_frames_counted_are_those_the_world_was_asked_for():
    cem = cem_in(STEERED)
    cem.where = counting = Counting(cem.where)
    run(STEERED, cem, range(3))
    assert cem.frames_imagined.sum() == counting.asked


def test_unreset_rows_are_refused():
    cem = cem_in(ONE_SHOT)
    cem.reset([0], np.zeros(1, dtype=np.uint64))
    with pytest.raises(ValueError, match="2 rows observed, 1 were reset"):
        cem.act(observe(ONE_SHOT, [0, 1])[1])


@pytest.mark.parametrize("task", [ONE_SHOT, STEERED], ids=["launch", "velocity"])
@pytest.mark.parametrize("engine", ["analytic", "box2d"])
def test_oracle_and_privileged_planner_know_the_truth(task, engine):
    oracle = Oracle(task, engine)
    outcome, _ = run(task, oracle, range(6))
    assert oracle.privileged and oracle.prepared_in == engine
    assert outcome.success.all()
    cem = make_planner("cem", task, engine, config=SMALL, privileged=True)
    outcome, _ = run(task, cem, range(6))
    assert outcome.success.all() and cem.privileged


def test_privileged_planner_refuses_an_observation_without_truth():
    _, now = observe(ONE_SHOT, [0])
    oracle = Oracle(ONE_SHOT, "analytic")
    oracle.reset([0], np.zeros(1, dtype=np.uint64))
    with pytest.raises(ValueError, match="privileged"):
        oracle.act(replace(now, scenes=None, past=None))


def test_reactive_aims_at_where_the_target_is():
    _, now = observe(ONE_SHOT, [0])
    launch = Reactive(ONE_SHOT).act(now)[0]
    start = ONE_SHOT.sample("id", 0).scene
    aim = np.subtract(start.bodies[0].position, start.bodies[1].position)
    assert np.linalg.norm(launch) == pytest.approx(4.0)
    assert np.dot(launch, aim) / np.linalg.norm(aim) == pytest.approx(4.0, abs=1e-3)
    _, now = observe(STEERED, [0])
    gap = 5.0 - STEERED.sample("id", 0).scene.bodies[0].position[0]
    assert Reactive(STEERED).act(now)[0, 0] == pytest.approx(np.clip(gap / DT, -1.5, 1.5), abs=0.05)


@pytest.mark.parametrize(("world", "solves"), [("inertia", False), ("analytic", True)])
def test_without_the_law_of_collisions_strike_is_not_solved(world, solves):
    task = Strike()
    starts = [task.sample("id", i) for i in range(6)]
    cem = make_planner("cem", task, world, config=CEMConfig(candidates=(32, 8, 8)))
    env = WorldVectorEnv(task, "analytic", num_envs=len(starts), autoreset_mode="Disabled")
    solved = [e.success for e in run_episodes(env, cem, starts)]
    assert sum(solved) >= 4 if solves else sum(solved) <= 2  # a launch at random solves one in fifty
    assert cem.imagined.success.sum() >= 4 if solves else not cem.imagined.success.any()


def test_few_candidates_cover_their_region():
    disc = Region(np.array([-4.0, -4.0]), np.array([4.0, 4.0]), disc=True)
    line = Region(np.array([-1.5]), np.array([1.5]), disc=False)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        launches = disc.spread(rng, 48, 1, 0.0)[:, 0]
        targets = np.stack([disc.uniform(rng) for _ in range(500)])
        nearest = np.linalg.norm(targets[:, None] - launches, axis=-1).min(1)
        # 48 points cannot leave less than pi r^2 = area / 48; independent ones leave gaps of about 1.6 m/s
        assert nearest.max() < 1.3
        commands = np.sort(line.spread(rng, 10, 1, 0.0)[:, 0, 0])
        assert np.diff(commands).max() <= 3.0 / 9 + 1e-9
        assert commands[0] < -1.5 + 0.17 and commands[-1] > 1.5 - 0.17
        around = line.around(rng, np.array([[[0.0]], [[1.0]]]), 8, 0.1)[:, 0, 0]
        assert (around[::2] < 0).any() and (around[::2] > 0).any()  # both sides of each centre
        assert (around[1::2] < 1).any() and (around[1::2] > 1).any()
