"""The stage `horizon` as result rows: success over H / D, and its curve by type of the error.

Short plans fail in right physics too, so that success is told twice: over all starts, and over those that
right physics solves when it plans as far (`kept`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents.planners import config_for
from benchmarks.costing.divergence import Horizon
from benchmarks.costing.horizon_law import Law, fit
from benchmarks.episodes.records import EpisodeRecord
from benchmarks.episodes.specs import Spec
from benchmarks.episodes.workshop import Workshop
from benchmarks.results_io import Row
from benchmarks.statistics import proportion
from envs.base import Task
from worldsim.engines import PERTURBED

LEARNED = "learned"
Solved = dict[int, bool]  #: success by start_id
Key = tuple[str, str, str, str, str]  #: task, level, policy, the world that it plans in, and its model


@dataclass(frozen=True)
class Wrong:
    """A world that is wrong in one way: its `kind` of error (a law, or learned), its `name`, and the `model`
    that learned means ("" for the shipped one)."""

    task: str
    level: str
    engine: str
    kind: str
    name: str
    model: str = ""

    @property
    def place(self) -> tuple[str, str]:
        """Its task and level."""
        return self.task, self.level

    def __str__(self) -> str:
        return f"{self.task} {self.level}, {self.model or self.name}"


@dataclass(frozen=True)
class Point:
    """Success of plans of `frames` in a wrong world, over all starts and over those that are `kept`."""

    wrong: Wrong
    frames: int
    diverges: Horizon
    all: Solved
    kept: Solved

    @property
    def ratio(self) -> float | None:
        """H / D, None where the world does not part by half."""
        return None if self.diverges.median is None else self.frames / self.diverges.median


def specs(world: str, task: Task, shares: Sequence[float]) -> dict[int, Spec]:
    """CEM in a world by how many frames it plans ahead."""
    most = min(config_for("cem", task).horizon, task.frames)
    frames = sorted({max(1, round(share * most)) for share in shares} | {most})
    return {h: Spec("cem", world, (("horizon", float(h)),) * (h < most)) for h in frames}


def summarise(
    diverges: Mapping[Wrong, Horizon],
    found: Mapping[Key, Iterable[EpisodeRecord]],
    shares: Sequence[float],
    workshop: Workshop,
) -> tuple[list[Row], list[str]]:
    """Rows of all cells and curves, and notes in words on what could not be told.

    `divergence_horizon` D of each world, frames. At each planning horizon H (the factor, frames)
    `horizon_ratio`, H / D; `horizon_success` over all starts and `horizon_kept` over those that right physics
    solves at that H. Of each type of error the `slope` and the `even` ratio of both curves.
    """
    solved: dict[Key, Solved] = {
        key: {r.start_id: r.success for r in episodes} for key, episodes in found.items()
    }
    rows: list[Row] = []
    notes: list[str] = []
    points: dict[tuple[str, str, str], list[Point]] = {}
    for w, d in diverges.items():
        if d.median is None:
            notes.append(f"{w}: does not part by half within the episodes, so that it has no ratio")
        else:
            ends = {"value": d.median, "low": d.low, "high": d.high, "n": d.n}
            rows.append(_where(w, workshop) | {"metric": "divergence_horizon"} | ends)
        for h, spec in specs(w.name, workshop.task(w.task), shares).items():
            right = solved.get((*w.place, spec.name, w.engine, ""), {})
            mine = solved.get((*w.place, spec.name, w.name, w.model), {})
            point = Point(w, h, d, mine, {i: ok for i, ok in mine.items() if right.get(i)})
            rows += _point_rows(point, workshop)
            if point.ratio is not None:
                points.setdefault((*w.place, w.kind), []).append(point)
    for (task, level, kind), curve in points.items():
        more, told = _curve(curve)
        rows += more
        notes += [f"{task} {level}, {kind}: {note}" for note in told]
    return rows, notes


def _where(w: Wrong, workshop: Workshop) -> dict[str, Any]:
    columns = {"task": w.task, "level": w.level, "world": w.engine, "policy": "cem", "prepared_in": w.name}
    if w.kind != LEARNED:
        return columns
    return columns | {"model": Workshop(w.model or None).model_name(workshop.task(w.task))}


def _point_rows(point: Point, workshop: Workshop) -> list[Row]:
    where = _where(point.wrong, workshop) | {"factor": point.frames}
    rows = []
    for metric, outcomes in (("horizon_success", point.all), ("horizon_kept", point.kept)):
        if outcomes:
            rows.append(where | {"metric": metric} | proportion([*outcomes.values()]).row())
    if point.ratio is not None:
        flat = {"value": point.ratio, "low": None, "high": None, "n": point.diverges.n}
        rows.append(where | {"metric": "horizon_ratio"} | flat)
    return rows


def _curve(points: Sequence[Point]) -> tuple[list[Row], list[str]]:
    """Rows and notes of the curves of one type of error in one task at one level."""
    first = points[0].wrong
    name = LEARNED if first.kind == LEARNED else PERTURBED + first.kind
    where = {
        "task": first.task,
        "level": first.level,
        "world": first.engine,
        "policy": "cem",
        "prepared_in": name,
    }
    rows: list[Row] = []
    notes: list[str] = []
    for what in ("horizon", "kept"):
        flat = [
            (p.ratio, ok, start, p.wrong.model)
            for p in points
            for start, ok in (p.all if what == "horizon" else p.kept).items()
        ]
        if not flat:
            continue
        ratios, outcomes, starts, models = (list(column) for column in zip(*flat))
        law = fit(ratios, outcomes, starts, models if first.kind == LEARNED else None)
        if law is None:
            notes.append(f"{what}: no curve through a single ratio")
            continue
        rows += _law_rows(where, what, law)
        notes += [f"{what}: {law.note}"] if law.note else []
    return rows, notes


def _law_rows(where: dict[str, Any], what: str, law: Law) -> list[Row]:
    flat = {"low": None, "high": None, "n": law.slope.n}
    rows = [
        where | {"metric": f"{what}_intercept", "value": law.intercept} | flat,
        where | {"metric": f"{what}_slope"} | law.slope.row(),
    ]
    return rows + ([where | {"metric": f"{what}_even"} | law.even.row()] if law.even else [])
