"""The suite: its cells, what it plays, what it tells about savings and about speed."""

from rich.console import Console

from benchmarks import results_io, worlds
from benchmarks.curves import Saving
from benchmarks.results_io import check, select
from benchmarks.specs import Spec
from benchmarks.suite import command, savings
from benchmarks.suite.cells import CEM, ENGINES, LEARNED, MODELLED, cells_of
from benchmarks.suite.command import Args, _key
from benchmarks.workshop import Workshop
from envs.tasks import TASKS


def test_cells_cover_all_tasks_levels_and_both_engines():
    assert set(TASKS) - set(MODELLED) == {"Place"}
    workshop = Workshop()
    cells = cells_of("cem", MODELLED, 10, workshop)
    levels = {(name, level) for name in MODELLED for level in TASKS[name]().levels}
    assert {(c.task, c.level) for c in cells} == levels and {c.world for c in cells} == set(ENGINES)
    assert {str(c.spec) for c in cells} == set(CEM)
    learned = cells_of("learners", ("Catch", "Bank", "Push"), 10, workshop)
    assert {(c.task, str(c.spec)) for c in learned} == {
        ("Catch", "ppo@box2d"),
        ("Catch", "ppo@learned"),
        ("Push", "ppo@box2d"),
    }
    specs = {name: [Spec.parse(text) for text in texts] for name, texts in LEARNED.items()}
    assert {*specs} < {*MODELLED} and all(some[0].prepared_in == "box2d" for some in specs.values())


def test_rows_differ_by_what_their_columns_hold():
    row = {"task": "Catch", "level": "id", "policy": "cem", "world": "box2d", "metric": "success"}
    assert _key(row) == _key({**row, "factor": None, "value": 0.3}) != _key({**row, "factor": 0.5})


def test_planners_are_played_and_what_is_missing_is_told(tmp_path, capsys):
    args = Args(
        ("planners", "result"),
        ("Drop",),
        planner_starts=1,
        rows=2,
        workers=1,
        work=tmp_path,
        out=tmp_path / "s",
    )
    command.main(args)
    _, rows = results_io.read(args.out)
    check(rows)
    found = select(rows, metric="success", task="Drop", world="box2d")
    assert {(r["policy"], r.get("prepared_in")) for r in found} >= {("oracle", None), ("mppi", "box2d")}
    assert select(found, policy="oracle")[0]["value"] == 1.0
    assert "missing: proof" in capsys.readouterr().out


def test_savings_are_rows_and_what_was_never_reached_is_none():
    both = savings.rows(Saving(0.8, 40_000, 5_000, 60_000, 60_000))
    assert [(r["policy"], r["prepared_in"], r["value"]) for r in both] == [
        ("ppo", "box2d", 40_000),
        ("ppo_started", "learned", 5_000),
    ]
    check(both)
    assert [r["policy"] for r in savings.rows(Saving(0.8, None, 5_000, 60_000, 60_000))] == ["ppo_started"]


def test_speed_counts_rows(monkeypatch):
    monkeypatch.setattr(worlds, "SECONDS", 0.0)
    rows = worlds.measure(Workshop(), ("analytic",), Console(quiet=True), (1, 4))
    assert [(r["batch"], r["metric"]) for r in rows] == [
        (1, "frames_per_s"),
        (1, "steps_per_s"),
        (4, "frames_per_s"),
        (4, "steps_per_s"),
    ]
    assert all(r["value"] > 0 for r in rows)
    check(rows)
