"""`worldsim bench cost`: what a physics error costs, by the type of the error.

One typed law error is injected into the engine that CEM imagines in, at strengths that put bodies equally far
from the truth (see `benchmarks.dose`); the plans are executed in the true engine. CEM begins from tracked
context frames, as the fair reference does, whose engine is right: dose zero. Whenever it plans anew, the
error begins anew too, at what was seen.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import dose, results_io
from benchmarks.bridge import FIRST_UNSEEN
from benchmarks.cost_rows import Curve, on_plans, summarise
from benchmarks.dose import Match
from benchmarks.playing import Cell
from benchmarks.projection import seconds_each
from benchmarks.records import text_hash
from benchmarks.specs import Spec, Workshop
from benchmarks.workers import Job, play_all
from worldsim.engines.perturbed import LAWS, law_error

SLOWEST = "jitter"  #: moves every body at every frame; its time stands for all


@dataclass(frozen=True)
class Args:
    """Make benchmarks/results/cost.json; run again to go on from what is recorded."""

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
    first: int = FIRST_UNSEEN
    """number of the first start; some before it were seen before the contrasts were written down, see
    docs/preregistration.md"""
    engine: str = "box2d"
    """engine that is made wrong to imagine in, and executes"""
    rows: int = 50
    """episodes side by side"""
    workers: int = 2
    """processes, one thread each"""
    work: Path = Path("runs/bench/cost")
    """folder for strengths and episode records"""
    out: Path = results_io.RESULTS / "cost.json"
    """result file; figures of the same name lie beside it"""


def main(args: Args) -> None:
    """Match strengths, print the projected time, play what is missing, write rows and figures."""
    from rich.console import Console

    from benchmarks import cost_figures

    console = Console()
    workshop = Workshop()
    results_io.write_text(args.work / "config.json", results_io.to_json(args))
    console.print("matching strengths")
    curves = plan(args, workshop)
    job = job_of(curves, args)
    console.print(f"{len(job.cells)} cells of {args.starts} starts, {job.missing()} episodes are missing")
    console.print(f"projected time: {seconds(job, workshop) / 60:.0f} min on {args.workers} cores")
    play_all(job)
    found = job.found()
    rows, notes = summarise(curves, found)
    rows += on_plans(curves, found, workshop.task)
    command = f"worldsim bench cost --starts {args.starts} --engine {args.engine}"
    results_io.write(args.out, results_io.meta(command, 0, notes=notes), rows)
    for name, figure in cost_figures.draw(rows).items():
        figure.savefig(args.out.with_name(f"{args.out.stem}-{name}.png"), dpi=150, facecolor="white")
    console.print(cost_figures.table(rows))
    for note in notes:
        console.print(note)
    console.print(f"{len(found)} episodes, {len(rows)} rows: {args.out}", soft_wrap=True)


def plan(args: Args, workshop: Workshop) -> list[Curve]:
    """The curves of all tasks and levels; strengths that were matched before are read.

    Raises ValueError for an unknown task or law, for a task without any of the levels, and without doses.
    """
    if not args.doses:
        raise ValueError("no dose was named; a curve needs at least one")
    curves = []
    for name in args.tasks:
        known = workshop.task(name).levels
        levels = [level for level in args.levels if level in known]
        if not levels:
            raise ValueError(f"{name} has no level {' or '.join(args.levels)}; it has {', '.join(known)}")
        for level in levels:
            curves += _curves(name, level, args, workshop)
    return curves


def _curves(name: str, level: str, args: Args, workshop: Workshop) -> list[Curve]:
    task, trials, curves = workshop.task(name), None, []
    for law in args.laws:
        if law_error(law).lacks(task.template):
            continue
        version = text_hash(args.doses, dose.STARTS, dose.KEPT, dose.HELD)
        kept = args.work / "doses" / f"{name}-{level}-{law}-{version}.json"
        if not kept.exists():
            trials = trials or dose.trials(task, range(dose.STARTS), level)
            matches = dose.match(law, trials, args.doses)
            results_io.write_text(kept, json.dumps([asdict(m) for m in matches]) + "\n")
        known = tuple(Match(**m) for m in json.loads(kept.read_text()))
        curves.append(Curve(name, level, args.engine, law, known))
    return curves


def job_of(curves: Sequence[Curve], args: Args) -> Job:
    """Everything that is to be played: the reference of each task and level, and each dose of each curve."""
    worlds = {(c.task, c.level, c.engine): None for c in curves}
    worlds |= {(c.task, c.level, world): None for c in curves for world in c.worlds}
    cells = [
        Cell(task, level, Spec("cem", world), args.engine, args.first, args.starts)
        for task, level, world in worlds
    ]
    return Job(tuple(cells), args.work / "episodes", None, Path(), args.rows, args.workers)


def seconds(job: Job, workshop: Workshop) -> float:
    """Projected time of what is missing: the slowest error of each task and level stands for all of them."""
    total, missing = 0.0, {cell: n for cell, n in job.missing_by_cell().items() if n}
    for place in dict.fromkeys((cell.task, cell.level) for cell in missing):
        here = {cell: n for cell, n in missing.items() if (cell.task, cell.level) == place}
        slow = next((c for c in here if f":{SLOWEST}:" in c.spec.prepared_in), next(reversed(here)))
        total += sum(here.values()) * seconds_each(slow, workshop)
    return total / job.workers
