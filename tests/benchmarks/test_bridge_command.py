"""`bench bridge` where the answer is known: a learned world that is true, and one that is wrong."""

from dataclasses import replace

import pytest

from agents.planners import PLANNERS, Entry
from agents.refits.cem import CEM, CEMConfig
from benchmarks import results_io
from benchmarks.bridging import command
from benchmarks.bridging.command import Args
from benchmarks.episodes import projection, records
from benchmarks.episodes.records import Writer
from benchmarks.episodes.specs import Spec
from benchmarks.episodes.workers import work
from benchmarks.policy_set import POLICY_SET, primary
from benchmarks.results_io import check, select


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
    assert {row["model"] for row in rows if "model" in row} == {"box2d"}
    imagined, real = (
        select(rows, metric="success", policy="cem", prepared_in="learned", model="box2d", world=world)
        for world in ("learned", "box2d")
    )
    assert imagined[0]["value"] == real[0]["value"] and real[0]["n"] == 3
    assert select(rows, metric="success_difference_to_box2d", world="box2d")[0]["value"] == 0.0
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
    monkeypatch.setattr(command, "play_all", lambda job: work(replace(job, cells=job.cells[:4]), 0))
    args = replace(args, model="inertia", starts=1, samples=2, replays=2)
    jobs, _ = command.jobs_of(args)
    assert [c.sample for c in jobs[0].cells[:3]] == [0, 0, 0]  # what does not draw has one sample of a start
    monkeypatch.setattr(projection, "TRIED", 1)
    assert command._playing_time(args, jobs, jobs[0].workshop()) > 0
    assert command._training_time(args, jobs, jobs[0].workshop()) == 0
    meta, rows = results(args)
    (note,) = (note for note in meta["notes"] if "left out" in note)
    assert "Strike id: for missing episodes these are left out: " in note and "cem@box2d (" in note
    assert {row["policy"] for row in rows if "policy" in row} <= {"random", "reactive,gain=0.7"}
    with pytest.raises(ValueError, match="no policy set for Golf"):
        command.jobs_of(replace(args, tasks=("Golf",)))
    with pytest.raises(ValueError, match="has a level warm"):
        command.jobs_of(replace(args, levels=("warm",)))


def test_further_models_are_compared_by_what_is_planned_in_them(args, monkeypatch):
    """Each model is an engine here."""
    monkeypatch.setattr(command, "POLICY_SET", {"Strike": ("random", "cem@learned")})
    models = ("inertia", "undamped")
    jobs, _ = command.jobs_of(replace(args, model="reference", models=models))
    assert [{str(c.spec) for c in job.cells} for job in jobs] == [
        {"random", "cem@learned"},
        *[{"cem@learned"}] * 2,
    ]
    assert [job.model for job in jobs] == ["reference", *models]
    with pytest.raises(ValueError, match="models share a name"):
        command.jobs_of(replace(args, models=("a/b", "c/b")))
    names = Args(models=("a/mine/step-1", "a/mine/step-2")).names
    assert names == ["shipped", "mine/step-1", "mine/step-2"]


def test_models_of_other_tasks_are_left_out_with_a_note(args, monkeypatch):
    monkeypatch.setattr(command, "POLICY_SET", {"Strike": ("noop",), "Catch": ("noop",)})
    both = replace(args, tasks=("Strike", "Catch"), model="inertia", models=("table",))
    jobs, notes = command.jobs_of(both)
    assert {c.task for c in jobs[0].cells} == {"Strike", "Catch"} and {c.task for c in jobs[1].cells} == {
        "Strike"
    }
    assert "table is left out of Catch: it has not learned from the scenario 'drop'" in notes[0]
    with pytest.raises(ValueError, match="table is left out of Catch"):
        command.jobs_of(replace(args, tasks=("Catch",), model="table"))


def test_each_engine_has_one_ceiling_of_several(args, monkeypatch):
    monkeypatch.setattr(command, "POLICY_SET", {"Strike": ("random", "noop", "reactive")})
    args = replace(args, model="inertia", engines=("box2d", "mujoco", "analytic"), starts=2)
    _, rows = results(args)
    worlds = [row["world"] for row in select(rows, metric="gap_ceiling", policy=None)]
    assert sorted(worlds) == ["analytic", "box2d", "mujoco"]


def test_relabelled_records_are_found_by_what_their_policies_decide(args):
    """Actions of the reactive policy under a planner's name lead to what is recorded, and are not its own."""
    args = replace(args, model="box2d", starts=2)
    results(args)
    (path,) = (args.work / "episodes").glob("*.jsonl")
    found = list(records.read(path.parent).values())
    path.unlink()
    theirs = {(r.start_id, r.world): r for r in found if r.policy == "reactive,gain=0.7"}

    def relabelled(r):
        who = {name: getattr(r, name) for name in ("policy", "prepared_in", "weights", "config")}
        plan = {name: getattr(r, name) for name in ("imagined_frames", "imagined_success", "imagined_miss")}
        return replace(theirs[r.start_id, r.world], **who, **plan)

    with Writer(path.parent, "forged") as writer:
        writer.append(
            [relabelled(r) if str(Spec.named(r.policy, r.prepared_in)) == "cem@learned" else r for r in found]
        )
    with pytest.raises(
        ValueError, match=r"4 of 16 records.*(\n.*)*cem@learned in .*decision 0 .*asked again"
    ):
        command.main(replace(args, stages=("result",), replays=16))


def test_a_file_is_made_in_several_runs(args, monkeypatch, capsys):
    """Another level, another model and more starts for some come beside what was measured; what other code
    measured is left out."""
    policies = ("random", "cem@box2d", "cem@learned", "ppo,frames=400000@learned")
    monkeypatch.setattr(command, "POLICY_SET", {"Strike": policies})
    args = replace(args, model="box2d", starts=2, replays=1)
    results(args)
    _, rows = results(replace(args, levels=("speed",)))
    assert {row["level"] for row in select(rows, metric="gap")} == {"id", "speed"}
    assert "kept: Strike id box2d, measured on" in capsys.readouterr().out
    meta, rows = results(replace(args, primary=3))
    assert "replaced: Strike id box2d" in capsys.readouterr().out
    gaps = {(r["level"], r.get("policy"), r.get("prepared_in")): r["n"] for r in select(rows, metric="gap")}
    assert gaps["id", "cem", "learned"] == gaps["id", "cem", "box2d"] == 3
    assert gaps["id", "random", None] == gaps["speed", "cem", "learned"] == 2 and gaps["id", None, None] == 3
    assert any("ppo,frames=400000@learned has not been trained on Strike" in n for n in meta["notes"])
    meta, rows = results(replace(args, model="inertia", models=("undamped",)))
    assert meta["models"] == {"box2d": "box2d", "inertia": "inertia", "undamped": "undamped"}
    assert {
        r["model"] for r in select(rows, metric="gap", level="id", policy="cem", prepared_in="learned")
    } == {*meta["models"]}
    assert len(select(rows, metric="success_difference_to_box2d", model="undamped", world="box2d")) == 1
    before = len(meta["parts"])
    monkeypatch.setattr(command, "code_version", lambda: "later")
    meta, rows = results(args)
    assert {part["code"] for part in meta["parts"]} == {"later"} and len(meta["parts"]) < before
    assert "left out: Strike speed box2d, its code is" in capsys.readouterr().out


def test_a_learner_that_fails_costs_itself(args, monkeypatch):
    monkeypatch.setattr(command, "POLICY_SET", {"Strike": ("noop", "ppo,frames=600@box2d")})

    def fails(*given):
        raise ChildProcessError("learners failed: ouch")

    monkeypatch.setattr(command, "train", fails)
    meta, rows = results(replace(args, stages=("learn", "play", "result"), model="inertia", starts=2))
    assert "learners failed: ouch" in meta["notes"] and select(rows, metric="gap", policy="noop")


def test_primary_policies_are_of_the_set():
    for task, policies in POLICY_SET.items():
        assert set(primary(task)) < set(policies) and len(primary(task)) == 4
