"""A run of the bridge with several models: told apart, resumed, read again without the models."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import bridge, publish, records, results_io, workers
from benchmarks.bridging.measured import measured
from benchmarks.playing import play
from benchmarks.policy_set import POLICY_SET
from benchmarks.results_io import select
from benchmarks.runs import Protocol, Run, entries_of, workshop_of
from benchmarks.workers import Job, work

MODELS = ("box2d", "inertia")


@pytest.fixture
def args(tmp_path, monkeypatch):
    """Two engines in the place of models, played in this process, without videos."""
    monkeypatch.setattr(workers, "play_all", lambda job: work(job, 0))
    return bridge.Args(
        ("Strike",),
        ("id",),
        ("reactive", "noop"),
        ("learned", "box2d"),
        starts=3,
        models=MODELS,
        rows=3,
        workers=1,
        videos=0,
        out=tmp_path,
    )


def test_models_are_told_apart_and_what_they_have_no_part_in_is_played_once(args):
    bridge.main(args)
    found = records.read(args.out / "episodes")
    assert len(found) == 3 * 2 * (len(MODELS) + 1)  # Box2D once, "learned" once for each model
    meta, rows = results_io.read(args.out / "summary.json")
    assert meta["models"] == {name: name for name in MODELS} and meta["records"]
    inside = select(rows, metric="success", policy="reactive", world="learned")
    assert [r["model"] for r in inside] == list(MODELS)
    assert len(select(rows, metric="success", policy="reactive", world="box2d")) == 1
    gaps = {r["model"]: r["value"] for r in select(rows, metric="gap", policy="reactive")}
    assert gaps["box2d"] == 0.0 and set(gaps) == set(MODELS)
    page = (args.out / "report.html").read_text()
    assert all(f"<strong>{name}.</strong>\nMay I train in it?" in page for name in MODELS)
    run = Run.read(args.out)  # by the hashes in its config
    for name in MODELS:
        one = run.played(name)
        assert len(one.records) == 12 and not one.missing
        assert {r.weights for r in one.records if r.world == "learned"} == {f"/{name}"}
    fewer = run.played("inertia", replace(run.protocol, starts=5))
    assert sum(fewer.missing.values()) == 2 * 4
    with pytest.raises(ValueError, match="has no model 'moon'; it has box2d, inertia"):
        run.played("moon")


def test_a_cell_that_fails_costs_itself_and_the_report_is_written(args, monkeypatch):
    def failing(job):
        work(job, 0)
        raise ChildProcessError("Strike id, noop in learned: ouch")

    def crashes(cell, *rest):
        if (cell.spec.policy, cell.world) == ("noop", "learned"):
            raise ZeroDivisionError("ouch")
        return play(cell, *rest)

    monkeypatch.setattr(workers, "play", crashes)
    monkeypatch.setattr(workers, "play_all", failing)
    with pytest.raises(ChildProcessError, match=r"box2d: .*ouch\ninertia: .*ouch"):
        bridge.main(args)
    notes = results_io.read(args.out / "summary.json")[0]["notes"]
    assert any("inertia: 3 episodes of Strike id, noop in learned are missing" in note for note in notes)
    assert "3 episodes of Strike id, noop in learned are missing" in (args.out / "report.html").read_text()


def test_models_that_could_not_be_told_apart_are_refused(tmp_path):
    protocol = Protocol(("Strike",), ("id",), ("noop",))
    for models, words in (((), "no model to play"), (("a/box2d", "box2d"), "both called 'box2d'")):
        (tmp_path / "a/box2d").mkdir(parents=True, exist_ok=True)
        named = tuple(str(tmp_path / m) if "/" in m else m for m in models)
        with pytest.raises(ValueError, match=words):
            entries_of(named, tmp_path, protocol)
    with pytest.raises(ValueError, match="both called 'table' on Strike"):
        entries_of(("shipped", "table"), tmp_path, protocol)
    assert workshop_of("shipped", tmp_path).model is None


def test_the_policy_set_has_a_name():
    cells = Protocol(("Strike",), ("id",), ("set", "noop"), ("box2d",)).cells(workshop_of("box2d", Path()))
    assert [str(cell.spec) for cell in cells] == list(POLICY_SET["Strike"])
    with pytest.raises(ValueError, match="Push has no policy set; there is one for Strike, Catch"):
        Protocol(("Push",), (), ("set",)).cells(workshop_of("box2d", Path()))


def test_a_folder_that_is_no_run_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"is no run of the bridge: it has no config\.json"):
        Run.read(tmp_path)
    (tmp_path / "config.json").write_text('{"tasks": ["Strike"]}')
    with pytest.raises(ValueError, match=r"does not tell what was played: KeyError.*run `worldsim bridge`"):
        Run.read(tmp_path)


def test_reference_results_stand_beside_the_very_same_models_alone():
    table = results_io.read(results_io.RESULTS / "loop.json")[0]["models"]["table"]
    few = [{"metric": "success", "n": 10}]
    meta, rows = publish.reference(few, {"table": table})
    (row,) = select(
        rows, task="Strike", level="id", metric="success", policy="cem", world="learned", prepared_in="box2d"
    )
    assert meta["models"]["table"] == table and row["model"] == "table"
    assert publish.reference(few, {"table": "0123"}) is None
    assert publish.reference([{"metric": "success", "n": 500}], {"table": table}) is None


def test_a_run_that_holds_nothing_yet(args):
    entries = entries_of(args.models, args.trained, args)
    run_of = [publish.Played.find(entry, args, {}) for entry in entries.values()]
    found = measured(run_of)
    assert found.rows == [] and len(found.notes) == 2 * 4
    assert (
        Job(
            tuple(args.cells(workshop_of("box2d", args.trained))), args.out, "box2d", args.trained, 3, 1
        ).missing()
        == 12
    )
