"""Agreement of imagined and real success, against scipy and tables worked out on paper."""

import numpy as np
import pytest
from scipy import stats

from benchmarks.statistics import agreement, kendall, mmrv, pearson, spearman, top1_regret


def units(n=24, seed=0):
    rng = np.random.default_rng(seed)
    real = rng.random(n).round(1)  # with ties
    return {"imagined": np.clip(real + rng.normal(0, 0.2, n), 0, 1).round(2), "real": real}


@pytest.mark.parametrize("seed", range(4))
def test_correlations_agree_with_scipy(seed):
    x = units(seed=seed)
    assert pearson(**x) == pytest.approx(stats.pearsonr(x["imagined"], x["real"]).statistic)
    assert spearman(**x) == pytest.approx(stats.spearmanr(x["imagined"], x["real"]).statistic)
    assert kendall(**x) == pytest.approx(stats.kendalltau(x["imagined"], x["real"]).statistic)


@pytest.mark.parametrize("measure", [pearson, spearman, kendall])
def test_constant_vectors_have_no_correlation(measure):
    assert np.isnan(measure(imagined=np.full(5, 0.1), real=np.arange(5.0)))
    assert np.isnan(measure(imagined=np.arange(5.0), real=np.full(5, 0.1)))
    assert measure(imagined=np.arange(5.0), real=np.arange(5.0)) == pytest.approx(1)


def test_measures_are_vectorised():
    some = [units(seed=s) for s in range(3)]
    together = {k: np.stack([x[k] for x in some]) for k in ("imagined", "real")}
    for measure in (pearson, spearman, kendall, mmrv, top1_regret):
        assert measure(**together) == pytest.approx([float(measure(**x)) for x in some])


def test_mmrv_on_paper():
    real = np.array([0.1, 0.4, 0.5, 0.9])
    assert mmrv(imagined=real**2, real=real) == 0
    # the best two exchanged: each is violated by the other, by 0.4 of real success
    assert mmrv(imagined=np.array([0.0, 0.1, 0.9, 0.8]), real=real) == pytest.approx((0.4 + 0.4) / 4)
    # reversed: each unit against the one farthest from it
    assert mmrv(imagined=-real, real=real) == pytest.approx((0.8 + 0.5 + 0.4 + 0.8) / 4)
    # all tied in imagination: a unit is violated by those that it beats in reality
    assert mmrv(imagined=np.zeros(4), real=real) == pytest.approx((0 + 0.3 + 0.4 + 0.8) / 4)


def test_mmrv_takes_the_gap_in_real_success():
    x = {"imagined": np.array([0.2, 0.3]), "real": np.array([0.9, 0.1])}
    assert mmrv(**x) == pytest.approx(0.8)
    assert mmrv(imagined=x["real"], real=x["imagined"]) == pytest.approx(0.1)
    with pytest.raises(TypeError):
        mmrv(x["imagined"], x["real"])


def test_regret_on_paper():
    real = np.array([0.2, 0.9, 0.5])
    assert top1_regret(imagined=np.array([0.1, 0.3, 0.2]), real=real) == 0
    assert top1_regret(imagined=np.array([0.1, 0.2, 0.3]), real=real) == pytest.approx(0.4)
    assert top1_regret(imagined=np.array([0.3, 0.1, 0.3]), real=real) == pytest.approx(0.9 - 0.35)


def test_everything_has_an_interval_and_a_range_without_one_unit():
    x = units()
    found = agreement(**x, resamples=2000)
    assert set(found) == {"pearson", "spearman", "kendall", "mmrv", "top1_regret"}
    for each in found.values():
        assert each.estimate.low <= each.estimate.value <= each.estimate.high and each.estimate.n == 24
    without = [
        stats.spearmanr(np.delete(x["imagined"], i), np.delete(x["real"], i)).statistic for i in range(24)
    ]
    assert found["spearman"].without_one == pytest.approx((min(without), max(without)))
    assert found == agreement(**x, resamples=2000)
    assert found != agreement(**x, resamples=2000, seed=1)


def test_interval_of_pearson_is_near_fishers():
    rng = np.random.default_rng(5)
    real = rng.normal(size=100)
    imagined = 0.8 * real + 0.6 * rng.normal(size=100)
    found = agreement(imagined=imagined, real=real, resamples=1000)["pearson"].estimate
    z = np.arctanh(found.value) + np.array([-1.96, 1.96]) / np.sqrt(97)
    assert (found.low, found.high) == pytest.approx(np.tanh(z), abs=0.04)


def test_one_unit_that_makes_a_correlation_is_seen():
    x = {
        "imagined": np.r_[np.tile([0.1, 0.2], 10), 5.0],
        "real": np.r_[np.tile([0.1, 0.1, 0.2, 0.2], 5), 5.0],
    }
    found = agreement(**x, resamples=200)["pearson"]
    assert found.estimate.value > 0.99 and found.without_one[0] == pytest.approx(0, abs=1e-9)


def test_few_units_are_flagged_and_nonsense_refused():
    few = agreement(imagined=[0.1, 0.3, 0.2], real=[0.1, 0.2, 0.3])
    assert all(a.estimate.needed == 20 and np.isnan(a.estimate.low) for a in few.values())
    assert agreement(**units(12), needed=10, resamples=200)["mmrv"].estimate.needed is None
    with pytest.raises(ValueError, match="not paired"):
        agreement(imagined=[0.1, 0.2, 0.3], real=[0.1, 0.2])
    with pytest.raises(ValueError, match="imagined"):
        agreement(imagined=[0.1, 0.2, float("nan")], real=[0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match="at least 3"):
        agreement(imagined=[0.1, 0.2], real=[0.1, 0.2])


@pytest.mark.parametrize("measure", [pearson, spearman, kendall, mmrv, top1_regret])
def test_every_measure_refuses_nonsense(measure):
    with pytest.raises(ValueError, match="not paired"):
        measure(imagined=[0.1, 0.2], real=[0.1])
    with pytest.raises(ValueError, match="not paired"):
        measure(imagined=[], real=[])
    with pytest.raises(ValueError, match="finite"):
        measure(imagined=[0.1, float("nan")], real=[0.1, 0.2])


def test_a_constant_world_gives_no_correlation_but_a_regret():
    found = agreement(imagined=np.full(25, 0.5), real=np.linspace(0, 1, 25), resamples=200)
    assert np.isnan(found["pearson"].estimate.value) and np.isnan(found["kendall"].estimate.low)
    assert found["top1_regret"].estimate.value == pytest.approx(0.5)
