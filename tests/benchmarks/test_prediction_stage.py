"""The stages `prediction` and `contrasts` of bench cost, with wrong engines in place of learned models."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from agents.planners import PLANNERS, Entry
from agents.refits.cem import CEM, CEMConfig
from benchmarks import results_io
from benchmarks.costing import command as cost
from benchmarks.costing import dose, dosed, open_loop, position, predictions, sweep
from benchmarks.costing.command import Args
from benchmarks.costing.divergence import partings
from benchmarks.costing.doses import Doses
from benchmarks.costing.measuring import Measuring, Subject
from benchmarks.costing.open_loop import FIRST, clips_of, measure
from benchmarks.costing.sweep import Sweep
from benchmarks.costing.verdicts import Contrasts
from benchmarks.episodes import projection, truth, zoo
from benchmarks.episodes.playing import Cell, play
from benchmarks.episodes.records import Writer
from benchmarks.episodes.specs import Spec
from benchmarks.episodes.workers import work
from benchmarks.episodes.workshop import Workshop
from benchmarks.episodes.zoo import Model
from benchmarks.prediction import cases
from benchmarks.results_io import select
from benchmarks.statistics import MODELS_NEEDED
from envs.tasks import make_task
from worldsim.metrics.rollouts import truth as film
from worldsim.models import WEIGHTS
from worldsim.tracking import HIDDEN, LOST, Tracker, track_clip

CATCH, STRIKE = make_task("Catch"), make_task("Strike")
WRONG = ("perturbed:velocity_bias:0.3:reference", "perturbed:gravity:1:reference")


class Learned(Model):
    weights = "0123"


@pytest.fixture
def args(tmp_path, monkeypatch):
    """Tiny stages: two engines count as models of two runs, and no process is started."""
    few = CEMConfig(candidates=(4,), refresh=(2,), replan_every=24)
    monkeypatch.setitem(PLANNERS, "cem", Entry(CEM, few))
    monkeypatch.setattr(projection, "TRIED", 1)
    monkeypatch.setattr(sweep, "play_all", lambda job: work(job, 0))
    monkeypatch.setattr("benchmarks.costing.dose.STARTS", 4)
    models = [Learned(f"m{i}", f"run{i}", name) for i, name in enumerate(WRONG)]
    monkeypatch.setattr(predictions, "zoo", lambda *asked: (models, ["another is not at hand"]))
    monkeypatch.setattr(predictions, "family_of", lambda source: "motion")
    monkeypatch.setattr(predictions, "_parted", lambda *asked: {11_100: 7, 11_101: None})
    options = predictions.Prediction((), tmp_path, ("Catch",), ("id",), starts=2, errors_starts=1)
    doses = Doses(("Catch",), ("id",), ("gravity",), (0.2,), starts=2)
    out = tmp_path / "cost.json"
    stages = ("dose", "prediction", "contrasts")
    own = {"dose": doses, "prediction": options, "contrasts": Contrasts(tmp_path / "bridge")}
    return Args(rows=2, workers=1, work=tmp_path, stages=stages, out=out, **own)


def test_the_stages_one_after_another(args):
    cost.main(args)
    meta, rows = results_io.read(args.out)
    found = cases.read(args.work / predictions.CASES)
    assert [c.model for c in found] == ["m0", "m1"] and all(
        c.parted == {11_100: 7, 11_101: None} for c in found
    )
    assert all(set(c.solved) == {11_100, 11_101} and c.errors["position_error"] > 0.05 for c in found)
    for name in ("typed", "scalar", "mean", "wrong_engines", "curves"):
        (row,) = select(rows, metric=f"prediction_error_{name}")
        assert row["low"] is None and row["n"] == 2
    (mean,) = select(rows, metric="predicted_success_mean", model="m0")
    assert mean["value"] == found[1].rate
    notes = "\n".join(meta["notes"])
    for told in (
        "another is not at hand",
        "2 models of 2 training runs",
        "(b) 2 learned models",
        "(d) undecided",
    ):
        assert told in notes
    for letter in "abcde":
        assert f"({letter}) undecided" in notes
    for name in ("prediction", "contrasts"):
        assert args.out.with_name(f"cost-{name}.png").stat().st_size > 10_000
    assert all(c.frames.keys() == c.solved.keys() and c.config for c in found)
    kept = {p: p.stat().st_mtime_ns for p in (args.work / predictions.OPEN_LOOP).iterdir()}
    assert len(kept) == 3  # two models and the engine of the dose
    cost.main(replace(args, stages=("prediction",)))
    assert {p: p.stat().st_mtime_ns for p in (args.work / predictions.OPEN_LOOP).iterdir()} == kept


def test_the_stage_plays_what_models_are_compared_with(args):
    everywhere = replace(args.prediction, levels=("id", "speed"))
    jobs = predictions.jobs_of(predictions.enter(everywhere, Workshop())[0], args, everywhere)
    assert [model.name if model else "" for model in jobs] == ["", "m0", "m1"]
    told = [[str(cell) for cell in job.cells] for job in jobs.values()]
    assert told[0] == [f"Catch {level}, cem@box2d in box2d" for level in ("id", "speed")]
    assert told[1] == told[2] == [f"Catch {level}, cem@learned in box2d" for level in ("id", "speed")]


def test_errors_and_success_share_no_start(args):
    shared = replace(args, prediction=replace(args.prediction, errors_first=11_101), stages=("prediction",))
    with pytest.raises(ValueError, match="starts that the two do not share"):
        cost.main(shared)


def test_what_was_dosed_is_read_by_type():
    rows = [
        {
            "task": "Catch",
            "level": "id",
            "prepared_in": "perturbed:gravity",
            "factor": f,
            "metric": m,
            "value": v,
        }
        for f, m, v in (
            (0.5, "position_error", 0.41),
            (0.9, "position_error", 0.79),
            (None, "slope", -3.0),
            (None, "intercept", 2.0),
        )
    ]
    outcomes = {("Catch", "id", "perturbed:gravity:0.5:box2d"): {11_100: True}}
    found = dosed.matched(rows, outcomes, "box2d", 0.4)
    assert found == {("Catch", "id"): {"gravity": {11_100: True}}}
    assert dosed.matched(rows, outcomes, "box2d", 0.8) == {} and dosed.furthest(rows) == 0.79


def test_outcomes_are_those_of_the_settings_of_today_on_the_starts_of_the_stage(tmp_path):
    """Of three wrong engines one was played whole; planned otherwise, or on other starts, it would fail."""
    sweep, strengths = Sweep(first=11_100, work=tmp_path), (0.5, 0.6, 0.7)
    where = {"task": "Catch", "level": "id", "world": "box2d", "prepared_in": "perturbed:gravity"}
    rows = [where | {"factor": s, "metric": "success", "value": 1.0, "n": 4} for s in strengths]
    names = [f"perturbed:gravity:{s:g}:box2d" for s in strengths]
    with Writer(tmp_path / "episodes") as writer:
        for name, settings, starts in (
            (names[0], {"success": True}, range(11_100, 11_104)),
            (names[0], {"config": "other"}, range(11_100, 11_104)),
            (names[0], {}, range(11_104, 11_110)),
            (names[1], {"config": "other"}, range(11_100, 11_104)),
            (names[2], {"success": True}, range(11_100, 11_103)),
        ):
            blank = Cell("Catch", "id", Spec("cem", name), "box2d", 11_100, 4).blank(11_100, Workshop())
            writer.append([replace(blank, start_id=i, **settings) for i in starts])
    whole = {("Catch", "id", names[0]): dict.fromkeys(range(11_100, 11_104), True)}
    assert dosed.solved(rows, sweep) == whole


def test_errors_are_measured_in_processes_and_what_fails_costs_itself_alone(tmp_path):
    good = [Subject(name, name, "Catch", "id") for name in ("box2d", "mujoco")]
    bad = Subject("box2d", "box2d", "Push", "id")  # no tracker follows its bodies
    measuring = Measuring((good[0], bad, good[1]), tmp_path, FIRST, 1, workers=2)
    found, lacks = measuring.run(Console())
    assert list(found) == good and lacks == ["open-loop errors of box2d on Push id are missing"]
    assert all(loop.value("position_error") < 0.02 for loop in found.values())
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert list(measuring.missing()) == [bad]
    assert replace(measuring, workers=1, subjects=tuple(good)).run(Console())[0] == found
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == kept


@pytest.fixture(scope="module")
def catch_clips():
    return clips_of(CATCH, "id", FIRST, 2)


def test_the_truths_own_pictures_have_no_error(catch_clips):
    found = measure(lambda some, _: film(some, 64), *catch_clips, CATCH)
    assert found.value("position_error") < 0.01 and found.value("kept") == 1
    assert found.value("psnr") > 85 and found.value("ssim") == pytest.approx(1)
    assert found.value("action_gain") == pytest.approx(1, abs=0.01) and found.value("action_error") < 0.02
    assert len(found.by_start["psnr"]) == 2


@pytest.mark.parametrize(
    ("task", "level", "law", "strength"),
    [
        (CATCH, "id", "velocity_bias", 1.0),
        (CATCH, "bounce", "gravity", 1.0),
        (CATCH, "bounce", "momentum_leak", 0.5),
        (CATCH, "id", "action_gain", 0.5),
        (STRIKE, "id", "velocity_bias", 0.5),
        (STRIKE, "id", "restitution", 1.0),
        (STRIKE, "id", "vanishing", 0.5),
    ],
)
def test_the_position_error_of_pictures_is_the_dose_of_the_engine_behind_them(task, level, law, strength):
    """Measured from pictures by the tracker, and from states: on the same starts, the same number."""
    wanted = dose.measure(dose.trials(task, range(FIRST, FIRST + 3), level), law, strength)
    clips, _ = clips_of(task, level, FIRST, 3)
    engine = f"perturbed:{law}:{strength:g}:reference"
    watched = open_loop._watch(lambda some, _: open_loop._in_engine(some, engine), clips, False)
    assert wanted > 0.05
    assert position.mean(watched.far, watched.seen) == pytest.approx(wanted, rel=0.02, abs=0.003)


def test_what_is_lost_is_five_metres_off_and_what_is_hidden_is_where_it_was(catch_clips):
    clips, _ = catch_clips
    track = _lost(clips)
    assert (open_loop.far_off(track, clips) == 5).all()
    track.status[:] = HIDDEN
    assert open_loop.far_off(track, clips)[:, : open_loop.CONTEXT].max() < 0.02


def _lost(clips):
    track = track_clip(Tracker(CATCH.template, 64), film(clips, 64), 4)
    track.status[:] = LOST
    return track


def test_open_loop_of_other_tasks_is_refused():
    with pytest.raises(ValueError, match="Strike and Catch, not on Push"):
        clips_of(make_task("Push"), "id", FIRST, 1)


def test_a_picture_parts_where_it_is_farther_than_the_tolerance():
    """The shipped model's open-loop picture of two launches: nothing is 20 m off, and all is by 2 cm."""
    shop = Workshop()
    cell = Cell("Strike", "id", Spec("random"), "box2d", 7, 2)
    found = play(cell, (7, 8), shop, {})
    task = shop.task("Strike")
    task.tolerance = 20.0
    assert partings("learned", found, shop) == [None, None]
    task.tolerance = 0.02
    assert all(frame is not None and 1 <= frame <= 28 for frame in partings("learned", found, shop))
    place, status = np.zeros((3, 1, 2)), np.zeros((3, 1))
    true = np.zeros((3, 1, 6)) + 5.0
    place[..., :] = 5.0
    place[2, 0, 0] = 5.8
    assert truth.parting(place, status, true, [0], 0.9) is None
    assert truth.parting(place, status, true, [0], 0.7) == 2


def test_the_zoo_counts_weights_once_and_what_is_learned_alone(tmp_path):
    run = tmp_path / "train" / "table" / "step-7"
    shutil.copytree(WEIGHTS / "table", run)
    (run.parent / "latest").write_text("step-7")
    found, notes = zoo.zoo("table", tmp_path / "none", [str(run.parent)])
    assert [m.name for m in found] == ["table"]  # the same weights
    assert any("train/table/step-1000 does not exist" in note for note in notes)
    assert zoo._checkpoint(str(run.parent)) == str(run)
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps(config | {"_class_name": "RetrievalModel"}))
    with pytest.raises(ValueError, match="retrieval, which is not learned"):
        zoo.zoo("table", tmp_path, [str(run)])
    with pytest.raises(ValueError, match="is no checkpoint and holds none"):
        zoo.zoo("table", tmp_path, [str(tmp_path)])


def test_models_that_saw_no_action_of_the_task_are_passed_over(tmp_path):
    folder = tmp_path / "step-3"
    shutil.copytree(WEIGHTS / "table", folder)
    for mixture, fits in ((["collision", 1.0], False), (["launch", 0.5], True)):
        (folder / "training.json").write_text(json.dumps({"recipe": {"mixture": [mixture]}}))
        assert zoo.fits(str(folder), "table") is fits
    assert zoo.fits("table", "table") and not zoo.fits("table", "drop")
    for models in zoo.ZOO.values():
        assert len(models) >= MODELS_NEEDED and len({m.name for m in models}) == len(models)
