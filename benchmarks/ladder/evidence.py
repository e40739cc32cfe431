"""What is known of a model, from the files that other commands have left: nothing is measured here."""

from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path

from benchmarks import results_io
from benchmarks.costing import open_loop
from benchmarks.costing.predictions import CASES, OPEN_LOOP, PLANNER
from benchmarks.episodes import records
from benchmarks.episodes.playing import Cell
from benchmarks.episodes.records import EpisodeRecord, Key
from benchmarks.episodes.specs import Spec
from benchmarks.episodes.summary import finite
from benchmarks.episodes.workshop import Workshop
from benchmarks.episodes.zoo import Model
from benchmarks.prediction import cases
from benchmarks.prediction.cases import Case
from benchmarks.results_io import Row, select
from benchmarks.statistics import paired_ratio, proportion
from envs.base import Task

REFERENCE = "box2d"


class Sources:
    """What was left in the folder of the committed results and in that in which `worldsim bench cost` works,
    each file read once, when it is first needed."""

    def __init__(self, results: Path = results_io.RESULTS, cost: Path = Path("runs/bench/cost")) -> None:
        self.results, self.cost = results, cost

    @cache  # noqa: B019 - lives as long as one page is made
    def file(self, name: str) -> tuple[Mapping[str, str], list[Row]]:
        """Weights of models by their names, and rows, of a result file; nothing where there is none."""
        path = self.results / name
        meta, rows = results_io.read(path) if path.exists() else ({}, [])
        return meta.get("models", {}), rows

    @cached_property
    def cases(self) -> list[Case]:
        """Models whose success was measured beside their errors."""
        return cases.read(self.cost / CASES)

    @cached_property
    def episodes(self) -> dict[Key, EpisodeRecord]:
        """All records of `worldsim bench cost`."""
        return records.read(self.cost / "episodes")

    def reference(self, case: Case) -> dict[int, bool]:
        """Success of CEM in Box2D on the starts of a case, as it plans today; nothing unless all of them were
        played."""
        first, last = min(case.solved), max(case.solved)
        cell = Cell(case.task, case.level, Spec("cem", REFERENCE), REFERENCE, first, last + 1 - first)
        keys = cell.keys(Workshop())
        found = {i: self.episodes.get(keys[i]) for i in case.solved}
        return {} if None in found.values() else {i: r.success for i, r in found.items() if r}


def measured(model: Model, task: Task, level: str, sources: Sources) -> dict[str, Row]:
    """All figures of a model at a task and level, by the metrics of `rungs`; of a shipped model the reference
    results count where they were made with these very weights."""
    found: dict[str, Row] = {}
    kept = open_loop.kept_at(model.source, task, level, sources.cost / OPEN_LOOP)
    if kept.exists():
        rows = open_loop.read(kept).rows
        found |= {row["metric"].removeprefix(open_loop.PREFIX): row for row in rows}
    here = {"task": task.name, "level": level, "world": REFERENCE}
    models, rows = sources.file(results_io.CAMPAIGN)
    if models.get(task.scenario) == model.weights:
        found |= _of_campaign(select(rows, **here))
    models, rows = sources.file("bridge.json")
    for name in (called for called, weights in models.items() if weights == model.weights):
        mine = select(rows, **here, policy=None, model=name)
        found |= {name: row for name in ("gap", "spearman") for row in select(mine, metric=name)}
    today = Workshop().config_hash(PLANNER, task)
    for case in sources.cases:
        if (case.weights, case.place, case.config) == (model.weights, (task.name, level), today):
            found |= _of_case(case, sources.reference(case))
    return found


def _of_campaign(rows: Sequence[Row]) -> dict[str, Row]:
    """Success of CEM and PPO in Box2D, prepared in the model, over that of the same prepared in Box2D."""
    found = {}
    for policy, ratio, able in (("cem", "planning", "planner"), ("ppo", "optimisation", "learner")):
        mine = select(rows, policy=policy, prepared_in="learned")
        right = select(rows, policy=policy, prepared_in=REFERENCE, metric="success", factor=None)
        for row in select(mine, metric=f"success_ratio_to_{REFERENCE}", factor=None):
            found[ratio] = row
        if right:
            found[able] = right[0]
    return found


def _of_case(case: Case, right: Mapping[int, bool]) -> dict[str, Row]:
    """Episodes that stay with the truth, and success over that of CEM in Box2D on the same starts."""
    found: dict[str, Row] = {}
    if case.parted:
        found["closed_loop"] = proportion([frame is None for frame in case.parted.values()]).row()
    if right:
        ratio = finite(paired_ratio([*case.solved.values()], [right[i] for i in case.solved]))
        found["planner"] = proportion([*right.values()]).row()
        found |= {"planning": ratio} if ratio["value"] is not None else {}
    return found
