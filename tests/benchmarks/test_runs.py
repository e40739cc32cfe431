"""A run of the bridge with several models: told apart, resumed, read again without the models."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import results_io
from benchmarks.bridging.measured import measured
from benchmarks.bridging.protocol import cells
from benchmarks.episodes import records, workers
from benchmarks.episodes.playable import entries_of
from benchmarks.episodes.playing import play
from benchmarks.episodes.protocol import Protocol, samples_of
from benchmarks.episodes.runs import Entry, Remembered, Run, workshop_of
from benchmarks.episodes.workers import Job, work
from benchmarks.episodes.workshop import Workshop
from benchmarks.policy_set import POLICY_SET
from benchmarks.reports import publish
from benchmarks.results_io import select
from benchmarks.verbs import bridge
from envs.tasks import make_task
from worldsim import keys as key
from worldsim.engines import make_engine
from worldsim.models import WEIGHTS
from worldsim.models.convolutional import ConvolutionalModel
from worldsim.worlds import SimulatedWorld

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
    for models, words in (((), "no model to play"), (("a/box2d", "box2d"), "2 models are called 'box2d'")):
        (tmp_path / "a/box2d").mkdir(parents=True, exist_ok=True)
        named = tuple(str(tmp_path / m) if "/" in m else m for m in models)
        with pytest.raises(ValueError, match=words):
            entries_of(named, tmp_path, protocol)
    with pytest.raises(ValueError, match="2 models are called 'table' on Strike"):
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
    table = results_io.read(results_io.RESULTS / "suite.json")[0]["models"]["table"]
    few = [{"task": "Strike", "level": "id", "world": "box2d", "policy": "cem", "metric": "success", "n": 10}]
    meta, rows = publish.reference(few, {"table": table})
    (row,) = select(
        rows,
        task="Strike",
        level="id",
        metric="success",
        policy="cem",
        world="learned",
        prepared_in="learned",
    )
    assert meta["models"]["table"] == table and row["model"] == "table"
    assert not select(rows, task="Catch") and select(rows, metric="frames_per_s")
    assert publish.reference(few, {"table": "0123"}) is None
    assert publish.reference([{**few[0], "n": 500}], {"table": table}) is None
    assert publish.reference([{**few[0], "task": "Mine"}], {"table": table}) is None  # it does not hold Mine


def test_checkpoints_of_one_run_are_told_apart(tmp_path):
    """Each is a copy of the shipped model."""
    for step in ("step-1", "step-2"):
        shutil.copytree(WEIGHTS / "drop", tmp_path / "mine" / step)
    models = tuple(str(tmp_path / "mine" / step) for step in ("step-1", "step-2"))
    entries, notes = entries_of(models, tmp_path, Protocol(("Catch",), ("id",), ("noop",), ("learned",)))
    assert (
        [entry.titles["Catch"] for entry in entries.values()] == ["mine/step-1", "mine/step-2"] == [*entries]
    )
    assert not notes


def test_models_are_left_out_of_tasks_that_they_have_not_learned(args, tmp_path):
    """One is of another scenario, one cannot be read; an engine in a model's place fits every task."""
    protocol = Protocol(("Strike", "Catch"), ("id",), ("noop",), ("learned", "box2d"), starts=2)
    (tmp_path / "broken").mkdir()
    models = ("table", "inertia", str(tmp_path / "broken"))
    entries, notes = entries_of(models, tmp_path, protocol)
    assert {name: [*entry.titles] for name, entry in entries.items()} == {
        "table": ["Strike"],
        "inertia": ["Strike", "Catch"],
    }
    assert notes[0].startswith("table is left out of Catch: it has not learned from the scenario 'drop'")
    assert len(notes) == 3 and notes[1].startswith("broken is left out of Strike: ")
    assert entries["table"].part(protocol).tasks == ("Strike",)
    with pytest.raises(ValueError, match="no model can be played:\ntable is left out of Catch"):
        entries_of(("table",), tmp_path, replace(protocol, tasks=("Catch",)))
    out = replace(args, models=(*MODELS, str(tmp_path / "broken")))
    bridge.main(out)
    assert [*Run.read(args.out).entries] == [*MODELS] == [*Run.read(args.out).sources]
    notes = results_io.read(args.out / "summary.json")[0]["notes"]
    assert any("broken is left out of Strike" in note for note in notes)


def test_what_keeps_one_model_from_being_played_costs_that_model(args, monkeypatch):
    """A learner that was trained for one model alone, and a model whose policies cannot be read."""

    def reading(job):
        if job.model == "inertia":
            raise ValueError("no such weights")
        work(job, 0)

    monkeypatch.setattr(workers, "play_all", reading)
    with pytest.raises(ChildProcessError, match="inertia: no such weights"):
        bridge.main(replace(args, policies=("noop", "ppo@learned"), trained=args.out / "policies"))
    meta, rows = results_io.read(args.out / "summary.json")
    assert {row.get("model") for row in select(rows, policy="noop", world="learned")} == {"box2d"}
    assert "box2d: ppo@learned has not been trained on Strike; it is left out there" in meta["notes"]
    assert "inertia: no such weights" in (args.out / "report.html").read_text()


def test_several_versions_of_the_code_are_told(args):
    bridge.main(args)
    run = Run.read(args.out)
    one = run.played("box2d")
    assert not any("versions of the code" in note for note in measured([one]).notes)
    mixed = replace(one, records=tuple(replace(r, version="v" * (r.start_id % 2)) for r in one.records))
    (note,) = (note for note in measured([mixed]).notes if "versions of the code" in note)
    assert "by v" in note


class Drawing(SimulatedWorld):
    """A world that draws: what is done is disturbed by noise that its keys name."""

    def __init__(self, task):
        super().__init__(make_engine("reference"), template=task.template)
        self.name = "drawing"

    def reset(self, scenes, keys, rows=None):
        self.keys = np.array(keys)
        return super().reset(scenes, keys, rows)

    def step(self, actions):
        draws = np.stack([key.generator(k).normal(size=np.shape(actions)[1]) for k in self.keys])
        return super().step(np.asarray(actions) + draws)


def test_worlds_that_draw_are_sampled_as_asked(tmp_path):
    task, folder = make_task("Catch"), tmp_path / "convolutional"
    model = ConvolutionalModel(action_size=2, widths=(8, 8), blocks=(1, 1))
    for weight in model.parameters():
        weight.data.fill_(0.01)  # an untrained one says nothing
    model.save_pretrained(folder)
    assert Workshop(folder).draws(task) and not Workshop().draws(task)  # motion ships for it
    assert Workshop(Drawing(task)).draws(task) and not workshop_of("box2d", Path()).draws(task)
    protocol = Protocol(("Catch",), ("id",), ("noop",), ("learned", "box2d"), starts=2, samples=3)
    shop = Workshop(Drawing(task))
    assert [(c.world, c.sample) for c in protocol.cells(shop)] == [
        *(("learned", k) for k in range(3)),
        ("box2d", 0),
    ]
    assert len(protocol.cells(workshop_of("box2d", Path()))) == 2
    entry = Entry("box2d", {"Catch": "box2d"}, {"Catch": "box2d"}, {"Catch": {}}, {"Catch": False})
    assert len(protocol.cells(Remembered(entry))) == 2  # what does not draw needs no more
    asked = protocol.cells(Remembered(replace(entry, draws={})))
    assert len(asked) == 4  # nobody knows
    samples = {"Catch": samples_of(shop, "Catch", 3)}
    places, starts = [("Catch", "id")], range(10_000, 10_002)
    assert set(cells(places, lambda task: ("noop",), ("box2d",), starts, samples)) == set(
        protocol.cells(shop)
    )


def test_a_run_that_holds_nothing_yet(args):
    entries, _ = entries_of(args.models, args.trained, args)
    run_of = [publish.Played.find(entry, args, {}) for entry in entries.values()]
    found = measured(run_of)
    assert found.rows == [] and len(found.notes) == 2 * 4
    assert (
        Job(
            tuple(args.cells(workshop_of("box2d", args.trained))), args.out, "box2d", args.trained, 3, 1
        ).missing()
        == 12
    )
