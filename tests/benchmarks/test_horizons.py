"""The stage `horizon`: when worlds part, the law by hand, a sweep that is interrupted and goes on."""

from dataclasses import replace

import numpy as np
import pytest

from agents.planners import PLANNERS, Entry
from agents.refits.cem import CEM, CEMConfig
from benchmarks import results_io
from benchmarks.costing import command as cost
from benchmarks.costing import dose, horizon_figures, horizons, sweep, tables
from benchmarks.costing.command import Args
from benchmarks.costing.divergence import Horizon, horizon
from benchmarks.costing.horizon_law import fit
from benchmarks.costing.horizon_rows import Wrong, specs, summarise
from benchmarks.costing.horizons import Horizons
from benchmarks.episodes import projection
from benchmarks.episodes.records import EpisodeRecord
from benchmarks.episodes.workers import work
from benchmarks.episodes.workshop import Workshop
from benchmarks.results_io import check, select

SHARES = (0.5, 1.0)


def episodes(task, policy, world, solved, count=40, frames=20):
    return [
        EpisodeRecord(
            task, "id", i, "box2d", policy, world, solved(i), 0.5, frames, actions=((0.0,),) * frames
        )
        for i in range(count)
    ]


def test_a_world_parts_when_it_is_off_by_the_tolerance():
    """Bodies that drift by 1.9 m/s are 0.8 m off in the fifth frame; right physics never parts."""
    found = episodes("Catch", "cem", "box2d", bool, count=8)
    assert horizon("perturbed:velocity_bias:1.9:box2d", found, Workshop()).median == 5.0
    assert horizon("perturbed:velocity_bias:0.95:box2d", found, Workshop()).median == pytest.approx(9, abs=1)
    never = horizon("box2d", found, Workshop())
    assert never == Horizon(None, None, None, 8)
    short = [replace(r, frames=4) for r in found]  # solved by then: the world is watched on
    assert horizon("perturbed:velocity_bias:1.9:box2d", short, Workshop()).median == 5.0


def test_the_law_is_found_again_and_its_interval_covers_it():
    rng = np.random.default_rng(0)
    ratios = np.repeat([0.2, 0.5, 1.0, 2.0, 5.0], 200)
    outcomes = rng.random(1000) < 1 / (1 + np.exp(2.0 * np.log(ratios / 0.8)))
    law = fit(ratios, outcomes, list(range(200)) * 5)
    assert law.note == "" and law.slope.low < -2.0 < law.slope.high
    assert law.even.low < 0.8 < law.even.high and law.even.high - law.even.low < 0.4
    assert law.success(0.8) == pytest.approx(0.5, abs=0.06)


def test_too_little_gives_no_interval_and_says_so():
    ratios, outcomes = [0.5] * 30 + [2.0] * 30, [1] * 20 + [0] * 10 + [1] * 5 + [0] * 25
    few = fit(ratios, outcomes, [0, 1, 2] * 20)
    assert few.note == "no interval: 3 starts, 20 are needed" and np.isnan(few.slope.low)
    starts = list(range(30)) * 2
    models = fit(ratios, outcomes, starts, ["a"] * 30 + ["b"] * 30)
    assert models.note == "no interval: 2 models, 10 are needed" and models.slope.value < 0
    assert fit([1.0] * 60, outcomes, starts) is None
    rising = fit(ratios, outcomes[::-1], starts)
    assert rising.even is None and rising.note == "success does not fall with the ratio"
    with pytest.raises(ValueError, match="ratios above zero"):
        fit([0.0, 1.0], [0, 1], [0, 1])


def test_rows_by_hand():
    """D = 12 frames; right physics solves 30 of 40 starts with short plans, all with long ones."""
    wrong = Wrong("Catch", "id", "box2d", "gravity", "perturbed:gravity:0.5:box2d")
    still = replace(wrong, name="perturbed:gravity:0.01:box2d")
    task = Workshop().task("Catch")
    short, long = (spec.name for spec in specs("box2d", task, SHARES).values())
    assert (short, long) == ("cem,horizon=24", "cem")
    found = {}
    for world, policy, count in (
        ("box2d", short, 30),
        ("box2d", long, 40),
        (wrong.name, short, 24),
        (wrong.name, long, 10),
    ):
        found["Catch", "id", policy, world, ""] = episodes("Catch", policy, world, lambda i, k=count: i < k)
    diverges = {wrong: Horizon(12.0, 10.0, 15.0, 40), still: Horizon(None, None, None, 40)}
    rows, notes = summarise(diverges, found, SHARES, Workshop())
    check(rows)
    assert len(notes) == 1 and notes[0].startswith(f"Catch id, {still.name}: does not part by half")
    value = {(r["metric"], r.get("factor")): r["value"] for r in rows}
    assert value["horizon_ratio", 24] == 2.0 and value["horizon_ratio", 48] == 4.0
    assert value["horizon_success", 24] == 0.6 and value["horizon_kept", 24] == 0.8
    assert value["horizon_success", 48] == value["horizon_kept", 48] == 0.25
    assert value["divergence_horizon", None] == 12.0
    # two ratios: the curve goes through both points
    logit = lambda p: np.log(p / (1 - p))  # noqa: E731
    assert value["kept_slope", None] == pytest.approx((logit(0.25) - logit(0.8)) / np.log(2), abs=1e-3)
    (even,) = select(rows, metric="horizon_even")
    assert even["prepared_in"] == "perturbed:gravity" and 2.0 < even["value"] < 4.0
    assert even["low"] < even["value"] < even["high"]
    figure = horizon_figures.draw(rows)["horizon-catch-id"]
    assert [axis.get_title() for axis in figure.axes] == ["laws"]
    assert len(tables.horizon(rows).lines) == 1


def test_a_sweep_that_was_interrupted_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(dose, "STARTS", 6)
    monkeypatch.setattr(projection, "TRIED", 1)
    few = CEMConfig(candidates=(4,), refresh=(2,), replan_every=24)
    monkeypatch.setitem(PLANNERS, "cem", Entry(CEM, few))
    monkeypatch.setattr(sweep, "play_all", lambda job: work(job, 0))
    options = Horizons(("Catch",), ("id",), ("gravity",), (0.1,), (), SHARES, 2)
    args = Args(
        rows=2, workers=1, work=tmp_path, stages=("horizon",), horizon=options, out=tmp_path / "c.json"
    )
    wrong = horizons.plan(args, options, Workshop())
    job = horizons.job_of(wrong, args, options, Workshop(), "")
    assert [str(c.spec).split(":")[0] for c in job.cells] == [
        "cem,horizon=24@box2d",
        "cem@box2d",
        "cem,horizon=24@perturbed",
        "cem@perturbed",
    ]
    work(replace(job, cells=job.cells[:3]), 0)
    assert job.missing() == 2
    cost.main(args)
    assert job.missing() == 0
    meta, rows = results_io.read(args.out)
    assert len(select(rows, metric="horizon_success")) == 2
    assert meta["notes"] and meta["stages"]["horizon"]["options"]["shares"] == list(SHARES)


def test_doses_that_were_not_matched_are_refused():
    with pytest.raises(ValueError, match=r"doses \[0.3\] were not matched"):
        horizons.plan(sweep.Sweep(), Horizons(doses=(0.3,)), Workshop())
