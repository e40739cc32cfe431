"""The suite: its cells, what it plays, what it tells about savings and about speed."""

import pytest
from rich.console import Console

from agents.learning import train
from benchmarks import results_io
from benchmarks.episodes import learners
from benchmarks.episodes.records import EpisodeRecord
from benchmarks.episodes.specs import Spec
from benchmarks.episodes.workshop import Workshop
from benchmarks.learned import worlds
from benchmarks.reports import figures
from benchmarks.results_io import check, select
from benchmarks.suite import cells, command, pace, proof, savings
from benchmarks.suite.cells import CEM, ENGINES, LEARNED, cells_of, modelled
from benchmarks.suite.command import Args
from benchmarks.suite.parts import Part
from benchmarks.suite.rows import merged, played
from envs.tasks import TASKS, make_task


def test_cells_cover_all_tasks_levels_and_both_engines():
    tasks = tuple(TASKS)
    assert set(tasks) - set(modelled(tasks)) == {"Place"}
    workshop = Workshop()
    cells = cells_of("cem", tasks, 10, workshop)
    levels = {(name, level) for name in modelled(tasks) for level in TASKS[name]().levels}
    assert {(c.task, c.level) for c in cells} == levels
    assert {(str(c.spec), c.world) for c in cells} == {
        *((spec, world) for spec in CEM for world in ENGINES),
        ("cem@learned", "learned"),
    }
    learned = cells_of("learners", ("Catch", "Bank", "Push"), 10, workshop)
    assert {(c.task, str(c.spec)) for c in learned} == {
        ("Catch", "ppo@box2d"),
        ("Catch", "ppo@learned"),
        ("Push", "ppo,frames=1000000@box2d"),
        ("Push", "ppo@learned"),
    }
    imagined = {str(c.spec) for c in learned if c.world == "learned"}
    assert imagined == {"ppo@learned"}
    specs = {name: [Spec.parse(text) for text in texts] for name, texts in LEARNED.items()}
    assert {*specs} < {*modelled(tasks)} and all(some[0].prepared_in == "box2d" for some in specs.values())


def test_the_proof_holds_all_tasks():
    played = {c.task for c in proof.job_of(Args().proof).cells}
    assert played == set(TASKS) and len(played) == 8


def test_all_planners_are_compared_in_the_model():
    cells = cells_of("planners", ("Catch",), 3, Workshop())
    assert {c.spec.policy for c in cells if c.spec.prepared_in == "learned"} == {
        *("shooting", "cem", "icem", "mppi", "gradient")
    }


def test_what_the_tables_of_strike_and_catch_show_is_played():
    """Everyone who plays in the reference results, in both engines: by proof, planners and learners."""
    workshop, names = Workshop(), ("Strike", "Catch")
    cells = [c for stage in ("cem", "learners") for c in cells_of(stage, names, 10, workshop)]
    cells += proof.job_of(Args(tasks=names).proof).cells
    wanted = "noop random reactive oracle cem@inertia cem@box2d cem_privileged@box2d cem@learned ppo@box2d "
    played = {(c.task, c.level, str(c.spec), c.world) for c in cells}
    for name in names:
        for level in workshop.task(name).levels:
            for spec in (wanted + "ppo@learned").split():
                assert {(name, level, spec, engine) for engine in ENGINES} <= played


def record(policy, start, prepared_in="box2d", **more):
    return EpisodeRecord("Catch", "id", start, "box2d", policy, prepared_in, True, 0.1, 20, **more)


def test_planners_are_told_on_the_starts_of_all_and_apart():
    cem, oracle = [record("cem", i) for i in range(9)], [record("oracle", i, "") for i in range(4)]
    found = {"proof": oracle, "cem": cem, "learners": [], "planners": cem[2:] + oracle}
    rows = played(found)
    check(rows)
    told = {(r["policy"], r.get("factor")): r["n"] for r in select(rows, metric="success")}
    assert told == {("cem", None): 9, ("oracle", None): 4, ("cem", "planners"): 2, ("oracle", "planners"): 2}


def test_the_proofs_rows_are_those_of_the_same_episodes():
    """So a policy stands in a result once; the wrong physics is a factor."""
    task, wrong = make_task("Catch"), [record("cem", i, "wrong", weights="x") for i in range(3)]
    records = [record("oracle", i, "") for i in range(3)] + wrong
    rows = merged([*played({"proof": records, "cem": [], "learners": [], "planners": []})])
    both = select(merged(rows + proof.summarise(task, records)), metric="success")
    assert [(r["policy"], r.get("factor")) for r in both] == [("oracle", None), ("cem", 1.0)]


def test_of_equal_keys_the_row_with_more_starts_stays():
    row = {"task": "Catch", "level": "id", "policy": "oracle", "world": "box2d", "metric": "success"}
    few, many = {**row, "value": 0.5, "n": 50}, {**row, "prepared_in": "", "value": 0.7, "n": 200}
    apart = {**row, "factor": 0.5, "value": 0.1, "n": 5}
    for rows in ([few, many, apart], [many, few, apart]):
        (kept, other) = merged(rows)
        assert kept == {**row, "value": 0.7, "n": 200} and other == apart


def test_what_was_measured_for_something_else_is_refused_by_name(tmp_path):
    part = Part(tmp_path / "saved.json", {"frames": 600, "seed": 1})
    assert part.lack() == "missing: saved"
    part.write([{"metric": "frames_to_success", "value": 5}])
    assert part.lack() == "" and part.rows()[0]["value"] == 5
    for name, found in (("frames", 600), ("seed", 1)):
        other = Part(part.path, {**part.settings, name: 7})
        assert f"was measured with {name} {found} instead of 7" in other.lack()


def test_models_are_measured_again_for_other_starts(tmp_path, monkeypatch):
    measured = []
    rows = [{"metric": "velocity_error", "value": 0.1}]
    parts = [("drop-0123", lambda: measured.append("drop") or rows)]
    monkeypatch.setattr(command.errors, "parts", lambda *_: iter(parts))
    for starts, times in ((4, 1), (4, 1), (5, 2)):
        command._models(Args(starts=starts, work=tmp_path), Workshop(), Console(quiet=True))
        assert len(measured) == times


def test_savings_are_rows_of_every_run_and_start_from_the_policy_asked_for(tmp_path, monkeypatch):
    """A policy that was trained in imagination for another number of frames is no start."""
    monkeypatch.setattr(savings, "SEEDS", 1)
    workshop = Workshop("analytic", tmp_path / "policies")
    task, spec = workshop.task("Catch"), Spec("ppo", "learned")
    rollout = 64 * 8 * task.stride
    imagined = workshop.policy_file(spec, task)
    train(task, workshop.world("learned", task), 2 * rollout, 3, imagined)

    def measured(frames: int, level: float) -> list[dict[str, object]]:
        return list(savings.measure(workshop, "Catch", frames, level, 3, tmp_path, lambda _: None))

    with pytest.raises(ValueError, match="holds a run with another frames"):
        measured(4 * rollout, 0.0)
    rows = measured(2 * rollout, 0.0)
    check(rows)
    told = {(r["policy"], r["prepared_in"], r["metric"], r["seed"]): r["value"] for r in rows}
    ways = savings.WAYS.items()
    assert {*told} == {(*way, m, 3) for way in ways for m in ("frames_spent", "frames_to_success")}
    spent = [told[(*way, "frames_spent", 3)] for way in ways]
    assert spent == [rollout, rollout, rollout // 4]  # a quarter of the mixture's rows are of ground truth
    never = measured(2 * rollout, 1.01)
    assert {r["metric"] for r in never} == {"frames_spent"}


def test_a_learner_that_fails_leaves_the_others_to_be_played(tmp_path, monkeypatch):
    """Every wanted run is passed on to training, finished or not; one that is refused does not play."""
    asked, played = [], []
    bad = (Spec.parse("ppo@box2d"), "Catch")

    def train(workshop, runs, frames, seed, workers):
        asked.extend(runs)
        raise learners.RunsFailed({bad: "another frames"})

    monkeypatch.setattr(command.learners, "train", train)
    monkeypatch.setattr(command, "play_all", lambda job: played.extend(job.cells))
    monkeypatch.setattr(Workshop, "frames_trained", lambda *_: 300_000)
    args = Args(("learners",), ("Catch",), work=tmp_path)
    with pytest.raises(ChildProcessError, match="another frames"):
        command._learners(args, Workshop(None, tmp_path), Console(quiet=True))
    assert {(str(s), t) for s, t in asked} == {("ppo@box2d", "Catch"), ("ppo@learned", "Catch")}
    assert {str(c.spec) for c in played} == {"ppo@learned"}


def test_a_stage_that_fails_costs_itself_alone(tmp_path, monkeypatch):
    run = []

    def fails(*_):
        raise ValueError("no such thing")

    stages = {
        "models": fails,
        "saved": lambda *_: run.append("saved"),
        "speed": lambda *_: run.append("speed"),
    }
    monkeypatch.setattr(command, "STAGES", stages)
    with pytest.raises(ChildProcessError, match="stage models: no such thing"):
        command.main(Args(tuple(stages), work=tmp_path))
    assert run == ["saved", "speed"]


def test_planners_are_played_and_what_is_missing_is_told(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(cells, "PLANNERS", ("oracle", "shooting@box2d", "mppi@box2d"))
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
    meta, rows = results_io.read(args.out)
    check(rows)
    found = select(rows, metric="success", task="Drop", world="box2d", factor="planners")
    assert {(r["policy"], r.get("prepared_in")) for r in found} >= {("oracle", None), ("mppi", "box2d")}
    assert select(found, policy="oracle")[0]["value"] == 1.0
    assert select(rows, metric="dropped_draws", task="Drop")  # of the proof, which has begun
    told = capsys.readouterr().out.splitlines()
    assert {*meta["missing"]} <= {*told} and meta["notes"] == []
    assert {
        "missing: all episodes of the stage learners",
        "missing: 199 episodes of Drop id, oracle in box2d (stage proof)",
        "missing: 200 episodes of Drop id, oracle in mujoco (stage proof)",
        "missing: speed",
    } <= {*told}
    assert meta["frames_trained"] == {"Drop, ppo@box2d": 0, "Drop, ppo@learned": 0}


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


def test_learners_are_timed_in_the_same_world():
    rows = pace.measure(Workshop(), ("analytic",), Console(quiet=True), 3)
    check(rows)
    assert [(r["policy"], r["world"], r["metric"]) for r in rows] == [
        ("ppo", "analytic", "steps_per_s"),
        ("ppo_resident", "analytic", "steps_per_s"),
    ]
    assert all(r["value"] > 0 and r["n"] == 2 for r in rows)


def test_what_compares_planners_is_no_point_of_the_figure():
    cem = {"task": "Catch", "level": "id", "policy": "cem", "world": "box2d", "metric": "success"}
    rows = [{**cem, "prepared_in": w, "value": 0.9, "n": 200} for w in ("learned", "box2d")]
    rows += [{**row, "factor": "planners", "value": 0.5, "n": 50} for row in rows]
    rows.append({"task": "Catch", "level": "id", "metric": "velocity_error", "value": 0.2})
    assert figures._points(rows, "Catch", "box2d") == [(0.2, rows[0], rows[1])]
