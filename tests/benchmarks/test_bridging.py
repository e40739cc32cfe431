"""The measures of the bridge on records whose tables, ranks and probabilities are known."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.bridging.calibration import calibration
from benchmarks.bridging.exploitation import exploitation, pressure
from benchmarks.bridging.gap import gaps
from benchmarks.bridging.panels import match, panel
from benchmarks.bridging.planning import lifts, planning_gaps
from benchmarks.bridging.ranks import model_agreement, policy_agreement, run_of
from benchmarks.episodes.records import EpisodeRecord
from benchmarks.episodes.specs import Spec
from benchmarks.policy_set import POLICY_SET
from benchmarks.results_io import check, select
from envs.tasks import make_task


def episodes(policy, world, solved, sample=0):
    """One record for each start, by whether it is solved."""
    spec = Spec.parse(policy)
    blank = EpisodeRecord(
        "Strike", "id", 0, world, spec.name, spec.prepared_in, False, 0.5, 28, sample=sample
    )
    return [replace(blank, start_id=i, success=bool(s)) for i, s in enumerate(solved)]


def first(count, of=20):
    """The first `count` of so many starts are solved."""
    return np.arange(of) < count


def panels(outcomes, of=20):
    """Imagined and real panels from solved starts by policy: counts, or arrays."""
    found = []
    for policy, both in outcomes.items():
        for world, solved in zip(("learned", "box2d"), both):
            solved = first(solved, of) if np.ndim(solved) == 0 else solved
            samples = np.atleast_2d(solved)
            found += [r for k, row in enumerate(samples) for r in episodes(policy, world, row, k)]
    return tuple(panel(found, "Strike", "id", world) for world in ("learned", "box2d"))


def value(found, metric, policy=None, prepared_in=None):
    (row,) = select(found.rows, metric=metric, policy=policy, prepared_in=prepared_in)
    return row["value"]


def test_the_table_of_what_was_promised_and_kept_by_hand():
    """Of 20: 8 in both, 5 imagined alone, 3 real alone, 4 in none; the gap hides three of each."""
    dreamt, true = first(13), first(8) | (np.arange(20) >= 17)
    found = gaps(*panels({"reactive": (dreamt, true), "noop": (0, 0)}))
    check(found.rows)
    shares = {"solved_in_both": 8, "phantom_success": 5, "missed_success": 3, "solved_in_none": 4}
    assert {m: value(found, m, "reactive") for m in shares} == {m: n / 20 for m, n in shares.items()}
    (row,) = select(found.rows, metric="gap", policy="reactive")
    assert row["value"] == pytest.approx(0.1) and row["low"] < 0 < row["high"] and row["n"] == 20
    assert value(found, "phantom_rate", "reactive") == pytest.approx(5 / 13)
    assert value(found, "missed_rate", "reactive") == pytest.approx(3 / 7)
    assert value(found, "gap") == pytest.approx(0.05)
    assert any("gap has 2 units, its interval needs 6" in note for note in found.notes)


def test_samples_of_a_start_are_one_unit():
    dreamt = np.stack([first(10), first(5), first(0), first(5)])
    found = gaps(*panels({"reactive": (dreamt, first(5))}))
    (row,) = select(found.rows, metric="gap", policy="reactive")
    assert row["value"] == pytest.approx(0.0) and row["n"] == 20
    assert value(found, "phantom_success", "reactive") == pytest.approx(5 / 80)
    assert value(found, "missed_success", "reactive") == pytest.approx(5 / 80)


def test_samples_that_are_alike_count_once_and_starts_that_are_alike_have_no_interval():
    """A model that does not draw: its samples add nothing; nor is agreement on every start a certainty."""
    one, many = (panels({"reactive": (dreamt, 5)}) for dreamt in (first(8), [first(8)] * 3))
    assert select(gaps(*one).rows, policy="reactive") == select(gaps(*many).rows, policy="reactive")
    both = panels({"cem@learned": (20, 10), "cem@box2d": (20, 10), "random": (0, 0)})
    (row,) = select(exploitation(*both).rows, metric="exploitation", policy="cem")
    assert (row["value"], row["low"], row["high"]) == (0.0, None, None)


def test_unpaired_and_mixed_records_are_refused_by_name():
    one, two = episodes("reactive", "box2d", first(3)), episodes("noop", "box2d", first(0, of=19))
    with pytest.raises(ValueError, match="noop was played on 19 of the 20 starts"):
        panel(one + two, "Strike", "id", "box2d")
    retrained = [replace(r, weights="ab/", start_id=r.start_id + 20) for r in one]
    with pytest.raises(
        ValueError, match=r"reactive comes in 2 versions .* mixed versions are never averaged"
    ):
        panel(one + retrained, "Strike", "id", "box2d")
    other = [replace(r, weights="/cd") for r in episodes("noop", "box2d", first(0))]
    with pytest.raises(ValueError, match="box2d comes in 2 versions of its weights"):
        panel(one + other, "Strike", "id", "box2d")
    with pytest.raises(ValueError, match="no record of Strike bounce in box2d"):
        panel(one, "Strike", "bounce", "box2d")
    real = panel(one, "Strike", "id", "box2d")
    fewer = panel(episodes("reactive", "learned", first(3, of=19)), "Strike", "id", "learned")
    with pytest.raises(ValueError, match="are not paired"):
        match(fewer, real)
    with pytest.raises(ValueError, match="lacks noop"):
        match(panel(episodes("noop", "learned", first(3)), "Strike", "id", "learned"), real)
    tuned = [replace(r, config="ef") for r in episodes("reactive", "learned", first(3))]
    with pytest.raises(ValueError, match=r"version \('', 'ef'\) in Strike id in learned"):
        match(panel(tuned, "Strike", "id", "learned"), real)


def test_what_the_model_costs_a_planner_and_when_the_planner_is_the_bottleneck():
    able = panels({"cem@box2d": (0, 19), "cem@learned": (20, 12)})[1]
    found = planning_gaps(able)
    assert value(found, "planning_gap", "cem", "learned") == pytest.approx(0.35) and not found.notes
    weak = panels({"cem@box2d": (0, 14), "cem@learned": (20, 12)})[1]
    found = planning_gaps(weak)
    assert [row["metric"] for row in found.rows] == ["planning_gap_limited"]
    assert "cem@box2d solves 70% with true dynamics, less than 90%" in found.notes[0]


def test_exploitation_is_what_optimising_in_the_model_adds_to_the_gap():
    """A model that flatters everyone by 2 of 20 flatters those that optimise in it by 10, 8 more."""
    flattered = {"reactive": (4, 2), "cem@box2d": (20, 18), "random": (3, 1)}
    found = exploitation(*panels(flattered | {"cem@learned": (20, 10)}))
    check(found.rows)
    (row,) = select(found.rows, metric="exploitation", policy="cem")
    assert row["value"] == pytest.approx(0.4) and row["low"] > 0
    assert value(found, "exploitation") == pytest.approx(0.4)
    gains = lifts(*panels(flattered | {"cem@learned": (20, 10)}))
    expected = {"lift_imagined": 17 / 20, "lift_real": 9 / 20, "lift_lost": 8 / 20}
    assert {m: value(gains, m, "cem", "learned") for m in expected} == pytest.approx(expected)
    assert value(gains, "lift_lost", "cem", "box2d") == pytest.approx(0.0)


def test_exploitation_is_traced_against_pressure():
    """It grows by 2 of 20 with each doubling."""
    outcomes = {}
    for doublings, n in enumerate((1, 2, 4)):
        outcomes[f"cem,iterations={n}@learned"] = (10 + 2 * doublings, 10)
        outcomes[f"cem,iterations={n}@box2d"] = (10, 10)
    found = exploitation(*panels(outcomes))
    (row,) = select(found.rows, metric="exploitation_slope")
    assert row["value"] == pytest.approx(0.1) and row["factor"] == 4 and row["policy"] == "cem"
    assert pressure(Spec.parse("ppo,frames=50000@learned")) == (Spec("ppo", "learned"), 50_000)


def ladder(imagined=lambda n: n, many=20):
    """Policies that solve 1, 2, … of as many starts; what imagination makes of each."""
    return {f"reactive,gain={n}": (imagined(n), n) for n in range(1, many + 1)}


def test_ranks_regret_and_calibration_of_an_imagination_that_is_true():
    both = panels(ladder(), of=21)
    found = policy_agreement(*both)
    check(found.rows)
    assert value(found, "pearson") == value(found, "kendall") == pytest.approx(1.0)
    assert value(found, "mmrv") == value(found, "regret") == value(found, "top1_regret") == 0.0
    assert value(found, "policies_in_band") == 12  # 5 to 16 of 21
    assert value(found, "spearman_band") == pytest.approx(1.0)
    assert select(found.rows, metric="pearson_band")[0]["low"] is not None
    right = calibration(*both)
    assert value(right, "brier_skill") == 1.0 and value(right, "calibration_error") == 0.0
    assert value(right, "calibration_error_of_rate") == pytest.approx(0.0)


def test_ranks_and_regret_of_an_imagination_that_is_upside_down():
    both = panels(ladder(lambda n: 21 - n), of=21)
    found = policy_agreement(*both)
    assert value(found, "spearman") == pytest.approx(-1.0)
    assert value(found, "regret") == pytest.approx(19 / 21)
    assert value(calibration(*both), "brier_skill") < 0
    phantom = sum(max(0, 21 - 2 * n) for n in range(1, 21))  # in the bin of predicted 1
    missed = sum(max(0, 2 * n - 21) for n in range(1, 21))  # in the bin of predicted 0
    assert value(calibration(*both), "calibration_error") == pytest.approx((phantom + missed) / 420)


def test_too_few_policies_or_too_many_of_one_run_get_no_interval():
    found = policy_agreement(*panels(ladder(many=8)))
    assert select(found.rows, metric="pearson")[0]["low"] is None
    assert any("pearson has 8 units, its interval needs 20" in note for note in found.notes)
    assert any("its interval needs 12" in note for note in found.notes)
    crowd = {f"ppo,frames={n}@box2d": (n, n) for n in range(1, 7)}
    found = policy_agreement(*panels(ladder() | crowd, of=21))
    assert any("6 policies come from the training run ppo" in note for note in found.notes)
    assert select(found.rows, metric="pearson")[0]["low"] is None


def test_agreement_over_models():
    """Ten models, of which imagination ranks all right but flatters each."""
    pairs = {f"m{n}": panels({"cem@learned": (n + 5, n)}) for n in range(4, 14)}
    found = model_agreement(pairs)
    check(found.rows)
    (row,) = select(found.rows, metric="spearman_over_models")
    assert row["value"] == pytest.approx(1.0) and row["n"] == 10 and row["low"] is not None
    few = model_agreement({name: pairs[name] for name in ("m4", "m5", "m6")})
    assert any("its interval needs 10" in note for note in few.notes)


@pytest.mark.parametrize("task", POLICY_SET)
def test_the_policy_set_can_be_ranked(task):
    """At least 20 policies that exist, different ones, at most 5 of one run, twins for every pressure."""
    specs = [Spec.parse(text) for text in POLICY_SET[task]]
    assert len(set(specs)) == len(specs) >= 20 and make_task(task)
    runs = [run_of(spec) for spec in specs]
    assert all(runs.count(run) <= 5 for run in runs if run)
    inside = {replace(s, prepared_in="box2d") for s in specs if s.prepared_in == "learned"}
    assert inside <= set(specs)
    assert sum(s.prepared_in != "learned" for s in specs) >= 20
