import numpy as np
import pytest
from scipy.stats import binom
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar
from statsmodels.stats.proportion import proportion_confint

from benchmarks import statistics


def table(a, b, c, d):
    """Paired outcomes with a both, b first only, c second only, d neither."""
    first = np.repeat([True, True, False, False], [a, b, c, d])
    second = np.repeat([True, False, True, False], [a, b, c, d])
    return first, second


@pytest.mark.parametrize("k, n", [(1, 10), (81, 263), (15, 148), (199, 200), (50, 100)])
def test_wilson_agrees_with_statsmodels(k, n):
    assert statistics.wilson(k, n) == pytest.approx(proportion_confint(k, n, method="wilson"), abs=1e-12)


def test_wilson_published_values():
    # Newcombe (1998), Statistics in Medicine 17:857, table I, method 3.
    assert statistics.wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert statistics.wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)


@pytest.mark.parametrize("k, n", [(0, 20), (20, 20), (0, 200)])
def test_ends_are_clopper_pearson(k, n):
    assert statistics.wilson(k, n) == pytest.approx(proportion_confint(k, n, method="beta"), abs=1e-12)


@pytest.mark.parametrize("k, n", [(-1, 3), (4, 3), (0, 0)])
def test_intervals_refuse_nonsense(k, n):
    for interval in (statistics.wilson, statistics.clopper_pearson):
        with pytest.raises(ValueError, match="proportion"):
            interval(k, n)


def test_clopper_pearson_agrees_with_statsmodels_and_covers():
    k, n = np.arange(21), np.full(21, 20)
    low, high = statistics.clopper_pearson(k, n)
    assert np.stack([low, high]) == pytest.approx(
        np.stack(proportion_confint(k, n, method="beta")), abs=1e-12
    )
    for p in (0.05, 0.3, 0.5, 0.93):  # exact coverage, by summing the binomial law
        assert binom.pmf(k, 20, p)[(low <= p) & (p <= high)].sum() >= 0.95


def test_intervals_are_vectorised():
    k, n = np.array([0, 3, 20]), np.array([20, 7, 20])
    for interval in (statistics.wilson, statistics.clopper_pearson):
        each = [interval(int(a), int(b)) for a, b in zip(k, n)]
        assert np.stack(interval(k, n), axis=1) == pytest.approx(np.array(each), abs=1e-15)


def test_newcombe_published_values():
    # Newcombe (1998), Statistics in Medicine 17:2635, table III, method 10.
    for cells, low, high in [
        ((36, 12, 2, 0), 0.0569, 0.3404),
        ((36, 14, 0, 0), 0.1528, 0.4167),
        ((54, 0, 0, 0), -0.0664, 0.0664),
    ]:
        estimate = statistics.paired_difference(*table(*cells))
        assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=1e-4), cells


def test_newcombe_is_antisymmetric():
    one = statistics.paired_difference(*table(30, 20, 5, 10))
    two = statistics.paired_difference(*reversed(table(30, 20, 5, 10)))
    assert (one.value, one.low, one.high) == pytest.approx((-two.value, -two.high, -two.low))


@pytest.mark.parametrize("cells", [(10, 7, 2, 4), (0, 1, 0, 0), (3, 0, 0, 3), (50, 30, 10, 5)])
def test_mcnemar_agrees_with_statsmodels(cells):
    a, b, c, d = cells
    expected = 1.0 if b + c == 0 else reference_mcnemar([[a, b], [c, d]], exact=True).pvalue
    assert statistics.mcnemar(*table(*cells)) == pytest.approx(expected)


def test_ratio_interval_is_near_the_delta_method():
    first, second = table(300, 60, 100, 40)
    estimate = statistics.paired_ratio(first, second)
    x, n = np.stack([first, second]).astype(float), len(first)
    ratio = x[0].mean() / x[1].mean()
    covariance = np.cov(x) / n
    gradient = np.array([1 / x[0].mean(), -1 / x[1].mean()])
    half = 1.96 * np.sqrt(gradient @ covariance @ gradient) * ratio
    assert estimate.value == pytest.approx(ratio)
    assert (estimate.low, estimate.high) == pytest.approx((ratio - half, ratio + half), abs=0.01)


def test_clusters_widen_the_interval():
    """Every start played ten times with the same result is no more evidence than playing it once."""
    first, second = table(30, 5, 10, 5)
    once = statistics.paired_ratio(first, second)
    repeated = statistics.paired_ratio(first.repeat(10), second.repeat(10), clusters=np.arange(50).repeat(10))
    careless = statistics.paired_ratio(first.repeat(10), second.repeat(10))
    assert repeated.n == once.n == 50
    assert repeated.high - repeated.low == pytest.approx(once.high - once.low, abs=0.02)
    assert careless.high - careless.low < 0.5 * (once.high - once.low)


def test_ratio_without_denominator():
    assert np.isnan(statistics.paired_ratio([1, 0], [0, 0]).value)
    assert statistics.paired_ratio([1] * 8, [1] + [0] * 7).high == np.inf


@pytest.mark.parametrize("first", [0, 1])
def test_ratio_of_equal_starts_is_not_certain(first):
    estimate = statistics.paired_ratio([first] * 10, [1] * 10)
    assert estimate.value == first
    assert estimate.low <= first <= estimate.high
    assert estimate.high - estimate.low > 0.3


def test_mean_interval_covers_the_truth():
    rng = np.random.default_rng(0)
    hits = 0
    for trial in range(200):
        e = statistics.mean(rng.normal(3.0, 1.0, size=60), resamples=500, seed=trial)
        hits += e.low <= 3.0 <= e.high
    assert 0.89 <= hits / 200 <= 0.99


def test_too_few_units_say_how_many_are_needed():
    assert statistics.units_needed() == 6 and statistics.units_needed(0.9) == 5
    few = statistics.mean([1.0, 2.0, 4.0])
    assert few.value == pytest.approx(7 / 3) and np.isnan([few.low, few.high]).all()
    assert (few.n, few.needed) == (3, 6) and "needs 6" in str(few)
    assert few.row() == {"value": few.value, "low": None, "high": None, "n": 3}
    assert statistics.mean(np.arange(6.0)).needed is None
    assert statistics.mean(np.arange(12.0), clusters=np.repeat([0, 1, 2, 3], 3)).needed == 6
    assert statistics.paired_ratio([1, 1], [1, 0]).needed == 6


def test_equal_values_have_an_interval_of_no_width():
    same = statistics.mean([0.25] * 9)
    assert (same.value, same.low, same.high) == (0.25, 0.25, 0.25)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="not paired"):
        statistics.mcnemar([1, 0], [1])
    with pytest.raises(ValueError, match="no mean"):
        statistics.mean([1.0, float("nan")])
    with pytest.raises(ValueError, match="no mean"):
        statistics.mean([])
    with pytest.raises(ValueError, match="one label per row"):
        statistics.mean([1.0, 2.0], clusters=[1])
    with pytest.raises(ValueError, match="success or failure"):
        statistics.proportion([0.5])
