"""Each contrast on made-up data that supports it, refutes it, and leaves it undecided; Holm over all five."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import cochrans_q

from benchmarks.bridging.panels import Panel
from benchmarks.contrasts import horizon, pressure, ranking, spread, types
from benchmarks.contrasts.horizon import area, horizon_predicts
from benchmarks.contrasts.pressure import exploited
from benchmarks.contrasts.ranking import ranks_differ
from benchmarks.contrasts.spread import within_range
from benchmarks.contrasts.types import cochran, types_differ
from benchmarks.contrasts.verdict import Contrast, judge, lacking
from benchmarks.costing import tables
from benchmarks.costing.verdicts import panels, rows
from benchmarks.episodes.records import EpisodeRecord
from benchmarks.episodes.specs import Spec
from benchmarks.episodes.workshop import Workshop
from benchmarks.policy_set import PRESSURES
from benchmarks.prediction.cases import Case
from benchmarks.results_io import check

STARTS = 200


def verdict(contrast, others=4):
    """Beside others that tell nothing."""
    return judge([contrast, *[Contrast("x", "")] * others])[0].verdict


def outcomes(rates, seed=0):
    """Success by law and start, at some rates, paired by one difficulty for each start."""
    hard = np.random.default_rng(seed).random(STARTS)
    return {law: {i: bool(h < rate) for i, h in enumerate(hard)} for law, rate in rates.items()}


def both(rates):
    return {place: outcomes(rates, seed) for seed, place in enumerate(types.PLACES)}


def test_docstrings_quote_the_registered_conditions():
    """Word for word, so that neither can change without the other."""
    written = " ".join((Path(__file__).parents[2] / "docs" / "preregistration.md").read_text().split())
    for function in (types_differ, within_range, exploited, ranks_differ, horizon_predicts):
        quoted = " ".join(function.__doc__.split())
        quoted = re.search(r'^"(.*?)" ', quoted.strip()).group(1)
        assert quoted in written, function.__name__
    for module in (types, spread, pressure, ranking, horizon):
        assert module.CLAIM in written


def test_a_types_that_cost_differently_and_types_that_do_not():
    assert (
        verdict(types_differ(both({"velocity_bias": 0.4, "momentum_leak": 0.8, "gravity": 0.6})))
        == "supported"
    )
    alike = both({"velocity_bias": 0.60, "momentum_leak": 0.62, "gravity": 0.60})
    assert verdict(types_differ(alike)) == "refuted"
    one = {types.PLACES[0]: both({"velocity_bias": 0.4, "momentum_leak": 0.8})[types.PLACES[0]]}
    one[types.PLACES[1]] = outcomes({"velocity_bias": 0.6, "momentum_leak": 0.6}, 1)
    assert verdict(types_differ(one)) == "undecided"
    lacks = types_differ(both({"velocity_bias": 0.4, "gravity": 0.6}))
    assert verdict(lacks) == "undecided" and "momentum_leak could not be matched" in lacks.notes[0]


def test_a_needs_the_corrected_p_value_and_small_sure_differences_meet_both_conditions():
    """Seven starts of 200 lost: sure, and within 0.10."""
    hard = np.random.default_rng(0).random(STARTS)
    base = {i: bool(h < 0.6) for i, h in enumerate(hard)}
    less = base | {i: False for i in [k for k, v in base.items() if v][:7]}
    rates = {"velocity_bias": base, "momentum_leak": less} | {f"other{k}": base for k in range(11)}
    found = types_differ({place: rates for place in types.PLACES})
    assert found.supported and all(part.above(0) for part in found.parts)
    assert verdict(found) == "supported and refuted"
    large = replace(found, refuted=False)
    assert verdict(replace(large, p=0.02)) == "undecided"  # of five, the smallest counts fivefold
    assert verdict(replace(large, p=0.009)) == "supported"


def test_cochrans_q_agrees_with_statsmodels():
    made = np.random.default_rng(2).random((4, 60)) < np.array([[0.4], [0.5], [0.6], [0.7]])
    assert cochran(made.astype(float)) == pytest.approx(cochrans_q(made.T.astype(int)).pvalue)
    assert cochran(np.ones((3, 10))) == 1.0


def cases(rates, places, error=0.4):
    """Models with these success rates at each place."""
    found = []
    for m, rate in enumerate(rates):
        for place in places:
            solved = {i: i < rate * STARTS for i in range(STARTS)}
            found.append(Case(f"m{m}", f"m{m}", *place, {"position_error": error}, solved))
    return found


def test_b_successes_inside_outside_and_around_the_range():
    """Curves that give .30 to .60 at 0.4 m."""
    fits = {place: [(0.0, np.log(0.3 / 0.7) / 0.4), (np.log(1.5), 0.0)] for place in spread.PLACES}
    inside = within_range(cases([0.35 + 0.02 * m for m in range(10)], spread.PLACES), fits, 0.8)
    assert verdict(inside) == "supported" and inside.parts[0].value == 1 and inside.parts[0].at().low > 0.85
    some = within_range(cases([0.45] * 9 + [0.9], spread.PLACES), fits, 0.8)
    assert verdict(some) == "supported" and some.parts[0].value == pytest.approx(0.9) and some.p < 0.01
    outside = within_range(cases([0.9] * 7 + [0.5] * 3, spread.PLACES), fits, 0.8)
    assert verdict(outside) == "refuted"
    assert verdict(within_range(cases([0.9] * 4 + [0.5] * 6, spread.PLACES), fits, 0.8)) == "undecided"
    wide = within_range(cases([0.64] * 10, spread.PLACES), fits, 0.8)  # its interval reaches down to .57
    assert wide.parts[0].value == 1
    few = within_range(cases([0.5] * 9, spread.PLACES, error=2.0), fits, 0.8)
    assert verdict(few) == "undecided" and few.parts[0].interval is None
    assert "27 have a larger error" in few.notes[0] and "9 learned models" in few.notes[1]


def exploitation_panels(bonus):
    """Imagined success of policies planned in the model is above real success by `bonus(iterations)`."""
    specs = ["cem@learned", "cem@box2d"]
    specs += [f"cem,iterations={n}@{w}" for n in PRESSURES for w in ("learned", "box2d")]
    found = {}
    for seed, place in enumerate(pressure.PLACES):
        hard = np.random.default_rng(seed).random(STARTS)
        real = np.stack([hard < 0.5] * len(specs))
        dreamt = []
        for name in specs:
            spec = Spec.parse(name)
            n = dict(spec.knobs).get("iterations", 5)
            dreamt.append(hard < 0.5 + (bonus(n) if spec.prepared_in == "learned" else 0.0))
        parsed = tuple(map(Spec.parse, specs))
        make = lambda world, s, p=place, k=parsed: Panel(  # noqa: E731
            *p, world, k, tuple(range(STARTS)), s[..., None], (("", ""),) * len(k)
        )
        found[place] = make("learned", np.stack(dreamt)), make("box2d", real)
    return found


def test_c_exploitation_that_grows_that_is_nothing_and_that_does_not_grow():
    grows = exploited(exploitation_panels(lambda n: 0.1 + 0.05 * np.log2(n)))
    assert verdict(grows) == "supported" and grows.p < 0.01
    slope = grows.parts[1]
    assert slope.name == "exploitation_slope" and slope.value == pytest.approx(0.05, abs=0.02)
    assert verdict(exploited(exploitation_panels(lambda n: 0.0))) == "refuted"
    tiny = exploited(exploitation_panels(lambda n: 0.002 * n))
    assert verdict(tiny) == "supported and refuted"  # it is there, and within 0.03
    assert verdict(exploited(exploitation_panels(lambda n: -0.2 * (n == 5)))) == "refuted"  # below zero
    assert verdict(exploited(exploitation_panels(lambda n: 0.15))) == "undecided"
    part = exploitation_panels(lambda n: 0.1)
    del part["Catch", "size"]
    assert "has not been played on Catch size" in exploited(part).notes[0]


def test_c_levels_of_a_task_share_their_starts():
    """Levels that repeat the same outcomes say no more than one of them: the interval of the mean over both
    tasks is that of the starts alone, 1.96 sqrt(sum of variances) / 2."""
    found = exploitation_panels(lambda n: 0.2)
    for task in pressure.TASKS:
        for level in pressure.LEVELS:
            pair = found[task, pressure.LEVELS[0]]
            found[task, level] = tuple(replace(panel, level=level) for panel in pair)
    part = exploited(found).parts[0]
    spread = [_excess_of(found[task, pressure.LEVELS[0]]).var() / STARTS for task in pressure.TASKS]
    assert part.at().high - part.at().low == pytest.approx(1.96 * np.sqrt(sum(spread)), rel=0.1)
    assert part.n == 2 * STARTS


def _excess_of(pair):
    gaps = [pair[0].of(s) - pair[1].of(s) for s in map(Spec.parse, pressure.SHIPPED)]
    return gaps[0] - gaps[1]


def test_c_reads_records_of_the_shipped_models_alone():
    """Of other weights, or without a policy's starts in one world: left out, with a note."""
    shop = Workshop()
    weights = shop.weights("learned", shop.task("Strike"))
    found = []
    for name in pressure.POLICIES:
        spec = Spec.parse(name)
        own = weights if spec.prepared_in == "learned" else ""
        for world, around in (("learned", weights), ("box2d", "")):
            for i in range(3):
                blank = EpisodeRecord(
                    "Strike", "speed", i, world, spec.name, spec.prepared_in, i > 0, 0.1, 28
                )
                made = f"{own}/{around}" if own or around else ""
                found += [replace(blank, weights=made), replace(blank, level="id", weights=made)]
                found.append(replace(blank, success=True, weights=f"0123/{around}"))
    paired, notes = panels(found, shop)
    assert list(paired) == [("Strike", "speed")] and not notes
    for panel in paired["Strike", "speed"]:
        assert len(panel.policies) == len(pressure.POLICIES) and (panel.rates == 2 / 3).all()
    paired, notes = panels(found[3:], shop)
    assert not paired and "Strike speed" in notes[0] and "3 starts" in notes[0]


def picture_cases(psnr, ssim, places=ranking.PLACES, count=14):
    """Models with success rising from .05 to .95, and pictures that are functions of their number."""
    rates = np.linspace(0.05, 0.95, count)
    return [
        replace(case, psnr=[psnr(int(case.model[1:]))] * 8, ssim=[ssim(int(case.model[1:]))] * 8)
        for case in cases(rates, places)
    ]


def test_d_rankings_that_agree_that_differ_and_that_partly_do():
    def jumbled(m):
        return float((5 * m) % 14)

    assert verdict(ranks_differ(picture_cases(jumbled, jumbled))) == "supported"
    same = ranks_differ(picture_cases(float, float))
    assert len(same.parts) == 8 and all(part.value == pytest.approx(1) for part in same.parts)
    assert verdict(same) == "refuted"
    swapped = ranks_differ(picture_cases(lambda m: float(m ^ 1), lambda m: float(m ^ 1)))
    assert swapped.parts[0].value == pytest.approx(1 - 4 * 7 / (14 * 13))  # 7 of 91 pairs are turned round
    assert verdict(swapped) == "undecided"
    assert verdict(ranks_differ(picture_cases(float, jumbled))) == "undecided"  # SSIM alone
    some = [c for c in picture_cases(float, float) if c.place != ("Catch", "both")]
    assert verdict(ranks_differ(some)) == "undecided"  # not on all
    alike = [
        replace(c, solved=dict.fromkeys(c.solved, False)) if c.place == ("Catch", "both") else c
        for c in picture_cases(float, float)
    ]
    lacks = ranks_differ(alike)  # nothing is ranked where no model ever succeeds
    assert len(lacks.parts) == 6 and verdict(lacks) == "undecided"
    assert any("Catch both: all models are alike" in note for note in lacks.notes)
    check(rows(judge([lacks])))
    json.dumps(rows(judge([lacks])), allow_nan=False)
    few = ranks_differ(picture_cases(jumbled, jumbled, count=9))
    assert verdict(few) == "undecided" and not few.parts and "9 learned models, 10 are needed" in few.notes[0]


def episodes(sign, count=8, seed=0, fails=0.4):
    """Models whose failures part `sign` frames earlier than their successes, in noise of 5 frames."""
    rng, found = np.random.default_rng(seed), []
    for m in range(count):
        for task in horizon.TASKS:
            failed = rng.random(STARTS) < fails
            frames = 15 - sign * failed + 5 * rng.standard_normal(STARTS)
            parted = {i: None if f > 20 else int(f) for i, f in enumerate(frames)}
            solved, ended = {i: not f for i, f in enumerate(failed)}, dict.fromkeys(parted, 20)
            found.append(Case(f"m{m}", f"m{m}", task, "id", {}, solved, parted=parted, frames=ended))
    return found


def test_e_early_parting_that_tells_of_failure_and_that_does_not():
    tells = horizon_predicts(episodes(6))
    assert verdict(tells) == "supported" and tells.p < 0.01
    assert verdict(horizon_predicts(episodes(0))) == "refuted"
    assert verdict(horizon_predicts(episodes(1.8))) == "undecided"
    assert verdict(horizon_predicts(episodes(6, count=5))) == "undecided"  # too few models for an interval
    always = [replace(c, solved=dict.fromkeys(c.solved, False)) for c in episodes(6)]
    assert "no model of which some episodes fail" in horizon_predicts(always).notes[0]
    some = [*episodes(6), *(replace(c, model="lost") for c in always[:2])]
    notes = horizon_predicts(some).notes
    assert notes[0] == "(e) Strike: 9 models of 8 training runs" and "lost always or never fail" in notes[1]


def test_the_area_by_hand():
    """Failures part at 3 and never; successes at 5 and never: pairs won 1 + 1 + 0 + ½ of 4. The second
    success ends at 2, before anything has parted: its pairs are ties."""
    parted, ended = np.array([3, np.inf, 5, np.inf]), np.array([9, 9, 9, 9])
    failed = np.array([True, True, False, False])
    assert area(parted, ended, failed) == pytest.approx(2.5 / 4)
    assert area(parted, np.array([9, 9, 9, 2]), failed) == pytest.approx(2 / 4)
    times = np.array([[2.0, 0, 1, 1], [0, 0, 1, 1]])
    assert area(parted, ended, failed, times) == pytest.approx([1, np.nan], nan_ok=True)


@pytest.mark.parametrize("scale", [30, 60])
def test_e_balls_that_are_missed_and_so_watched_longer_tell_nothing(scale):
    """Pictures part at random; a ball that is caught ends its episode, one that is missed flies on for 8 to
    20 frames: without regard to the ends, failures would seem to part more often."""
    rng, found = np.random.default_rng(0), []
    for m in range(10):
        for task in horizon.TASKS:
            solved, parted, ended = {}, {}, {}
            for i in range(STARTS):
                solved[i], when = bool(rng.random() < 0.6), int(np.ceil(rng.exponential(scale)))
                ended[i] = int(rng.integers(8, 22)) + (0 if solved[i] else int(rng.integers(8, 20)))
                parted[i] = when if when <= ended[i] else None
            found.append(Case(f"m{m}", f"m{m}", task, "id", {}, solved, parted=parted, frames=ended))
    for part in horizon_predicts(found).parts:
        assert part.value == pytest.approx(0.5, abs=0.03)
    blind = [replace(c, frames=dict.fromkeys(c.frames, 99)) for c in found]
    assert horizon_predicts(blind).parts[0].value > 0.54


def test_holm_is_over_all_five_and_widens_the_intervals():
    p = [0.004, 0.03, None, 0.012, 0.5]
    found = judge([Contrast(str(i), "", p=v) for i, v in enumerate(p)])
    assert [j.p_holm for j in found] == pytest.approx([0.02, 0.09, 1, 0.048, 1])
    assert [j.level for j in found] == pytest.approx([0.99, 1 - 0.05 / 3, 0.95, 0.9875, 0.975])
    part = within_range(
        cases([0.45] * 9 + [0.9], spread.PLACES), {p: [(0.0, 0.0)] for p in spread.PLACES}, 0.8
    ).parts[0]
    assert part.at(0.99).low < part.at(0.95).low <= part.value <= part.at(0.95).high


def test_the_table_tells_verdict_p_values_and_quantities():
    sure = types_differ(both({"velocity_bias": 0.4, "momentum_leak": 0.8, "gravity": 0.6}))
    found = rows(judge([sure, lacking("b", "nothing is known", "too few models")]))
    check(found)
    one, other = tables.contrasts(found).lines
    assert one[:2] == ["(a)", "supported"] and float(one[2]) < float(one[3]) < 0.05
    part = sure.parts[0]
    task, level = part.where["task"], part.where["level"]
    assert one[4].startswith(f"{task} {level} {part.name.replace('_', ' ')} {part.value:.2f} [")
    assert other == ["(b)", "undecided", "–", "–", "–"]
