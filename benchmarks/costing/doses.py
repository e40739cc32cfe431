"""The stage `dose`: what a physics error costs, by its type and its dose.

One typed law error is injected into the engine that CEM imagines in, at strengths that put bodies equally far
from the truth (see `benchmarks.costing.dose`); the plans are executed in the true engine. CEM begins from
tracked context frames, as the fair reference does, whose engine is right: dose zero. Whenever it plans anew,
the error begins anew too, at what was seen.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import results_io
from benchmarks.costing import dose, figures, position, tables
from benchmarks.costing.dose import Match
from benchmarks.costing.rows import Curve, on_plans, summarise
from benchmarks.costing.sweep import Findings, Sweep, levels_of, played
from benchmarks.episodes.playing import Cell
from benchmarks.episodes.projection import seconds_each
from benchmarks.episodes.records import text_hash
from benchmarks.episodes.specs import Spec
from benchmarks.episodes.workers import Job
from benchmarks.episodes.workshop import Workshop
from worldsim.engines.perturbed import LAWS, law_error

SLOWEST = "jitter"  #: moves every body at every frame; its time stands for all


@dataclass(frozen=True)
class Doses:
    """Options of the stage `dose`."""

    tasks: tuple[str, ...] = ("Strike", "Catch")
    """tasks"""
    levels: tuple[str, ...] = ("id", "bounce")
    """levels; a task plays those that it has"""
    laws: tuple[str, ...] = tuple(LAWS)
    """types of law errors; those that mean nothing in a task are left out there"""
    doses: tuple[float, ...] = dose.DOSES
    """mean position errors over the horizon, m, to which strengths are matched"""
    starts: int = 200
    """starts per cell"""


def run(sweep: Sweep, options: Doses, workshop: Workshop, console: Any) -> Findings:
    """Match strengths, play what is missing, and tell success at each dose."""
    console.print("matching strengths")
    curves = plan(sweep, options, workshop)
    job = job_of(curves, sweep, options)
    found, missing = played(job, lambda: seconds(job, workshop), console)
    rows, notes = summarise(curves, found)
    rows += on_plans(curves, found, workshop.task)
    return Findings(rows, notes, figures.draw(rows), [tables.doses(rows)], missing)


def plan(sweep: Sweep, options: Doses, workshop: Workshop) -> list[Curve]:
    """The curves of all tasks and levels; strengths that were matched before are read.

    Raises ValueError for an unknown task or law, for a task without any of the levels, and without doses.
    """
    if not options.doses:
        raise ValueError("no dose was named; a curve needs at least one")
    curves = []
    for name in options.tasks:
        task = workshop.task(name)
        laws = [law for law in options.laws if not law_error(law).lacks(task.template)]
        for level in levels_of(task, options.levels):
            found = matched(name, level, laws, options.doses, workshop, sweep.work)
            curves += [Curve(name, level, sweep.engine, law, matches) for law, matches in found.items()]
    return curves


def matched(
    name: str, level: str, laws: Sequence[str], doses: Sequence[float], workshop: Workshop, work: Path
) -> dict[str, tuple[Match, ...]]:
    """Strengths of law errors at some doses, by law; they are kept under `work`."""
    task, trials, found = workshop.task(name), None, {}
    for law in laws:
        version = text_hash(tuple(doses), dose.STARTS, dose.MET, *dose.DRAWS, *position.RULE)
        kept = work / "doses" / f"{name}-{level}-{law}-{version}.json"
        if not kept.exists():
            trials = trials or dose.trials(task, range(dose.STARTS), level)
            matches = dose.match(law, trials, doses)
            results_io.write_text(kept, json.dumps([asdict(m) for m in matches]) + "\n")
        found[law] = tuple(Match(**m) for m in json.loads(kept.read_text()))
    return found


def job_of(curves: Sequence[Curve], sweep: Sweep, options: Doses) -> Job:
    """Everything that is to be played: the reference of each task and level, and each dose of each curve."""
    worlds = {(c.task, c.level, c.engine): None for c in curves}
    worlds |= {(c.task, c.level, world): None for c in curves for world in c.worlds}
    cells = [
        Cell(task, level, Spec("cem", world), sweep.engine, sweep.first, options.starts)
        for task, level, world in worlds
    ]
    return Job(tuple(cells), sweep.work / "episodes", None, Path(), sweep.rows, sweep.workers)


def seconds(job: Job, workshop: Workshop) -> float:
    """Projected time of what is missing: the slowest error of each task and level stands for all of them."""
    total, missing = 0.0, {cell: n for cell, n in job.missing_by_cell().items() if n}
    for place in dict.fromkeys((cell.task, cell.level) for cell in missing):
        here = {cell: n for cell, n in missing.items() if (cell.task, cell.level) == place}
        slow = next((c for c in here if f":{SLOWEST}:" in c.spec.prepared_in), next(reversed(here)))
        total += sum(here.values()) * seconds_each(slow, workshop)
    return total / job.workers
