"""Refits on a cost with a known optimum, without any world."""

import numpy as np
import pytest

from agents.planners import PLANNERS, config_for, make_planner
from agents.refits.base import Tried
from agents.refits.gradient import Gradient, GradientConfig
from agents.refits.icem import coloured
from agents.refits.mppi import MPPI, MPPIConfig
from agents.regions import Region

BOX = Region(np.array([-2.0, -1.0]), np.array([2.0, 1.0]), disc=False)
DISC = Region(np.array([-3.0, -3.0]), np.array([3.0, 3.0]), disc=True)
TARGET = np.array([[0.7, -0.4], [0.5, -0.3]])  # fresh plans hardly change from piece to piece


def search(name, region=BOX, counts=None, warm=None, target=TARGET, seed=0):
    """Everything tried for the distance from `target`, and the plan chosen."""
    entry = PLANNERS[name]
    refit = entry.refit(entry.default)
    counts = counts or entry.default.candidates
    warm = np.zeros((0, 2, 2)) if warm is None else warm
    tried = Tried(warm, np.zeros((0, 2, 2)), np.zeros(0), np.zeros((0, 2, 2)))
    rng = np.random.default_rng(seed)
    for count in counts:
        new = refit.propose(rng, region, tried, count)
        assert new.shape == (count, 2, 2)
        np.testing.assert_allclose(region.clamp(new), new, atol=1e-12)
        gap = new - target
        cost = np.sqrt(np.square(gap).sum((1, 2)))
        plans, cost_all = np.concatenate([tried.plans, new]), np.concatenate([tried.cost, cost])
        slopes = np.concatenate([tried.slopes, gap / np.maximum(cost, 1e-9)[:, None, None]])
        tried = Tried(warm, plans, cost_all, slopes, (*tried.sizes, count))
    return tried, refit.choose(tried)


@pytest.mark.parametrize("name", list(PLANNERS))
@pytest.mark.parametrize("region", [BOX, DISC], ids=["box", "disc"])
def test_a_refit_finds_the_optimum_within_bounds(name, region):
    tried, chosen = search(name, region)
    assert tried.cost[chosen] < (0.55 if name == "shooting" else 0.4)
    far = 100 * TARGET  # out of reach: the plan ends at the bounds
    tried, chosen = search(name, region, target=far)
    nearest = np.linalg.norm(region.clamp(far) - far)
    assert tried.cost[chosen] < 1.02 * nearest


@pytest.mark.parametrize("name", list(PLANNERS))
def test_a_warm_start_helps(name):
    near = TARGET[None] + 0.05
    with_warm = [search(name, counts=(4, 2), warm=near, seed=s) for s in range(5)]
    without = [search(name, counts=(4, 2), seed=s) for s in range(5)]
    for tried, _ in with_warm:
        np.testing.assert_array_equal(tried.plans[0], near[0])  # the running plan is tried again
    cost = [np.mean([t.cost[c] for t, c in some]) for some in (with_warm, without)]
    assert cost[0] < 0.5 * cost[1]


def test_icem_goes_on_with_the_elites_of_the_plan_before():
    warm = np.stack([TARGET, TARGET + 0.1])
    tried, _ = search("icem", counts=(6,), warm=warm)
    np.testing.assert_array_equal(tried.plans[:2], warm)


@pytest.mark.parametrize("pieces", [1, 4, 5])
@pytest.mark.parametrize("color", [0.0, 2.0])
def test_coloured_noise_has_unit_variance_and_its_colour(pieces, color):
    noise = coloured(np.random.default_rng(0), (20_000, pieces, 2), color)
    assert noise.shape == (20_000, pieces, 2)
    assert noise.var(0) == pytest.approx(np.ones((pieces, 2)), abs=0.05)
    if pieces > 1:
        together = (noise[:, 0] * noise[:, 1]).mean()
        assert together > 0.2 if color else abs(together) < 0.05


def test_mppi_executes_the_weighted_mean_that_it_tried():
    refit = MPPI(MPPIConfig(temperature=0.5))
    tried, chosen = search("mppi", counts=(6, 4, 1))
    assert chosen == 10  # the first of the last iteration
    before = Tried(tried.warm, tried.plans[:10], tried.cost[:10], tried.slopes[:10], (6, 4))
    cost = before.cost[6:] - before.cost[6:].min()
    weight = np.exp(-cost / 0.5) / np.exp(-cost / 0.5).sum()
    np.testing.assert_allclose(refit.mean(before), (weight[:, None, None] * before.plans[6:]).sum(0))
    np.testing.assert_allclose(tried.plans[10], MPPI(MPPIConfig()).mean(before))


def test_mppi_with_one_iteration_alone_executes_its_best_candidate():
    """The mean of a plan made on the way is the running plan: choosing it would never change anything."""
    refit, running = MPPI(MPPIConfig()), np.zeros((1, 1, 2))
    plans = np.array([[[0.0, 0.0]], [[0.2, 0.0]], [[0.4, 0.0]]])
    tried = Tried(running, plans, np.array([2.0, 1.0, 3.0]), np.zeros_like(plans), (3,))
    assert refit.choose(tried) == 1


def test_gradient_steps_are_those_of_adam():
    refit = Gradient(GradientConfig(rate=0.1, decay=1.0))
    plans, slopes = np.zeros((2, 1, 2)), np.array([[[1.0, -2.0]], [[0.5, 0.0]]])
    first = Tried(plans[:0], plans, np.array([2.0, 1.0]), slopes, (2,))
    moved = refit.propose(np.random.default_rng(0), BOX, first, 2)
    # the first step of Adam has the length of the rate along every axis; the cheaper plan comes first
    np.testing.assert_allclose(moved[:, 0], [[-0.2, 0.0], [-0.2, 0.1]], atol=1e-6)
    with pytest.raises(ValueError, match=r"grow in number: \(2, 3\)"):
        Gradient(GradientConfig(candidates=(2, 3)))


def test_an_unknown_planner_is_named():
    from envs.strike import Strike

    with pytest.raises(ValueError, match="'sa'; choose among shooting, cem, icem, mppi, gradient"):
        make_planner("sa", Strike(), "analytic")
    assert config_for("cem", Strike()).candidates == (40, 14, 14, 14, 14)
