"""The ladder: thresholds met by unfavourable ends alone, verdicts, what is read from where, and the page."""

import json
import re
from dataclasses import replace

import pytest

from benchmarks import results_io
from benchmarks.costing import open_loop
from benchmarks.costing.predictions import CASES, OPEN_LOOP
from benchmarks.episodes.playing import Cell
from benchmarks.episodes.records import Writer
from benchmarks.episodes.specs import Spec
from benchmarks.episodes.workshop import Workshop
from benchmarks.episodes.zoo import Model
from benchmarks.ladder import command, page
from benchmarks.ladder.command import Args
from benchmarks.ladder.evidence import Sources, measured
from benchmarks.ladder.rungs import (
    DECISIVE,
    EARNED,
    LIMITED,
    MISSED,
    NO_TRUST,
    RUNGS,
    TRUST,
    TRUST_ID,
    UNKNOWN,
    step,
    verdict,
)
from benchmarks.prediction import cases
from benchmarks.prediction.cases import Case
from envs.tasks import make_task

STRIKE, CATCH = make_task("Strike"), make_task("Catch")
TABLE = Model("table", "table", "table")
BY_NAME = {rung.name: rung for rung in RUNGS}


def row(value, half=0.01, n=200):
    return {"value": value, "low": value - half, "high": value + half, "n": n}


#: figures that earn every rung
GOOD = {
    "ssim": row(0.98),
    "psnr": row(30.0),
    "permanence": row(1.0, 0.0),
    "penetration": row(0.02),
    "position_error": row(0.2),
    "kept": row(0.9),
    "action_gain": row(1.0),
    "action_error": row(0.1),
    "closed_loop": row(0.9),
    "gap": row(0.02),
    "spearman": row(0.9),
    "planning": row(0.97),
    "planner": row(0.95),
    "optimisation": row(0.95),
    "learner": row(0.8),
}


def steps(figures, tolerance=0.9):
    return tuple(step(rung, "id", figures, tolerance, "table") for rung in RUNGS)


def state(name, **figures):
    return step(BY_NAME[name], "id", GOOD | figures, 0.9, "table").state


def test_each_level_is_earned_by_the_unfavourable_end():
    assert [s.state for s in steps(GOOD)] == [EARNED] * len(RUNGS)
    assert state("planning", planning=row(0.905)) == MISSED  # its low end is .895
    assert state("planning", planning=row(0.905, 0.004)) == EARNED
    assert state("action fidelity", action_gain=row(1.095)) == MISSED  # between two limits
    assert state("policy evaluation", gap=row(-0.095)) == MISSED
    assert state("physical plausibility") == EARNED  # momentum and gravity need not occur
    assert state("physical plausibility", momentum=row(0.3)) == MISSED
    assert state("planning", planning={"value": 0.99, "low": None, "high": None, "n": 3}) == MISSED


def test_the_position_error_is_judged_by_the_tasks_tolerance():
    near = GOOD | {"position_error": row(0.43)}  # half of 0.9 m is more, half of 0.8 m is less
    assert step(BY_NAME["open-loop prediction"], "id", near, 0.9, "").state == EARNED
    assert step(BY_NAME["open-loop prediction"], "id", near, 0.8, "").state == MISSED


def test_what_is_not_measured_names_its_command_and_a_weak_learner_is_a_bottleneck():
    bare = steps({})
    assert {s.state for s in bare} == {UNKNOWN}
    assert bare[0].command.startswith("worldsim bench cost --stages prediction ")
    assert bare[0].command.endswith(" --prediction.models table")
    assert bare[5].command == "worldsim bench bridge --levels id bounce speed size both --model table"
    assert bare[7].command == f"worldsim bench {results_io.CAMPAIGN.removesuffix('.json')}"
    assert state("policy optimisation", learner=row(0.2)) == LIMITED
    weak = step(BY_NAME["policy optimisation"], "id", {"learner": row(0.2)}, 0.9, "")
    assert weak.state == LIMITED and "20% with true physics" in weak.note


def test_verdicts_rest_on_use_in_and_out_of_distribution():
    good = steps(GOOD)
    bad = steps(GOOD | {"planning": row(0.3)})
    ugly = steps(GOOD | {"ssim": row(0.3), "kept": row(0.1)})
    weak = steps(GOOD | {"learner": row(0.1)})
    blind = steps({k: v for k, v in GOOD.items() if k != "gap"})
    limited = steps(GOOD | {"planner": row(0.1)})
    assert verdict("Strike", {"id": good, "speed": good}).word == TRUST
    assert verdict("Strike", {"id": ugly, "speed": good}).word == TRUST  # looks decide nothing
    assert verdict("Strike", {"id": weak, "speed": weak}).word == TRUST
    part = verdict("Strike", {"id": good, "speed": bad})
    assert part.word == TRUST_ID and part.why == "Missing: speed: planning (not earned)"
    for inside in (bad, blind, limited):
        assert verdict("Strike", {"id": inside, "speed": good}).word == NO_TRUST
    assert verdict("Catch", {"id": good, "bounce": bad}).word == NO_TRUST  # bounces are in distribution
    assert "policy evaluation (not measured)" in verdict("Strike", {"id": blind}).why
    assert set(DECISIVE) <= set(BY_NAME)


@pytest.fixture
def sources(tmp_path):
    """Results and a folder of bench cost in which the shipped model was measured on Strike id."""
    found = Sources(tmp_path / "results", tmp_path / "cost")
    where = {"task": "Strike", "level": "id", "world": "box2d"}
    cem, ppo = ({**where, "policy": p, "prepared_in": "learned"} for p in ("cem", "ppo"))
    loop = [
        cem | {"metric": "success_ratio_to_box2d"} | row(0.87),
        ppo | {"metric": "success_ratio_to_box2d"} | row(0.98),
        ppo | {"prepared_in": "box2d", "metric": "success"} | row(0.21),
        cem | {"prepared_in": "box2d", "metric": "success"} | row(0.97),
    ]
    results_io.write(found.results / results_io.CAMPAIGN, {"models": {"table": TABLE.weights}}, loop)
    bridge = [where | {"model": "table", "metric": name} | row(0.05) for name in ("gap", "spearman")]
    bridge += [where | {"model": "table", "metric": "gap", "policy": "random"} | row(0.9)]
    results_io.write(found.results / "bridge.json", {"models": {"table": TABLE.weights}}, bridge)
    kept = open_loop.kept_at("table", STRIKE, "id", found.cost / OPEN_LOOP)
    rows = [{"metric": open_loop.PREFIX + name} | row(0.97) for name in ("ssim", "kept")]
    results_io.write_text(kept, json.dumps({"rows": rows, "by_start": {}}))
    return found


def test_figures_are_read_from_where_they_were_left(sources):
    found = measured(TABLE, STRIKE, "id", sources)
    value = {name: figure["value"] for name, figure in found.items()}
    assert value == {
        "ssim": 0.97,
        "kept": 0.97,
        "planning": 0.87,
        "planner": 0.97,
        "optimisation": 0.98,
        "learner": 0.21,
        "gap": 0.05,
        "spearman": 0.05,
    }
    assert measured(TABLE, STRIKE, "speed", sources) == {}
    results_io.write(sources.results / results_io.CAMPAIGN, {"models": {"table": "other"}}, [])
    sources = Sources(sources.results, sources.cost)
    assert "planning" not in measured(TABLE, STRIKE, "id", sources)


def test_planning_is_paired_with_the_same_planner_in_the_true_engine(sources):
    """Of 40 starts Box2D's plans solve 30, the model's 15 of these: a ratio of one half."""
    cell = Cell("Strike", "id", Spec("cem", "box2d"), "box2d", 11_000, 40)
    blank = cell.blank(11_000, Workshop())
    starts = range(11_000, 11_040)
    with Writer(sources.cost / "episodes") as writer:
        writer.append([replace(blank, start_id=i, success=i < 11_030) for i in starts])
        writer.append([replace(blank, start_id=i, config="other") for i in starts])
        writer.append([replace(blank, start_id=i) for i in range(11_040, 11_100)])
    solved, parted = {i: i < 11_015 for i in starts}, {i: None if i < 11_036 else 9 for i in starts}
    made = {"weights": TABLE.weights, "config": blank.config}
    case = Case("table", "table", "Strike", "id", {}, solved, parted=parted, **made)
    cases.write(sources.cost / CASES, [case, replace(case, weights="other", level="speed")])
    found = measured(TABLE, STRIKE, "id", sources)
    assert found["planning"]["value"] == pytest.approx(0.5) and found["planning"]["high"] < 0.7
    assert found["planner"]["value"] == 0.75 and found["closed_loop"]["value"] == pytest.approx(0.9)
    assert measured(TABLE, STRIKE, "speed", sources) == {}  # of other weights
    for other, planning in (
        (replace(case, solved=dict.fromkeys(solved, False)), 0.0),  # never solved, which is a figure
        (replace(case, config="other"), 0.87),  # planned otherwise: the reference results stand
        (replace(case, solved=solved | {11_100: True}), 0.87),  # of a start that Box2D has not played
    ):
        cases.write(sources.cost / CASES, [other])
        again = measured(TABLE, STRIKE, "id", Sources(sources.results, sources.cost))
        assert again["planning"]["value"] == pytest.approx(planning)
    cases.write(sources.cost / CASES, [replace(case, solved=dict.fromkeys(solved, False))])
    none = measured(TABLE, STRIKE, "id", Sources(sources.results, sources.cost))
    assert step(BY_NAME["planning"], "id", none, 0.9, "").state == MISSED


def test_the_command_writes_a_page_that_stands_alone(sources, tmp_path, capsys):
    out = tmp_path / "page.html"
    command.main(Args("table", (), sources.results, sources.cost, out))
    text, shown = out.read_text(), capsys.readouterr().out
    assert "Strike: DO NOT TRUST" in shown and "policy evaluation (not" in " ".join(shown.split())
    assert (
        "0.870 [0.860, 0.880]" in text
        and "worldsim bench bridge --levels id bounce speed size both --model table" in text
    )
    assert not re.search(r"(?:src|href)\s*=\s*[\"']?(?:https?:)?//", text) and "<script" not in text
    assert text.count("<svg") == 6 and "NaN" not in text
    with pytest.raises(ValueError, match="no checkpoint and holds none"):
        command.main(Args(str(tmp_path), (), sources.results, sources.cost, out))


def test_text_from_outside_cannot_inject_markup(sources):
    evil = '<img src=x onerror="alert(1)">'
    made = command.make(TABLE, Args("table", (), sources.results, sources.cost))
    text = page.render(replace(made, model=evil, facts={evil: evil, "date": evil}))
    assert evil not in text and "&lt;img src=x" in text


def test_the_strip_shows_where_interval_and_limits_lie():
    reading = step(BY_NAME["action fidelity"], "id", GOOD, 0.9, "").readings[0]
    at = page.strip(reading)
    assert 0 < at["least"] < at["low"] < at["value"] < at["high"] < at["most"] < 100
    assert page.limit(reading) == "between 0.9 and 1.1" and page.told(reading) == "1.000 [0.990, 1.010]"
