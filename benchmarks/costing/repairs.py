"""The stage `repair`: which part of a model's errors costs success, told by repairing it.

CEM imagines in a model while some parts of every candidate's rollout are taken from the truth (see
`agents.repair`), and its plans are executed in the engine: with none of them it is CEM in the model, with all
of them privileged CEM in the engine. The success that comes back is credited to the parts by Shapley's value,
start by start, exactly over all 64 sets of parts, or over some random orders of them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agents.budget import price
from agents.planners import config_for
from agents.repair.parts import PARTS, Repair
from benchmarks.costing import repair_figures, tables
from benchmarks.costing.sweep import Findings, Sweep, levels_of, played
from benchmarks.episodes.playing import Cell
from benchmarks.episodes.projection import seconds_each
from benchmarks.episodes.records import EpisodeRecord
from benchmarks.episodes.specs import Spec
from benchmarks.episodes.workers import Job
from benchmarks.episodes.workshop import Workshop
from benchmarks.results_io import Row
from benchmarks.statistics import mean, proportion
from benchmarks.statistics.shapley import orders, sets_of, shapley, shapley_of_orders
from envs.base import Task

EVERY = 2 ** len(PARTS)


@dataclass(frozen=True)
class Repairs:
    """Options of the stage `repair`."""

    tasks: tuple[str, ...] = ("Strike", "Catch")
    """tasks"""
    levels: tuple[str, ...] = ("id", "bounce")
    """levels; a task plays those that it has"""
    worlds: tuple[str, ...] = ("learned",)
    """worlds that are repaired: learned, or engines with a law error"""
    model: str | None = None
    """a checkpoint in place of the shipped ones"""
    starts: int = 50
    """starts per cell"""
    frames: int = 1000
    """most frames that are imagined for one plan; the engine's beside them are not counted"""
    orders: int = 0
    """random orders in which parts are added; 0: all of them, exactly"""
    seed: int = 0
    """seed of the random orders"""

    @property
    def chosen(self) -> list[tuple[int, ...]]:
        """The orders, none where all count. Raises ValueError for less than none."""
        if self.orders < 0:
            raise ValueError(f"{self.orders} orders; expected 0 for all of them, or a number above it")
        return orders(len(PARTS), self.orders, self.seed)

    @property
    def sets(self) -> list[int]:
        """The sets of parts that are played, as in `benchmarks.statistics.shapley`."""
        return sets_of(self.chosen) if self.orders else list(range(EVERY))


@dataclass(frozen=True)
class Place:
    """One world at one level of one task, as planned in with so many frames: `policy` names the planner."""

    task: str
    level: str
    world: str
    engine: str
    policy: str
    model: str

    def repaired(self, number: int) -> str:
        """The world with a set of parts repaired."""
        parts = [part for i, part in enumerate(PARTS) if number >> i & 1]
        return str(Repair.of(parts, self.engine, self.world))

    def where(self, number: int) -> dict[str, Any]:
        """The columns of the rows of a set of parts."""
        columns = {"task": self.task, "level": self.level, "world": self.engine, "policy": self.policy}
        named = {"model": self.model} if self.model else {}
        return columns | named | {"prepared_in": self.repaired(number)}

    def __str__(self) -> str:
        return f"{self.task} {self.level}, {self.world}"


def run(sweep: Sweep, options: Repairs, workshop: Workshop, console: Any) -> Findings:
    """Play what is missing; tell success with each set of parts and the credit of each part."""
    own = Workshop(options.model)
    places = plan(sweep, options, own)
    job = job_of(places, sweep, options)
    found, missing = played(job, lambda: seconds(job, own), console)
    rows, notes = summarise(places, found, options)
    figures = {"repair": repair_figures.draw(rows)} if rows else {}
    return Findings(rows, notes, figures, [tables.repair(rows)], missing)


def plan(sweep: Sweep, options: Repairs, workshop: Workshop) -> list[Place]:
    """Every task, level and world. Raises ValueError for an unknown one."""
    places = []
    for name in options.tasks:
        task = workshop.task(name)
        levels = levels_of(task, options.levels)
        policy = ",".join(["cem", *(f"frames={n}" for n in capped(task, options.frames))])
        for world in options.worlds:
            Spec.parse(f"{policy}@{world}")
            model = workshop.model_name(task) if world == "learned" else ""
            places += [Place(name, level, world, sweep.engine, policy, model) for level in levels]
    return places


def capped(task: Task, most: int) -> list[int]:
    """The budget of an episode whose plans take `most` frames each at most; none where they do anyhow."""
    config = config_for("cem", task)
    moments = range(0, task.frames, max(config.replan_every, task.stride))
    costs = [
        price(config.refresh if t else config.candidates) * min(config.horizon, task.frames - t)
        for t in moments
    ]
    worst = min(sum(costs), config.max_frames)
    return [most * worst // max(costs)] if max(costs) * worst > most * sum(costs) else []


def job_of(places: Sequence[Place], sweep: Sweep, options: Repairs) -> Job:
    """Everything that is to be played."""
    cells = tuple(
        Cell(p.task, p.level, Spec.named(p.policy, p.repaired(n)), p.engine, sweep.first, options.starts)
        for p in places
        for n in options.sets
    )
    return Job(cells, sweep.work / "episodes", options.model, Path(), sweep.rows, sweep.workers)


def seconds(job: Job, workshop: Workshop) -> float:
    """Projected time of what is missing, at most: of each place one set of parts pays for rollouts that all
    share, and a second one stands for the others, some of which share all of theirs."""
    total, missing = 0.0, {cell: n for cell, n in job.missing_by_cell().items() if n}
    kinds: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in missing:
        kinds.setdefault((cell.task, cell.level, cell.spec.imagines_in), []).append(cell)
    for cells in kinds.values():
        tried = [cells[len(cells) // 3], cells[2 * len(cells) // 3]]
        first, other = (seconds_each(cell, workshop) for cell in tried)
        total += (first - other) * missing[tried[0]] + other * sum(missing[cell] for cell in cells)
    return total / job.workers


def summarise(
    places: Sequence[Place], found: Iterable[EpisodeRecord], options: Repairs
) -> tuple[list[Row], list[str]]:
    """Rows of all sets and parts, and notes in words on what could not be told.

    `success` with each set of parts (`prepared_in` names it); `credit` of each part, which stands as the set
    of it alone; `recovered`, what all parts together bring back, which is the sum of the credits. Only starts
    that were played with every set count for credits.
    """
    solved: dict[tuple[str, str, str, str], dict[int, bool]] = {}
    for r in found:
        solved.setdefault((r.task, r.level, r.policy, r.prepared_in), {})[r.start_id] = r.success
    rows: list[Row] = []
    notes: list[str] = []
    for place in places:
        cells = {
            n: solved.get((place.task, place.level, place.policy, place.repaired(n)), {})
            for n in options.sets
        }
        for n, outcomes in cells.items():
            if outcomes:
                rows.append(place.where(n) | {"metric": "success"} | proportion([*outcomes.values()]).row())
        whole = sorted(set.intersection(*(set(outcomes) for outcomes in cells.values())))
        if len(whole) < options.starts:
            notes.append(f"{place}: {len(whole)} of {options.starts} starts were played with every set")
        if whole:
            values = np.full((len(whole), EVERY), np.nan)
            for n, outcomes in cells.items():
                values[:, n] = [outcomes[start] for start in whole]
            more, told = _credits(place, values, options)
            rows += more
            notes += told
    return rows, notes


def _credits(place: Place, values: np.ndarray, options: Repairs) -> tuple[list[Row], list[str]]:
    """Rows of the credit of each part from success [starts, sets]; starts are drawn for their intervals."""
    credits = shapley_of_orders(values, options.chosen) if options.orders else shapley(values)
    rows = []
    for i in range(len(PARTS)):
        rows.append(place.where(1 << i) | {"metric": "credit"} | mean(credits[:, i]).row())
    gained = mean(values[:, -1] - values[:, 0])
    rows.append(place.where(EVERY - 1) | {"metric": "recovered"} | gained.row())
    notes = []
    if gained.needed is not None:
        notes.append(f"{place}: no interval: {gained.n} starts, {gained.needed} are needed")
    if gained.value <= 0:
        notes.append(f"{place}: nothing to recover: success does not rise when everything is repaired")
    return rows, notes
