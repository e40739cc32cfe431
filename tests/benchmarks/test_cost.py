"""What an error costs: the plan, a sweep that is interrupted and goes on, its rows and pictures."""

import json
from dataclasses import replace

import numpy as np
import pytest

from agents.planners import PLANNERS, Entry
from agents.refits.cem import CEM, CEMConfig
from benchmarks import results_io
from benchmarks.contrasts import ranking, spread
from benchmarks.costing import command as cost
from benchmarks.costing import dose, doses, figures, outlook, sweep, tables
from benchmarks.costing.command import Args
from benchmarks.costing.predictions import Entrant, Prediction
from benchmarks.costing.rows import Curve, on_plans, summarise
from benchmarks.costing.verdicts import Contrasts
from benchmarks.episodes import playing, projection, records, workers
from benchmarks.episodes.specs import Spec
from benchmarks.episodes.workers import work
from benchmarks.episodes.workshop import Workshop
from benchmarks.episodes.zoo import Model
from benchmarks.results_io import check, select
from worldsim.worlds import make_world


@pytest.fixture
def args(tmp_path, monkeypatch):
    monkeypatch.setattr(dose, "STARTS", 6)
    monkeypatch.setattr(projection, "TRIED", 1)
    few = CEMConfig(candidates=(4,), refresh=(2,), replan_every=24)
    monkeypatch.setitem(PLANNERS, "cem", Entry(CEM, few))
    monkeypatch.setattr(sweep, "play_all", lambda job: work(job, 0))  # without a process of its own
    laws = ("gravity", "interpenetration")
    options = doses.Doses(("Catch",), ("id",), laws, (0.2, 0.5), 1)
    out = tmp_path / "cost.json"
    return Args(rows=1, workers=1, work=tmp_path, stages=("dose",), dose=options, out=out)


def test_a_sweep_that_was_interrupted_goes_on_where_it_stood(args):
    curves = doses.plan(args, args.dose, Workshop())
    job = doses.job_of(curves, args, args.dose)
    assert [str(cell.spec) for cell in job.cells[:1]] == ["cem@box2d"]
    assert not curves[1].worlds  # interpenetration moves the ball too little
    work(replace(job, cells=job.cells[:2]), 0)  # then it was killed while it wrote
    path = job.folder / "worker0.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    before = records.read(job.folder)
    assert job.missing() == len(job.cells) - len(before) > 0
    kept = {f: f.stat().st_mtime_ns for f in (args.work / "doses").iterdir()}
    cost.main(args)
    assert {f: f.stat().st_mtime_ns for f in (args.work / "doses").iterdir()} == kept
    after = records.read(job.folder)
    assert job.missing() == 0 and {k: after[k] for k in before} == before
    _rows_tell(args, curves, after)


def test_a_cell_that_fails_costs_itself_alone(args, monkeypatch):
    """CEM breaks in one of the wrong engines: the others are told, the next stage runs, and all ends in an
    error that names the cell."""
    faulty = doses.plan(args, args.dose, Workshop())[0].matches[0].strength

    def play(cell, *rest):
        if f"gravity:{faulty:g}:" in cell.spec.prepared_in:
            raise RuntimeError("a singular matrix")
        return playing.play(cell, *rest)

    def play_all(job):
        work(job, 0)
        raise ChildProcessError((job.folder / "worker0.failed").read_text())

    monkeypatch.setattr(workers, "play", play)
    monkeypatch.setattr(projection, "play", play)
    monkeypatch.setattr(sweep, "play_all", play_all)
    apart = replace(args, stages=("dose", "contrasts"), contrasts=Contrasts(args.work / "none"))
    with pytest.raises(ChildProcessError, match=f"dose: 1 episodes of Catch id, .*gravity:{faulty:g}:"):
        cost.main(apart)
    meta, rows = results_io.read(args.out)
    told = select(rows, metric="success", task="Catch")
    strengths = [m.strength for m in doses.plan(args, args.dose, Workshop())[0].matches if m.reached]
    assert [row.get("factor") for row in told] == [None, *strengths[1:]] and strengths[0] == faulty
    assert any(note.startswith("1 episodes of Catch id") for note in meta["notes"])
    assert list(meta["stages"]) == ["dose", "contrasts"]


def test_what_cannot_come_out_is_told_first(args, monkeypatch, capsys):
    """Without checkpoints there are two models, and nothing of the bridge: said before anything is played."""

    class Played(Exception):
        pass

    def stop(*asked):
        raise Played

    monkeypatch.setitem(cost.STAGES, "dose", stop)
    nowhere = args.work / "none"
    stages = ("dose", "prediction", "contrasts")
    prediction, contrasts = Prediction(runs=nowhere, levels=("id", "bounce", "both")), Contrasts(nowhere)
    with pytest.raises(Played):
        cost.main(replace(args, stages=stages, prediction=prediction, contrasts=contrasts))
    told = " ".join(capsys.readouterr().out.split())
    for line in (
        "table/step-4000 of the fixed table is not at hand",
        "prediction: 2 models of 2 training runs are at hand; an interval needs 10 models of 6 runs",
        "(b) will be undecided: 2 models at hand, 10 are needed",
        "(d) leaves out Catch both: 1 models at hand, 10 are needed",
        "(e) will be undecided: 1 models at hand on Strike, 6 are needed",
        "(c) the policy set has not been played on Strike speed",
        "worldsim bench bridge --levels id speed size both",
    ):
        assert line in told


def test_enough_models_leave_nothing_to_tell():
    models = [Model(f"m{i}", f"run{i % 6}", "") for i in range(10)]
    places = {*spread.PLACES, *ranking.PLACES}
    assert outlook.too_few([Entrant(m, *place) for m in models for place in places]) == []
    less = outlook.too_few([Entrant(m, *place) for m in models[:9] for place in places])
    assert [line[:3] for line in less] == ["pre", "(b)", "(d)", "(d)", "(d)", "(d)"]


def _rows_tell(args, curves, episodes):
    meta, rows = results_io.read(args.out)
    check(rows)
    for curve in curves:
        where = {"task": "Catch", "prepared_in": f"perturbed:{curve.law}", "world": "box2d"}
        for match in curve.matches:
            if not match.reached:
                assert select(rows, **where, metric="out_of_reach", factor=match.target)
                continue
            played = [r for r in episodes.values() if f":{curve.law}:{match.strength:g}:" in r.prepared_in]
            (row,) = select(rows, **where, metric="success", factor=match.strength)
            assert row["n"] == 1 and row["value"] == sum(r.success for r in played)
            (row,) = select(rows, **where, metric="position_error", factor=match.strength)
            assert row["value"] == pytest.approx(match.target, rel=0.1)
            assert select(rows, **where, metric="position_error_on_plan", factor=match.strength)[0]["n"] == 1
    assert any("1 starts, 20 are needed" in note for note in meta["notes"])
    assert any("interpenetration: a dose of 0.5 m is out of reach" in note for note in meta["notes"])
    assert (args.out.parent / "cost-catch-id.png").stat().st_size > 5000


def test_rows_by_hand():
    """Success falls from 80 to 30 of 100 at 0.4 m: it is halved before, and pictures show it."""
    matches = (dose.Match(0.2, 0.3, 0.21, True), dose.Match(0.4, 0.5, 0.4, True))
    curve = Curve("Catch", "id", "box2d", "gravity", matches)
    solved = {"box2d": 80, "perturbed:gravity:0.3:box2d": 70, "perturbed:gravity:0.5:box2d": 30}
    found = [
        records.EpisodeRecord("Catch", "id", i, "box2d", "cem", world, i < count, 0.5, 20)
        for world, count in solved.items()
        for i in range(100)
    ]
    rows, notes = summarise([curve], found)
    check(rows)
    assert notes == []
    (half,) = select(rows, metric="half_dose")
    assert half["low"] < half["value"] < half["high"] and half["value"] == pytest.approx(0.35, abs=0.03)
    falls = {r["factor"]: r["value"] for r in select(rows, metric="success_fall")}
    assert falls == pytest.approx({0.3: 0.1, 0.5: 0.5})
    assert select(rows, metric="success", prepared_in="box2d")[0]["value"] == 0.8
    axes = figures.draw(rows)["catch-id"].axes
    assert [axis.get_title() for axis in axes] == ["laws"]
    assert json.dumps(rows)
    table = tables.doses(rows)
    assert table.head == ["Law error", "Catch, in-distribution: fall at 0.4 m", "halved at, m"]
    [[law, fall, halved]] = table.lines
    assert law == "gravity" and fall.startswith("50 [") and halved.startswith(f"{half['value']:.2g} [")


def test_on_plans_a_contact_error_counts_where_plans_have_contacts():
    """A launch that misses shows no momentum leak; one that hits shows it for the frames that count."""
    task = Workshop().task("Strike")
    match = dose.Match(0.2, 0.5, 0.2, True)
    curve = Curve("Strike", "id", "box2d", "momentum_leak", (match,))
    red, blue = (np.array(task.sample("id", 0).scene.bodies[i].position) for i in (1, 0))
    away = tuple((red - blue) / np.linalg.norm(red - blue))
    episode = records.EpisodeRecord(
        "Strike", "id", 0, "box2d", "cem", "box2d", False, 1.0, 28, actions=(away,)
    )
    (row,) = on_plans([curve], [episode], Workshop().task)
    assert row["value"] == 0.0 and row["factor"] == 0.5
    aimed = dose.trials(task, [0])
    hit = aimed.actions[dose.KEPT, 0]
    later = replace(episode, actions=(tuple(hit),))
    assert on_plans([curve], [later], Workshop().task)[0]["value"] > 0.01
    early = replace(later, frames=1)
    assert on_plans([curve], [early], Workshop().task)[0]["value"] == 0.0


def test_planners_imagine_in_engines_with_a_law_error():
    spec = Spec.parse("cem@perturbed:gravity:0.5:box2d")
    task = Workshop().task("Catch")
    policy = Workshop().policy(spec, task, "id", "box2d")
    assert policy.prepared_in == "perturbed:gravity:0.5:box2d"
    for wrong in ("ppo@perturbed:gravity:0.5", "noop@perturbed:gravity:0.5"):
        with pytest.raises(ValueError, match="perturbed:LAW:STRENGTH:ENGINE"):
            Spec.parse(wrong)
    with pytest.raises(ValueError, match="unknown law error 'levity'"):
        Spec.parse("cem@perturbed:levity:0.5")


def test_a_world_with_a_law_error_forks_exactly_in_mid_contact():
    task = Workshop().task("Catch")
    starts = [task.sample("id", i) for i in range(3)]
    for law in ("jitter", "momentum_leak", "contact_delay", "vanishing"):
        world = make_world(f"perturbed:{law}:0.2:box2d", task.template)
        world.reset([s.scene for s in starts], [0, 1, 2])
        action = [[0.5], [-0.5], [0.0]]
        for t in range(16):
            world.step(action)
            if t % 5 == 0:
                twin = world.fork([0, 1, 2], 1)
                assert (twin.states == world.states).all()
        assert (twin.fork([2], 2).states == twin.states[2]).all()
