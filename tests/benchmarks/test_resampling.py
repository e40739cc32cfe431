"""The bootstrap against variances worked out on paper, and the hierarchy against what it must not ignore."""

import numpy as np
import pytest
from scipy.stats import bootstrap as scipy_bootstrap
from scipy.stats import trim_mean

from benchmarks.statistics import average, bootstrap, iqm, mean
from benchmarks.statistics.resampling import draws


def weights(levels, **options):
    return np.concatenate(list(draws(levels, resamples=4000, **options)))


def test_clusters_alone_are_the_mean():
    rng = np.random.default_rng(0)
    values, clusters = rng.normal(size=60), np.arange(60) // 3
    one = mean(values, clusters, seed=3)
    two = bootstrap(lambda w: average(values, w), [clusters], seed=3)
    assert (one.value, one.low, one.high, one.n) == pytest.approx((two.value, two.low, two.high, two.n))


def test_same_seed_same_interval():
    values = np.random.default_rng(0).normal(size=30)
    one, again, other = (bootstrap(lambda w: average(values, w), [np.arange(30)], seed=s) for s in (1, 1, 2))
    assert one == again and (one.low, one.high) != (other.low, other.high)


def test_one_level_agrees_with_scipy():
    values = np.random.default_rng(1).exponential(size=40)
    mine = bootstrap(lambda w: average(values, w), [np.arange(40)])
    theirs = scipy_bootstrap((values,), np.mean, method="percentile", n_resamples=10_000, rng=0)
    assert (mine.low, mine.high) == pytest.approx(theirs.confidence_interval, abs=0.02)


def test_the_interval_of_an_iqm_agrees_with_scipy():
    values = np.random.default_rng(2).exponential(size=40)
    mine = bootstrap(lambda w: iqm(values, w), [np.arange(40)])
    theirs = scipy_bootstrap(
        (values,), lambda x, axis: trim_mean(x, 0.25, axis=axis), method="percentile", rng=0, vectorized=True
    )
    assert (mine.low, mine.high) == pytest.approx(theirs.confidence_interval, abs=0.02)


def test_strata_keep_their_sizes():
    strata = np.repeat([0, 1, 2], [3, 10, 5])
    drawn = weights([np.arange(18)], strata=strata)
    for s, size in enumerate((3, 10, 5)):
        assert (drawn[:, strata == s].sum(axis=1) == size).all()


def test_strata_take_out_the_difference_between_tasks():
    """Variance by strata: mean of the variances within (Efron's plug-in ones) over n, not the total one."""
    rng = np.random.default_rng(2)
    values, strata = np.concatenate([rng.normal(0, 1, 30), rng.normal(100, 2, 30)]), np.repeat(["a", "b"], 30)
    spread = average(values, weights([np.arange(60)], strata=strata)).std()
    within = (values[:30].var() + values[30:].var()) / 2
    assert spread == pytest.approx(np.sqrt(within / 60), rel=0.05)


def nested(models=8, seeds=3, starts=20, rng=None):
    rng = np.random.default_rng(3) if rng is None else rng
    model, seed, start = (a.ravel() for a in np.indices((models, seeds, starts)))
    values = rng.normal(size=models)[model] + 0.3 * rng.normal(size=(models, seeds))[model, seed]
    return values + 0.5 * rng.normal(size=len(model)), [model, seed, start]


def test_hierarchy_has_the_variance_of_its_levels():
    """Plug-in variance of a nested draw: between models / M, plus within / (M S), plus within / (M S K)."""
    values, levels = nested()
    by_start = values.reshape(8, 3, 20)
    by_seed, by_model = by_start.mean(2), by_start.mean((1, 2))
    expected = by_model.var() / 8 + by_seed.var(1).mean() / 24 + by_start.var(2).mean() / 480
    assert average(values, weights(levels)).std() == pytest.approx(np.sqrt(expected), rel=0.05)


def test_hierarchy_is_wider_than_pretending_rows_are_independent():
    values, levels = nested()
    honest = bootstrap(lambda w: average(values, w), levels)
    careless = mean(values)
    assert honest.n == 8 and honest.high - honest.low > 4 * (careless.high - careless.low)


def test_labels_are_nested_so_equal_names_below_different_parents_differ():
    levels = [np.repeat([0, 1], 4), np.tile([0, 0, 1, 1], 2)]
    assert np.array_equal(weights(levels), weights([levels[0], np.repeat([5, 7, 6, 8], 2)])[:, :])


def test_a_shared_start_is_drawn_for_all_models_alike():
    """Starts that are hard for everybody: nesting them hides their variance, crossing them shows it."""
    rng = np.random.default_rng(4)
    model, start = (a.ravel() for a in np.indices((10, 12)))
    values = rng.normal(size=12)[start] + 0.01 * rng.normal(size=120)
    crossed = average(values, weights([model], crossed=start)).std()
    nested_in = average(values, weights([model, start])).std()
    assert crossed == pytest.approx(values.reshape(10, 12).mean(0).std() / np.sqrt(12), rel=0.1)
    assert nested_in < 0.5 * crossed


def test_too_few_models_are_flagged_however_many_starts_there_are():
    values, levels = nested(models=3)
    few = bootstrap(lambda w: average(values, w), levels)
    assert (few.n, few.needed) == (3, 6) and np.isnan(few.low)
    lonely = bootstrap(lambda w: average(values, w), [np.arange(180)], strata=np.r_[0, np.ones(179)])
    assert lonely.needed == 181


def test_statistics_that_are_seldom_defined_have_no_interval():
    undefined = bootstrap(lambda w: np.where(w[:, 0] > 0, 1.0, np.nan), [np.arange(10)])
    assert undefined.value == 1 and np.isnan(undefined.low) and undefined.needed is None


def test_labels_of_other_lengths_are_refused():
    with pytest.raises(ValueError, match="one label of each kind per row"):
        bootstrap(lambda w: w[:, 0], [[1, 2], [1, 2, 3]])


@pytest.mark.parametrize("n", [1, 3, 4, 7, 20, 101])
def test_iqm_is_the_trimmed_mean(n):
    scores = np.random.default_rng(n).normal(size=n)
    assert iqm(scores)[0] == pytest.approx(trim_mean(scores, 0.25))
    drawn = np.random.default_rng(n).multinomial(n, np.full(n, 1 / n), size=5)
    assert iqm(scores, drawn) == pytest.approx([trim_mean(np.repeat(scores, w), 0.25) for w in drawn])
