"""`bench bridge` where the answer is known: a learned world that is true, and one that is wrong."""

from dataclasses import replace

import pytest

from agents.planners import PLANNERS, Entry
from agents.refits.cem import CEM, CEMConfig
from benchmarks import projection, records, results_io
from benchmarks.bridging import command
from benchmarks.bridging.command import Args
from benchmarks.records import Writer
from benchmarks.results_io import check, select
from benchmarks.workers import work


@pytest.fixture
def args(tmp_path, monkeypatch):
    few = CEMConfig(candidates=(40, 14), refresh=(2,))
    monkeypatch.setitem(PLANNERS, "cem", Entry(CEM, few))
    policies = ("random", "reactive,gain=0.7", "cem@box2d", "cem@learned")
    monkeypatch.setattr(command, "POLICY_SET", {"Strike": policies})
    monkeypatch.setattr(command, "play_all", lambda job: work(job, 0))  # without a process of its own
    out = tmp_path / "bridge.json"
    return Args(
        ("play", "result"),
        ("Strike",),
        engines=("box2d",),
        first=10_000,
        starts=6,
        replays=4,
        rows=6,
        workers=1,
        work=tmp_path,
        out=out,
    )


@pytest.fixture(autouse=True)
def unprojected(monkeypatch):
    monkeypatch.setattr(command, "PROJECTED", {})


def results(args):
    command.main(args)
    meta, rows = results_io.read(args.out)
    check(rows)
    return meta, rows


def value(rows, metric, policy=None, prepared_in=None):
    (row,) = select(rows, metric=metric, policy=policy, prepared_in=prepared_in, world="box2d")
    return row["value"]


def test_a_learned_world_that_is_true_has_no_gap(args):
    """With Box2D in the model's place; MuJoCo beside it is the ceiling. Altered records are refused."""
    args = replace(args, model="box2d", engines=("box2d", "mujoco"), starts=3)
    meta, rows = results(args)
    zero = ("gap", "phantom_success", "missed_success", "exploitation", "regret", "mmrv", "top1_regret")
    for metric in (*zero, "lift_lost", "calibration_error"):
        found = select(rows, metric=metric, world="box2d")
        assert found and all(row["value"] == 0.0 for row in found), metric
    assert value(rows, "pearson") == pytest.approx(1.0)
    assert select(rows, metric="gap_ceiling", world="mujoco") and select(rows, metric="pearson_ceiling")
    assert {row["model"] for row in rows} == {"box2d"}
    found = records.read(args.work / "episodes")
    assert meta["records"] == records.digest(found.values()) and len(found) == 12 + 12 + 12
    _tamper(args)


def _tamper(args):
    """A record altered and sealed anew is found by its actions."""
    (path,) = (args.work / "episodes").glob("*.jsonl")
    found = list(records.read(path.parent).values())
    path.unlink()
    with Writer(path.parent, "forged") as writer:
        writer.append([replace(r, success=True) if r.policy == "random" else r for r in found])
    with pytest.raises(
        ValueError, match=r"do not follow from their actions.*(\n.*)*random in .*success True, now"
    ):
        command.main(replace(args, stages=("result",), replays=9))


def test_a_wrong_world_is_exploited_by_those_who_plan_in_it_alone(args):
    """Launches are 1.6 times as strong in it: plans made there succeed there, and fall short in truth."""
    _, rows = results(replace(args, model="perturbed:action_gain:0.6:box2d"))
    assert value(rows, "phantom_success", "cem", "learned") > 0.5
    assert value(rows, "phantom_success", "cem", "box2d") == value(rows, "phantom_success", "random") == 0.0
    (row,) = select(rows, metric="exploitation", policy="cem")
    assert row["value"] > 0.5 and row["low"] > 0
    assert value(rows, "gap", "cem", "box2d") <= 0 < value(rows, "gap", "cem", "learned")
    assert value(rows, "regret") >= 0.5
    (gap,) = (r for r in rows if r["metric"].startswith("planning_gap"))
    assert gap["value"] > 0.5


def test_missing_cells_are_told_and_left_out(args, monkeypatch):
    monkeypatch.setattr(command, "play_all", lambda job: work(replace(job, cells=job.cells[:5]), 0))
    args = replace(args, model="inertia", starts=1, samples=2, replays=2)
    jobs = command.jobs_of(args)
    assert [c.sample for c in jobs[0].cells[:3]] == [0, 0, 1]  # Box2D has one sample, the model two
    monkeypatch.setattr(projection, "TRIED", 1)
    assert command._playing_time(args, jobs, jobs[0].workshop()) > 0
    assert command._training_time(args, jobs, jobs[0].workshop()) == 0
    meta, rows = results(args)
    assert any("cem@box2d in box2d are missing; cem@box2d is left out" in note for note in meta["notes"])
    assert {row["policy"] for row in rows if "policy" in row} <= {"random", "reactive,gain=0.7"}
    with pytest.raises(ValueError, match="no policy set for Golf"):
        command.jobs_of(replace(args, tasks=("Golf",)))
    with pytest.raises(ValueError, match="has a level warm"):
        command.jobs_of(replace(args, levels=("warm",)))


def test_further_models_are_compared_by_what_is_planned_in_them(args, monkeypatch):
    """Each model is an engine here."""
    monkeypatch.setattr(command, "POLICY_SET", {"Strike": ("random", "cem@learned")})
    models = ("inertia", "undamped")
    jobs = command.jobs_of(replace(args, model="reference", models=models))
    assert [{str(c.spec) for c in job.cells} for job in jobs] == [
        {"random", "cem@learned"},
        *[{"cem@learned"}] * 2,
    ]
    assert [job.model for job in jobs] == ["reference", *models]
    with pytest.raises(ValueError, match="models share a name"):
        command.jobs_of(replace(args, models=("a/b", "c/b")))
