"""Every planner in a world: what it solves, promises and spends, and what it does where something lacks."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from reach import ONE_SHOT, STEERED, Counting, observe, run, sliding

from agents.budget import schedule
from agents.planners import PLANNERS, make_planner
from agents.refits.cem import CEMConfig
from agents.refits.gradient import GradientConfig
from agents.refits.icem import ICEMConfig
from agents.refits.mppi import MPPIConfig
from agents.refits.shooting import ShootingConfig
from envs.strike import Strike
from worldsim.scenes import DT
from worldsim.tracking import HIDDEN

TASKS = pytest.mark.parametrize("task", [ONE_SHOT, STEERED], ids=["launch", "velocity"])
NAMES = pytest.mark.parametrize("name", list(PLANNERS))
CONFIGS = {
    "shooting": ShootingConfig(candidates=(250,), refresh=(6,), piece=8),
    "cem": CEMConfig(candidates=(24, 12, 12), refresh=(6,), piece=8),
    "icem": ICEMConfig(candidates=(24, 12, 12, 12), refresh=(6,), piece=8),
    "mppi": MPPIConfig(candidates=(24, 14, 14, 14, 14, 1), refresh=(6, 1), piece=8),
    "gradient": GradientConfig(candidates=(12, 4, 4, 4, 4, 4), refresh=(2, 2), piece=8),
}


def planner(name, task, world=None, **changes):
    settings = {"replan_every": 8, **changes}
    if name == "shooting" and task is STEERED:
        settings = {"candidates": (24,), **settings}  # one number to find
    return make_planner(name, task, world or sliding(task), config=replace(CONFIGS[name], **settings))


@NAMES
@TASKS
def test_every_planner_solves_a_trivial_task_within_bounds_and_keeps_its_promise(name, task):
    policy = planner(name, task)
    policy.where = counting = Counting(policy.where)
    outcome, actions = run(task, policy, range(3))
    assert outcome.success.all() and policy.imagined.success.all()
    assert np.abs(policy.imagined.miss - outcome.miss.numpy()).max() < 0.1
    assert policy.name == name and policy.prepared_in == "sliding"
    assert (np.linalg.norm(actions, axis=-1) <= task.template.control.high[0] + 1e-9).all()
    assert policy.frames_imagined.sum() == counting.asked  # those with slopes twice
    assert (policy.frames_imagined <= 4000).all()


@NAMES
def test_no_planner_exceeds_its_budget(name):
    policy = planner(name, STEERED, max_frames=300)
    run(STEERED, policy, range(2))
    assert (policy.frames_imagined <= 300).all() and (policy.frames_imagined > 100).all()


@NAMES
def test_rows_of_every_planner_do_not_depend_on_their_neighbours(name):
    few = {"candidates": (6, 3), "refresh": (2,)}
    _, together = run(STEERED, planner(name, STEERED, **few), [3, 7])
    _, alone = run(STEERED, planner(name, STEERED, **few), [7])
    np.testing.assert_allclose(alone[0], together[1], atol=1e-4)


def test_cem_is_the_one_of_the_recorded_results():
    config = CEMConfig(candidates=(24, 12, 12, 12), refresh=(6,), piece=8)
    cem = make_planner("cem", ONE_SHOT, "analytic", config=config)
    _, actions = run(ONE_SHOT, cem, [3, 7])
    wanted = [[-3.0446129462576206, 0.002490387423096624], [2.6247938357497294, -0.07837287540180986]]
    np.testing.assert_array_equal(actions[:, 0], wanted)
    # read from pictures in single precision, whose last digit differs between processors
    assert cem.imagined.miss.tolist() == pytest.approx([0.0785906, 0.0767275], abs=1e-6)
    cem = make_planner("cem", STEERED, "analytic", config=config)
    _, actions = run(STEERED, cem, [3, 7])
    np.testing.assert_array_equal(
        actions[:, ::4, 0],
        [
            [0.7854371462838913, 0.8461791199014517, 0.8765501067102319, 0.8765501067102319],
            [-0.4357660459188575, -0.3877178407417443, -0.36369373815318773, -0.36369373815318773],
        ],
    )
    assert cem.frames_imagined.tolist() == [1104, 1104]
    # the text of its settings is part of the name of recorded results
    assert str(CEMConfig()) == (
        "CEMConfig(candidates=(40, 14, 14, 14, 14), refresh=(6,), elites=2, width=0.6, refresh_width=0.3, "
        "shrink=0.6, wiggle=0.15, piece=12, replan_every=4, horizon=48, max_frames=4000, batch=512)"
    )


def test_gradient_descent_finds_the_closed_form():
    steps = {"candidates": (8, *(2,) * 18), "max_frames": 10**6}
    policy = planner("gradient", ONE_SHOT, **steps)
    _, actions = run(ONE_SHOT, policy, range(3))
    starts = [ONE_SHOT.sample("id", i) for i in range(3)]
    wanted = np.stack([(s.goal - s.scene.bodies[1].position) / (DT * ONE_SHOT.frames) for s in starts])
    assert np.abs(actions[:, 0] - wanted).max() < 0.06
    assert (policy.imagined.miss < 0.05).all()


def test_slopes_count_twice_in_the_schedule_but_for_the_last_step():
    config = GradientConfig(candidates=(10, 5, 5), refresh=(2, 2), replan_every=8, max_frames=10**6)
    # 16 frames of 2 x 15 + 5 and 8 frames of 2 x 2 + 2
    assert schedule(STEERED, replace(config, max_frames=16 * 35 + 8 * 6), True)[0] == (10, 5, 5)
    assert schedule(STEERED, replace(config, max_frames=16 * 35 + 8 * 6 - 1), True)[0] == (9, 4, 4)


def test_the_gradient_planner_refuses_an_engine_by_name():
    with pytest.raises(ValueError, match="gradient planner needs a differentiable world, and 'box2d' is not"):
        make_planner("gradient", Strike(), "box2d")
    with pytest.raises(ValueError, match="learned worlds of the families convolutional, direct"):
        make_planner("gradient", Strike(), "analytic")


def test_a_hidden_body_keeps_the_running_plan():
    policy = planner("shooting", STEERED, candidates=(6,), replan_every=4)
    _, now = observe(STEERED, [0, 1])
    hidden = replace(now.track, status=torch.tensor([[0, HIDDEN], [0, 0]]))
    policy.reset([0, 1], np.arange(2, dtype=np.uint64))
    policy.act(replace(now, track=hidden))
    assert (policy.frames_imagined == 6 * 16).all()  # the first plan is made all the same
    later = replace(now, track=hidden, time_left=now.time_left - 4)
    before = policy._plans.copy()
    actions = policy.act(later)
    assert policy.frames_imagined.tolist() == [6 * 16, 6 * 16 + 6 * 12]
    np.testing.assert_array_equal(policy._plans[0], before[0])
    np.testing.assert_array_equal(actions[0], before[0, 0, 4])
    seen = replace(later, track=now.track, time_left=now.time_left - 8)
    policy.act(seen)
    assert policy.frames_imagined[0] == 6 * 16 + 6 * 8


ERRORS = [
    torch.cuda.OutOfMemoryError("CUDA out of memory"),
    MemoryError(),
    RuntimeError("[enforce fail at alloc_cpu.cpp:114] DefaultCPUAllocator: can't allocate memory"),
]


def crowded(policy, most, error):
    """Let the planner's world fail where more than `most` rows are imagined side by side."""
    step = policy.where.step

    def failing(actions):
        if len(actions) > most:
            raise error
        return step(actions)

    policy.where.step = failing
    return policy


@pytest.mark.parametrize("error", ERRORS, ids=["cuda", "python", "cpu"])
def test_a_batch_that_does_not_fit_is_halved_once_and_said_so(error):
    few = {"candidates": (6, 3), "refresh": (2,), "batch": 24}
    _, wanted = run(STEERED, planner("cem", STEERED, **few), range(4))
    policy = crowded(planner("cem", STEERED, **few), 12, error)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _, actions = run(STEERED, policy, range(4))
    said = [str(w.message) for w in caught if "memory" in str(w.message)]
    assert len(said) == 1 and "batch=24" in said[0] and "batch=12" in said[0]
    np.testing.assert_allclose(actions, wanted, atol=1e-6)
    assert (policy.frames_imagined <= 4000).all()


def test_a_single_row_that_does_not_fit_raises():
    policy = crowded(planner("cem", ONE_SHOT), 3, MemoryError("nothing left"))
    with (
        pytest.warns(UserWarning, match="ran out of memory"),
        pytest.raises(MemoryError, match="nothing left"),
    ):
        run(ONE_SHOT, policy, range(2))


def test_another_error_is_not_taken_for_lack_of_memory():
    policy = crowded(planner("cem", ONE_SHOT), 3, RuntimeError("shapes do not fit"))
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        run(ONE_SHOT, policy, range(2))
