"""Curves of dose and response as result rows: success at each dose, its fall, and the dose that halves it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.costing import dose
from benchmarks.costing.dose import Match
from benchmarks.costing.response import Response, fit
from benchmarks.episodes.records import EpisodeRecord
from benchmarks.results_io import Row
from benchmarks.statistics import paired_difference, proportion
from envs.base import Task
from worldsim.engines import PERTURBED

Solved = Mapping[int, bool]  #: success by start_id
NO_INTERVAL = {"low": None, "high": None}


@dataclass(frozen=True)
class Curve:
    """One law error in one task at one level, in one engine, at matched strengths."""

    task: str
    level: str
    engine: str
    law: str
    matches: tuple[Match, ...]

    @property
    def worlds(self) -> dict[str, Match]:
        """The engines with this error by name, one for each dose that is reached."""
        reached = {m.strength: m for m in self.matches if m.reached}
        return {f"{PERTURBED}{self.law}:{s:g}:{self.engine}": m for s, m in reached.items()}

    def where(self, prepared_in: str) -> dict[str, Any]:
        """The columns of its rows."""
        place = {"task": self.task, "level": self.level, "world": self.engine}
        return place | {"policy": "cem", "prepared_in": prepared_in}

    def __str__(self) -> str:
        return f"{self.task} {self.level}, {self.law}"


def summarise(curves: Sequence[Curve], found: Iterable[EpisodeRecord]) -> tuple[list[Row], list[str]]:
    """Rows of all cells and fits, and notes in words on what could not be measured.

    `success` of the reference has no factor; else `factor` is the strength in its own unit.
    `position_error` is the dose that this strength measures, m; `success_fall` is what it costs against the
    reference on the same starts. `half_dose`, m, halves success; `slope` and `intercept` are those of the
    logistic curve. `out_of_reach` tells for a dose (the factor, m) how close the error comes to it.
    """
    cells: dict[tuple[str, str, str], dict[int, bool]] = {}
    for r in found:
        cells.setdefault((r.task, r.level, r.prepared_in), {})[r.start_id] = r.success
    rows: list[Row] = []
    notes: list[str] = []
    for curve in {(c.task, c.level): c for c in curves}.values():
        if right := cells.get((curve.task, curve.level, curve.engine)):
            rows.append(
                curve.where(curve.engine) | {"metric": "success"} | proportion([*right.values()]).row()
            )
    for curve in curves:
        right = cells.get((curve.task, curve.level, curve.engine), {})
        points = {m: cells.get((curve.task, curve.level, w), {}) for w, m in curve.worlds.items()}
        rows += _dose_rows(curve, right, points)
        if right and any(points.values()):
            response = _respond(right, points)
            rows += _fit_rows(curve, response)
            notes += [f"{curve}: {response.note}"] if response.note else []
        notes += [
            f"{curve}: a dose of {m.target:g} m is out of reach; it comes to {m.dose:.2g} m"
            for m in curve.matches
            if not m.reached
        ]
    return rows, notes


def on_plans(
    curves: Sequence[Curve], found: Iterable[EpisodeRecord], task: Callable[[str], Task]
) -> list[Row]:
    """What each strength measures where the agent goes: `position_error_on_plan`, m, under the actions of the
    reference's episodes in place of random ones."""
    rows = []
    episodes = [r for r in found if not r.prepared_in.startswith(PERTURBED)]
    for place in dict.fromkeys((c.task, c.level) for c in curves):
        here = [r for r in episodes if (r.task, r.level) == place]
        if not here:
            continue
        trials, measured = dose.trials_of(task(place[0]), here), NO_INTERVAL | {"n": len(here)}
        if not trials.counts.any():
            continue
        for curve in (c for c in curves if (c.task, c.level) == place):
            where = curve.where(PERTURBED + curve.law) | {"metric": "position_error_on_plan"}
            for m in curve.worlds.values():
                value = dose.measure(trials, curve.law, m.strength)
                rows.append(where | {"factor": m.strength, "value": value} | measured)
    return rows


def _respond(right: Solved, points: Mapping[Match, Solved]) -> Response:
    """The curve through the reference and all doses, at the doses that were measured."""
    flat = [(0.0, ok, start) for start, ok in right.items()]
    flat += [(m.dose, ok, start) for m, outcomes in points.items() for start, ok in outcomes.items()]
    doses, outcomes, starts = (list(column) for column in zip(*flat))
    return fit(doses, outcomes, starts)


def _dose_rows(curve: Curve, right: Solved, points: Mapping[Match, Solved]) -> list[Row]:
    where, rows = curve.where(PERTURBED + curve.law), []
    measured = NO_INTERVAL | {"n": dose.STARTS}
    for m in curve.matches:
        if not m.reached:
            rows.append(where | {"factor": m.target, "metric": "out_of_reach", "value": m.dose} | measured)
    for m, outcomes in points.items():
        here = where | {"factor": m.strength}
        rows.append(here | {"metric": "position_error", "value": m.dose} | measured)
        if outcomes:
            rows.append(here | {"metric": "success"} | proportion([*outcomes.values()]).row())
        if both := sorted(set(right) & set(outcomes)):
            fall = paired_difference([right[i] for i in both], [outcomes[i] for i in both])
            rows.append(here | {"metric": "success_fall"} | fall.row())
    return rows


def _fit_rows(curve: Curve, response: Response) -> list[Row]:
    where, n = curve.where(PERTURBED + curve.law), {"n": response.starts}
    rows = [
        where | {"metric": "intercept", "value": response.intercept} | NO_INTERVAL | n,
        where | {"metric": "slope", "value": response.slope} | NO_INTERVAL | n,
    ]
    if response.half is not None:
        ends = {"low": response.low, "high": response.high}
        rows.append(where | {"metric": "half_dose", "value": response.half} | ends | n)
    return rows
