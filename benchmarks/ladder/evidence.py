"""What is known of a model, from the files that other commands have left: nothing is measured here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import open_loop, records, results_io
from benchmarks.costing.predictions import CASES, OPEN_LOOP
from benchmarks.prediction import cases
from benchmarks.prediction.cases import Case
from benchmarks.results_io import Row, select
from benchmarks.statistics import paired_ratio, proportion
from benchmarks.summary import finite
from benchmarks.zoo import Model
from envs.base import Task

REFERENCE = "box2d"


@dataclass(frozen=True)
class Sources:
    """Where to look: the folder of the committed results, and that in which `worldsim bench cost` works."""

    results: Path = results_io.RESULTS
    cost: Path = Path("runs/bench/cost")


def measured(model: Model, task: Task, level: str, sources: Sources) -> dict[str, Row]:
    """All figures of a model at a task and level, by the metrics of `rungs`; of a shipped model the reference
    results count where they were made with these very weights."""
    found: dict[str, Row] = {}
    kept = open_loop.kept_at(model.source, task, level, sources.cost / OPEN_LOOP)
    if kept.exists():
        rows = open_loop.read(kept).rows
        found |= {row["metric"].removeprefix(open_loop.PREFIX): row for row in rows}
    found |= _of_loop(model, task, level, sources.results / "loop.json")
    found |= _of_bridge(model, task, level, sources.results / "bridge.json")
    for case in cases.read(sources.cost / CASES):
        if (case.weights, case.place) == (model.weights, (task.name, level)):
            found |= _of_case(case, sources.cost)
    return found


def _of_loop(model: Model, task: Task, level: str, path: Path) -> dict[str, Row]:
    """Success of CEM and PPO in Box2D, prepared in the model, over that of the same prepared in Box2D."""
    meta, rows = _read(path)
    if meta.get("models", {}).get(task.scenario) != model.weights:
        return {}
    found = {}
    here = {"task": task.name, "level": level, "world": REFERENCE}
    for policy, ratio, able in (("cem", "planning", "planner"), ("ppo", "optimisation", "learner")):
        mine = select(rows, **here, policy=policy, prepared_in="learned")
        right = select(rows, **here, policy=policy, prepared_in=REFERENCE, metric="success", factor=None)
        for row in select(mine, metric=f"success_ratio_to_{REFERENCE}"):
            found[ratio] = row
        if right:
            found[able] = right[0]
    return found


def _of_bridge(model: Model, task: Task, level: str, path: Path) -> dict[str, Row]:
    """Gap and rank correlation over the policy set, against Box2D."""
    _, rows = _read(path)
    here = {"task": task.name, "level": level, "world": REFERENCE, "policy": None}
    called = Path(model.source).name  # as `Workshop.model_name` has it
    return {
        name: row for name in ("gap", "spearman") for row in select(rows, **here, metric=name, model=called)
    }


def _of_case(case: Case, work: Path) -> dict[str, Row]:
    """Episodes that stay with the truth, and success over that of CEM in Box2D on the same starts."""
    found: dict[str, Row] = {}
    if case.parted:
        found["closed_loop"] = proportion([frame is None for frame in case.parted.values()]).row()
    right = {
        r.start_id: r.success
        for r in records.read(work / "episodes").values()
        if (r.task, r.level, r.policy, r.prepared_in, r.world) == (*case.place, "cem", REFERENCE, REFERENCE)
    }
    if both := sorted(set(right) & set(case.solved)):
        mine, true = [case.solved[i] for i in both], [right[i] for i in both]
        ratio = finite(paired_ratio(mine, true))
        found |= {"planner": proportion(true).row()} | ({"planning": ratio} if ratio["value"] else {})
    return found


def _read(path: Path) -> tuple[Mapping[str, Any], Sequence[Row]]:
    return results_io.read(path) if path.exists() else ({}, [])
