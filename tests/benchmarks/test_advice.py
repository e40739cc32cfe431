"""The table for a person, on rows whose answers follow from the written thresholds."""

import pytest

from benchmarks.bridging import advice
from benchmarks.bridging.advice import CARE, NO, UNKNOWN, YES, advise, answer, answers, in_words
from benchmarks.reports import bridge_tables
from benchmarks.results_io import check


@pytest.mark.parametrize(
    "low, high, n, word",
    [
        (-0.05, 0.10, 5, YES),
        (0.11, 0.25, 5, CARE),
        (0.26, 0.90, 5, NO),
        (0.05, 0.15, 200, CARE),
        (0.05, 0.15, 199, UNKNOWN),
        (0.20, 0.30, 200, NO),
        (0.00, 0.90, 10, UNKNOWN),
    ],
)
def test_an_answer_is_read_off_the_whole_interval(low, high, n, word):
    assert answer(low, high, n) == word


PLACE = {"task": "Strike", "level": "id", "world": "box2d"}


def row(metric, value, half=0.02, n=200, **columns):
    ends = {} if half is None else {"low": value - half, "high": value + half}
    return {**PLACE, "metric": metric, "value": value, "low": None, "high": None, **ends, "n": n, **columns}


def training(loss, able=0.98, policy="cem", **more):
    """Success of a policy prepared in the model below that of the one prepared in the engine."""
    mine = {"policy": policy, "prepared_in": "learned", "model": "m"}
    return [
        row("success_difference_to_box2d", -loss, **mine, **more),
        row("success", able, policy=policy, prepared_in="box2d"),
    ]


def judging(gap=0.0, rank=0.99, half=0.02, best=0.99, n=20):
    mine = {"model": "m"}
    return [
        row("gap", gap, n=n, **mine),
        row("gap", gap, policy="cem", prepared_in="learned", **mine),
        row("gap_ceiling", 0.01, n=n, **mine),
        row("spearman", rank, half, n=n, **mine),
        row("spearman_ceiling", best, **mine),
    ]


def test_may_i_train_in_it():
    def told(*rows):
        (one,) = advise([r for group in rows for r in group])
        return one.train

    assert told(training(0.01)).word == YES
    assert told(training(0.2)).word == CARE and "cem loses 0.20 [0.18, 0.22]" in told(training(0.2)).why
    assert told(training(0.01), training(0.5, policy="ppo")).word == NO  # the worst policy decides
    assert told(training(0.2, n=10, half=0.3)).why.endswith("10 of 200 starts")
    weak = training(0.01, able=0.3, policy="ppo")
    assert told(weak).word == UNKNOWN and "only 30% when prepared in the engine" in told(weak).why
    assert told(weak, training(0.01)).word == YES  # one that is able tells
    assert told(training(0.5, able=0.8)).word == NO  # a loss is a loss


def test_may_i_judge_in_it():
    def told(**changes):
        (one,) = advise(judging(**changes))
        return one.judge

    assert told().word == YES
    assert told(gap=0.2).word == told(gap=-0.2).word == CARE
    assert told(gap=0.4).word == told(rank=0.5).word == NO
    assert told(rank=0.8).word == CARE and told(rank=0.8, best=0.85).word == YES  # two engines do no better
    few = told(half=None, n=7)
    assert few.word == UNKNOWN and "7 of 20 policies" in few.why
    assert told(gap=0.5, half=None, n=7).word == NO  # a gap that is certain needs no ranks


def test_the_thresholds_are_written_where_they_are_used():
    assert f"{advice.SMALL:.2f}" in advice.RULES[0] and f"{advice.LARGE:.2f}" in advice.RULES[0]


def test_answers_in_words():
    rows = training(0.01) + [r | {"level": "speed"} for r in training(0.5)]
    (told,) = in_words(advise(rows), str.upper)
    assert told.model == "m" and told.answers == {
        "May I train in it?": [(YES, "Strike ID"), (NO, "Strike SPEED")],
        "May I judge in it?": [(UNKNOWN, "everywhere")],
    }


def test_answers_are_result_rows_unless_data_is_lacking():
    found = answers(advise(training(0.01)))
    check(found)
    assert found == [{"task": "Strike", "level": "id", "model": "m", "metric": "may_train", "value": 1.0}]
    both = answers(advise(training(0.2) + judging(gap=0.4)))
    assert [(r["metric"], r["value"]) for r in both] == [("may_train", 0.5), ("may_judge", 0.0)]


def test_the_table_holds_both_answers_and_what_they_rest_on():
    [[place, model, train, judge]] = bridge_tables.advice([*training(0.2), *judging(gap=0.3)]).lines
    assert (place, model) == ("Strike, in-distribution", "m")
    assert train == "with care: cem loses 0.20 [0.18, 0.22]"
    assert judge.startswith("no: mean gap +0.30 [+0.28, +0.32]")
