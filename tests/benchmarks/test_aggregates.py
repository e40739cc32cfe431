"""Aggregates, adjusted p values and calibration, against statsmodels, scipy and sums worked out on paper."""

import numpy as np
import pytest
from scipy.stats import mannwhitneyu
from statsmodels.stats.multitest import multipletests

from benchmarks.statistics import (
    auccess,
    benjamini_hochberg,
    brier_skill,
    calibration_error,
    holm,
    iqm,
    performance_profile,
    probability_of_improvement,
)


@pytest.mark.parametrize("adjust, method", [(holm, "holm"), (benjamini_hochberg, "fdr_bh")])
def test_adjusted_p_values_agree_with_statsmodels(adjust, method):
    for p in (
        np.random.default_rng(0).random(25) ** 3,
        [0.04],
        [0.01, 0.01, 0.03, 0.5, 0.5],
        [0.0, 1.0, 1.0],
    ):
        assert adjust(p) == pytest.approx(multipletests(p, method=method)[1], abs=1e-15)


def test_benjamini_and_hochbergs_own_example():
    # Benjamini and Hochberg (1995), section 4.1: at 5 % four are rejected, by Bonferroni's rule three.
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719]
    p += [0.6528, 0.7590, 1.000]
    assert (benjamini_hochberg(p) <= 0.05).sum() == 4
    assert (holm(p) <= 0.05).sum() == 3


@pytest.mark.parametrize("p", [[], [0.1, float("nan")], [1.2], [-0.1]])
def test_no_p_values_are_refused(p):
    with pytest.raises(ValueError, match="p values"):
        holm(p)


def test_probability_of_improvement_is_mann_and_whitneys():
    rng = np.random.default_rng(0)
    one, two = rng.integers(0, 6, (7, 3)), rng.integers(0, 5, (9, 3))  # with ties
    expected = np.mean([mannwhitneyu(one[:, m], two[:, m]).statistic / 63 for m in range(3)])
    found = probability_of_improvement(one, two, resamples=500)
    assert found.value == pytest.approx(expected) and found.low < expected < found.high
    assert probability_of_improvement(two, one, resamples=500).value == pytest.approx(1 - expected)


def test_probability_of_improvement_at_the_ends():
    same = probability_of_improvement(np.ones((5, 2)), np.ones((5, 2)), resamples=200)
    assert (same.value, same.low, same.high) == (0.5, 0.5, 0.5)
    assert probability_of_improvement(np.full((5, 2), 2.0), np.ones((5, 2)), resamples=200).low == 1.0
    assert probability_of_improvement([[1.0, 2.0]], [[0.0, 0.0]]).needed == 8
    with pytest.raises(ValueError, match="tasks are not paired"):
        probability_of_improvement(np.ones((5, 2)), np.ones((5, 3)))


def test_performance_profiles_count():
    profile = performance_profile([0.0, 0.5, 0.5, 1.0], [-1.0, 0.0, 0.5, 0.9, 1.0])
    assert profile[0] == pytest.approx([1, 0.75, 0.25, 0.25, 0])
    with pytest.raises(ValueError, match="scores"):
        performance_profile([float("nan")], [0.5])
    with pytest.raises(ValueError, match="scores"):
        iqm([])


def test_auccess_is_its_weighted_sum():
    solved_at = [1, 3, 100, 101, np.inf, 10, 2]
    k = np.arange(1, 101)
    w = np.log(k + 1) - np.log(k)
    share = (np.asarray(solved_at)[:, None] <= k).mean(axis=0)
    assert auccess(solved_at).value == pytest.approx((w * share).sum() / w.sum())
    assert auccess([1] * 6).value == 1 and auccess([np.inf] * 6).value == 0
    for nonsense in ([0], [1.5], [float("nan")]):
        with pytest.raises(ValueError, match="attempts"):
            auccess(nonsense)


def test_brier_skill_is_resolution_less_reliability():
    """Murphy's (1973) partition, exact where each bin holds one prediction: 1 - (REL - RES + UNC) / UNC."""
    p = np.repeat([0.1, 0.5, 0.9], [40, 20, 40])
    y = np.concatenate([np.repeat([1, 0], [8, 32]), np.repeat([1, 0], [10, 10]), np.repeat([1, 0], [30, 10])])
    bins, base = [(40, 0.1, 0.2), (20, 0.5, 0.5), (40, 0.9, 0.75)], y.mean()
    reliability = sum(n * (f - o) ** 2 for n, f, o in bins) / 100
    resolution = sum(n * (o - base) ** 2 for n, _, o in bins) / 100
    found = brier_skill(p, y)
    assert found.value == pytest.approx((resolution - reliability) / (base * (1 - base)))
    assert found.low < found.value < found.high
    assert calibration_error(p, y).value == pytest.approx(0.4 * 0.1 + 0.4 * 0.15)


def test_scores_at_the_ends():
    y = np.array([0, 1] * 6)
    assert brier_skill(y, y).value == 1 and calibration_error(y, y).value == 0
    assert brier_skill(np.full(12, 0.5), y).value == 0
    assert brier_skill(1 - y, y).value == -3 and calibration_error(1 - y, y).value == 1
    never = brier_skill(np.full(12, 0.2), np.zeros(12))
    assert np.isnan([never.value, never.low, never.high]).all()
    assert brier_skill([0.4, 0.6], [0, 1]).needed == 6


def test_predictions_that_are_no_probabilities_are_refused():
    with pytest.raises(ValueError, match="predicted probabilities"):
        brier_skill([1.5, 0.2], [1, 0])
    with pytest.raises(ValueError, match="not paired"):
        calibration_error([0.5], [1, 0])
    with pytest.raises(ValueError, match="success or failure"):
        brier_skill([0.5, 0.5], [0.5, 1])
