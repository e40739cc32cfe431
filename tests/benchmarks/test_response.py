"""Dose and response: against statsmodels, known curves, and where there is too little to tell."""

import numpy as np
import pytest
import statsmodels.api as sm

from benchmarks.costing.response import fit, halving, logistic

DOSES = np.array([0.0, 0.1, 0.2, 0.4, 0.8])


def outcomes(rng, starts, intercept=2.5, slope=-6.0):
    """Doses, outcomes and starts [starts * 5] of a known curve."""
    doses, who = np.tile(DOSES, starts), np.repeat(np.arange(starts), len(DOSES))
    return doses, rng.random(len(doses)) < 1 / (1 + np.exp(-intercept - slope * doses)), who


def test_the_fit_is_that_of_statsmodels():
    doses, solved, starts = outcomes(np.random.default_rng(0), 200)
    found = fit(doses, solved, starts, resamples=10)
    expected = sm.Logit(solved.astype(float), sm.add_constant(doses)).fit(disp=0).params
    assert [found.intercept, found.slope] == pytest.approx(list(expected), rel=1e-5)
    assert found.half is not None
    assert found.success([0.0]) == pytest.approx(2 * found.success([found.half]))


def test_intervals_cover_the_true_dose_as_often_as_they_say():
    true = float(halving(np.array(2.5), np.array(-6.0)))
    rng = np.random.default_rng(1)
    fits = [fit(*outcomes(rng, 60), resamples=300, seed=i) for i in range(120)]
    covered = [f.low <= true <= f.high for f in fits]
    assert 0.88 <= np.mean(covered) <= 0.99
    assert np.mean([f.half for f in fits]) == pytest.approx(true, rel=0.03)


def test_starts_are_drawn_with_all_that_was_done_on_them():
    """Ten copies of every start tell nothing new; as starts of their own they would shrink the interval."""
    doses, solved, starts = outcomes(np.random.default_rng(2), 60)
    one = fit(doses, solved, starts)
    ten = [np.tile(a, 10) for a in (doses, solved, starts)]
    copied = fit(*ten)
    free = fit(ten[0], ten[1], np.arange(600).repeat(5))
    assert (copied.low, copied.high) == pytest.approx((one.low, one.high), rel=1e-3)
    assert free.high - free.low < 0.5 * (one.high - one.low)
    assert fit(doses, solved, starts) == one


def test_separated_data_have_a_finite_curve_between_the_doses():
    a, b = logistic(DOSES, np.full((1, 5), 30.0), np.array([[30.0, 30.0, 30.0, 0.0, 0.0]]))
    assert np.isfinite([a, b]).all() and 0.2 < halving(a, b)[0] < 0.4


def test_too_little_gives_no_interval_and_says_so():
    doses, solved, starts = outcomes(np.random.default_rng(3), 12)
    few = fit(doses, solved, starts)
    assert few.half is not None and few.low is None and few.high is None
    assert few.note == "no interval: 12 starts, 20 are needed"
    doses, _, starts = outcomes(np.random.default_rng(3), 40)
    rare = fit(doses, (doses > 0.5) & (starts < 4), starts)
    assert "4 successes" in rare.note and rare.low is None
    steep = fit(doses, (doses < 0.3) | ((doses < 0.5) & (starts % 2 == 0)), starts)
    assert (
        steep.half == pytest.approx(0.4, abs=0.02)
        and "successes and failures at 1 of the doses" in steep.note
    )


def test_a_success_that_never_halves_has_no_dose():
    doses, solved, starts = outcomes(np.random.default_rng(4), 80, slope=-0.5)
    found = fit(doses, solved, starts)
    assert found.half is None and found.low is None and "does not fall by half within 0.8 m" in found.note


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (([0.0, 1.0], [1], [0, 1]), "do not belong together"),
        (([0.0, 1.0], [1, 2], [0, 1]), "expected 0 or 1"),
        (([0.5, 0.5], [1, 0], [0, 1]), "two different doses"),
        (([0.0, np.nan], [1, 0], [0, 1]), "finite"),
    ],
)
def test_bad_data_are_refused(data, words):
    with pytest.raises(ValueError, match=words):
        fit(*data)
