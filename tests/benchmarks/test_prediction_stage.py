"""The stages `prediction` and `contrasts` of bench cost, with wrong engines in place of learned models."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from agents.planners import PLANNERS, Entry
from agents.refits.cem import CEM, CEMConfig
from benchmarks import cost, open_loop, projection, results_io, truth, zoo
from benchmarks.cost import Args
from benchmarks.costing import dosed, predictions, sweep
from benchmarks.costing.divergence import partings
from benchmarks.costing.doses import Doses
from benchmarks.open_loop import FIRST, clips_of, measure
from benchmarks.playing import Cell, play
from benchmarks.prediction import cases
from benchmarks.results_io import select
from benchmarks.specs import Spec
from benchmarks.statistics import MODELS_NEEDED
from benchmarks.workers import work
from benchmarks.workshop import Workshop
from benchmarks.zoo import Model
from envs.tasks import make_task
from worldsim.metrics.rollouts import truth as film
from worldsim.models import WEIGHTS

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
    return Args(rows=2, workers=1, work=tmp_path, stages=stages, dose=doses, prediction=options, out=out)


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
    kept = {p: p.stat().st_mtime_ns for p in (args.work / predictions.OPEN_LOOP).iterdir()}
    assert len(kept) == 3  # two models and the engine of the dose
    cost.main(replace(args, stages=("prediction",)))
    assert {p: p.stat().st_mtime_ns for p in (args.work / predictions.OPEN_LOOP).iterdir()} == kept


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


@pytest.fixture(scope="module")
def catch_clips():
    return clips_of(CATCH, "id", FIRST, 2)


def test_the_truths_own_pictures_have_no_error(catch_clips):
    found = measure(lambda some, _: film(some, 64), *catch_clips, CATCH)
    assert found.value("position_error") < 0.01 and found.value("kept") == 1
    assert found.value("psnr") > 85 and found.value("ssim") == pytest.approx(1)
    assert found.value("action_gain") == pytest.approx(1, abs=0.01) and found.value("action_error") < 0.02
    assert len(found.by_start["psnr"]) == 2


def test_a_bias_of_velocity_is_a_dose_that_grows_with_time(catch_clips):
    """The ball is 0.3 m/s too fast: after t seconds it is 0.3 t off; the basket is right."""
    clips, numbers = catch_clips
    found = measure(lambda some, _: open_loop._in_engine(some, WRONG[0]), clips, numbers, CATCH)
    seen = open_loop._watch(lambda some, _: film(some, 64), clips, False).seen
    t = (np.arange(seen.shape[1]) - (open_loop.CONTEXT - 1)) * 0.1
    off = 0.3 * t[None, :, None] * np.array([0, 0, 1.0])
    free = (clips.states[:, :, 2, 1] < 1.2).cumsum(1) == 0  # before it meets the floor
    expected = (off * seen.numpy() * free[..., None]).sum() / seen[:, :, 1:].sum()
    assert 0.3 * expected < found.value("position_error") < 3 * expected
    assert open_loop.dose_errors(_lost(clips), clips).max() == 5  # what is not shown is 5 m off


def _lost(clips):
    from worldsim.tracking import LOST, Tracker, track_clip

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
