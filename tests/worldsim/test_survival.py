"""Kaplan and Meier's estimate against a published table, statsmodels and cases worked out on paper."""

import numpy as np
import pytest
from statsmodels.duration.survfunc import SurvfuncRight

from worldsim.metrics.survival import kaplan_meier

# Remission in weeks under 6-mercaptopurine: Freireich et al. (1963), Blood 21:699
WEEKS = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
RELAPSED = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]


def test_the_leukaemia_data():
    # Kalbfleisch and Prentice (2002), "The Statistical Analysis of Failure Time Data", table 1.2
    found = kaplan_meier(WEEKS, RELAPSED)
    table = {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448}
    error = {6: 0.0764, 7: 0.0869, 10: 0.0963, 13: 0.1068, 16: 0.1141, 22: 0.1282, 23: 0.1346}
    for week, share in table.items():
        value, low, high = found.at(week)
        assert value == pytest.approx(share, abs=5e-4)
        assert value - low == pytest.approx(1.96 * error[week], abs=3e-4)
        assert high == pytest.approx(min(1.0, value + 1.96 * error[week]), abs=5e-4)
    assert found.median() == 23 and found.n == 21
    assert found.at_risk[list(found.time).index(10)] == 15
    assert found.at(40)[0] == pytest.approx(0.448, abs=5e-4)


@pytest.mark.parametrize("seed", range(3))
def test_it_agrees_with_statsmodels(seed):
    rng = np.random.default_rng(seed)
    time, event = rng.integers(1, 20, 60).astype(float), rng.random(60) < 0.6
    mine, theirs = kaplan_meier(time, event), SurvfuncRight(time, event)
    some = mine.events > 0
    assert mine.time[some] == pytest.approx(theirs.surv_times)
    assert mine.share[some] == pytest.approx(theirs.surv_prob)
    half = (mine.share - mine.low)[some]
    inner = mine.low[some] > 0
    assert half[inner] == pytest.approx(1.959964 * theirs.surv_prob_se[inner], rel=1e-5)


def test_without_censoring_it_counts():
    found = kaplan_meier([1, 2, 2, 4], [1, 1, 1, 1])
    assert found.share == pytest.approx([1.0, 0.75, 0.25, 0.0])
    assert found.median() == 2 and found.at(0.5) == pytest.approx((1.0, 0.025 ** (1 / 4), 1.0))
    assert found.mean(until=4) == pytest.approx(np.mean([1, 2, 2, 4]))
    assert found.at(4) == pytest.approx((0.0, 0.0, 1 - 0.025))  # Clopper and Pearson of 0 in 1


def test_clips_that_never_diverge_are_censored():
    found = kaplan_meier([3.0] * 10, [False] * 10)
    assert found.share.tolist() == [1.0, 1.0] and found.median() == float("inf")
    assert (found.low[0], found.high[0]) == pytest.approx((0.025 ** (1 / 10), 1.0))
    assert found.mean(until=3.0) == 3.0


def test_bad_input_is_refused():
    for time, event in (([], []), ([1.0], [1, 0]), ([float("nan")], [1]), ([-1.0], [1]), ([1.0], [0.5])):
        with pytest.raises(ValueError, match=r"paired|finite"):
            kaplan_meier(time, event)
