"""The stage `horizon`: real success against planning horizon over divergence horizon, by type of the error.

CEM plans H frames ahead in a wrong world, which parts from the truth after D frames in half of the episodes
(see `benchmarks.costing.divergence`), and acts in the right one. Strengths are those of the stage `dose`,
whose episodes count here too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.costing import dose, horizon_figures, tables
from benchmarks.costing.divergence import horizon
from benchmarks.costing.doses import matched
from benchmarks.costing.horizon_rows import LEARNED, Key, Wrong, specs, summarise
from benchmarks.costing.sweep import Findings, Sweep, levels_of, played
from benchmarks.episodes.playing import Cell
from benchmarks.episodes.projection import seconds_by_kind
from benchmarks.episodes.records import EpisodeRecord
from benchmarks.episodes.workers import Job
from benchmarks.episodes.workshop import Workshop
from worldsim.engines import PERTURBED
from worldsim.engines.perturbed import LAWS, law_error


@dataclass(frozen=True)
class Horizons:
    """Options of the stage `horizon`."""

    tasks: tuple[str, ...] = ("Strike", "Catch")
    """tasks"""
    levels: tuple[str, ...] = ("id", "bounce")
    """levels; a task plays those that it has"""
    laws: tuple[str, ...] = tuple(LAWS)
    """types of law errors; those that mean nothing in a task are left out there"""
    doses: tuple[float, ...] = dose.DOSES
    """those doses of the stage `dose` at which they are tried"""
    models: tuple[str, ...] = ("",)
    """learned models: checkpoints, or "" for the shipped one"""
    shares: tuple[float, ...] = (0.25, 0.5, 1.0)
    """how far CEM plans, as shares of how far it plans by default"""
    starts: int = 50
    """starts per cell"""


def run(sweep: Sweep, options: Horizons, workshop: Workshop, console: Any) -> Findings:
    """Play what is missing; tell success over H / D and fit its curve for each type of error."""
    wrong = plan(sweep, options, workshop)
    found: dict[Key, list[EpisodeRecord]] = {}
    missing: list[str] = []
    for model in dict.fromkeys(["", *(w.model for w in wrong)]):
        own = Workshop(model or None)
        job = job_of([w for w in wrong if w.model == model], sweep, options, workshop, model)
        episodes, lacks = played(job, partial(seconds, job, own), console)
        missing += lacks
        for r in episodes:
            found.setdefault((r.task, r.level, r.policy, r.prepared_in, model), []).append(r)
    diverges = {}
    for w in wrong:
        if mine := found.get((*w.place, "cem", w.name, w.model)):
            diverges[w] = horizon(w.name, mine, Workshop(w.model or None))
    rows, notes = summarise(diverges, found, options.shares, workshop)
    figures = horizon_figures.draw(rows)
    return Findings(rows, notes, figures, [tables.horizon(rows)], missing)


def plan(sweep: Sweep, options: Horizons, workshop: Workshop) -> list[Wrong]:
    """Every wrong world of every task and level. Raises ValueError for an unknown one and for other doses."""
    if unknown := set(options.doses) - set(dose.DOSES):
        raise ValueError(f"doses {sorted(unknown)} were not matched; doses are {dose.DOSES}")
    found = []
    for name in options.tasks:
        task = workshop.task(name)
        laws = [law for law in options.laws if not law_error(law).lacks(task.template)]
        for level in levels_of(task, options.levels):
            where = name, level, sweep.engine
            for law, matches in matched(name, level, laws, dose.DOSES, workshop, sweep.work).items():
                strengths = dict.fromkeys(
                    m.strength for m in matches if m.reached and m.target in options.doses
                )
                found += [Wrong(*where, law, f"{PERTURBED}{law}:{s:g}:{sweep.engine}") for s in strengths]
            found += [Wrong(*where, LEARNED, LEARNED, model) for model in options.models]
    return found


def job_of(wrong: Sequence[Wrong], sweep: Sweep, options: Horizons, workshop: Workshop, model: str) -> Job:
    """What is to be played in the worlds of one model, and, with the shipped one, in right physics."""
    worlds = [(w.task, w.level, w.name) for w in wrong]
    places = [(t, level) for t in options.tasks for level in levels_of(workshop.task(t), options.levels)]
    right = [] if model else [(task, level, sweep.engine) for task, level in places]
    cells = [
        Cell(task, level, spec, sweep.engine, sweep.first, options.starts)
        for task, level, world in (*right, *worlds)
        for spec in specs(world, workshop.task(task), options.shares).values()
    ]
    return Job(tuple(cells), sweep.work / "episodes", model or None, Path(), sweep.rows, sweep.workers)


def seconds(job: Job, workshop: Workshop) -> float:
    """Projected time of what is missing: one world of each kind, task and horizon stands for all of them."""

    def kind(cell: Cell) -> tuple[str, str, str, bool]:
        return cell.task, cell.level, cell.spec.name, cell.spec.prepared_in == LEARNED

    return seconds_by_kind(job, kind, workshop)
