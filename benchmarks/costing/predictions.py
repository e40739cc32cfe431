"""The stage `prediction`: from a model's open-loop errors to the real success of planning in it.

Errors come from development starts, success from starts that nobody has seen, and whole training runs are
held out (see `benchmarks.prediction.held_out`). What is measured is kept for the stage `contrasts`.
"""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import open_loop, projection, records, results_io
from benchmarks.costing import dosed
from benchmarks.costing.divergence import partings
from benchmarks.costing.sweep import Findings, Sweep, levels_of, played
from benchmarks.open_loop import OpenLoop
from benchmarks.playing import Cell
from benchmarks.prediction import cases, figure, held_out
from benchmarks.prediction.cases import Case, errors_of
from benchmarks.records import EpisodeRecord
from benchmarks.results_io import Row
from benchmarks.specs import Spec
from benchmarks.statistics import proportion
from benchmarks.workers import Job
from benchmarks.workshop import Workshop
from benchmarks.zoo import Model, zoo
from worldsim.models import family_of

PLANNER = Spec("cem", "learned")
CASES, OPEN_LOOP, HORIZONS = "cases.json", "open-loop", "horizons"  #: below the folder of the sweep


@dataclass(frozen=True)
class Prediction:
    """Options of the stage `prediction`."""

    models: tuple[str, ...] = ()
    """learned models beside those of the fixed table: shipped names, folders of checkpoints or of runs"""
    runs: Path = Path("runs")
    """folder below which the checkpoints of the fixed table lie"""
    tasks: tuple[str, ...] = open_loop.TASKS
    """tasks"""
    levels: tuple[str, ...] = ("id", "bounce", "both")
    """levels; a task plays those that it has"""
    starts: int = 200
    """starts per model, task and level on which success is scored"""
    errors_first: int = open_loop.FIRST
    """number of the first start on which errors are measured"""
    errors_starts: int = open_loop.STARTS
    """starts on which errors are measured"""
    engines: bool = True
    """measure the wrong engines of the stage `dose` too, and predict from them alone"""


@dataclass(frozen=True)
class Entrant:
    """A model on a task and level, to be measured and played."""

    model: Model
    task: str
    level: str


def run(sweep: Sweep, options: Prediction, workshop: Workshop, console: Any) -> Findings:
    """Measure errors, play, predict. Raises ValueError where errors and success would share starts."""
    disjoint(sweep, options)
    entrants, notes = enter(options, workshop)
    for entrant in entrants:
        console.print(
            f"{entrant.model.name} ({entrant.model.run}): {entrant.task} {entrant.level}", markup=False
        )
    console.print(f"projected time of playing: {seconds(entrants, sweep, options) / 60:.0f} min")
    measured = dict(measure(entrants, sweep, options, workshop, console))
    found, more = play(entrants, measured, sweep, options, workshop, console)
    cases.write(sweep.work / CASES, found)
    rows = [row for loop in measured.values() for row in loop.rows]
    rows += [_success(case) for case in found]
    notes += more
    if len({case.run for case in found}) < 2:
        return Findings(rows, [*notes, "prediction: fewer than two training runs; none can be held out"])
    engines = _engines(sweep, options, workshop, console) if options.engines else []
    predicted = held_out.predict(found, engines, dosed.fits(sweep.work))
    judged, few = held_out.rows(found, predicted)
    rows += judged
    return Findings(rows, notes + few, {"prediction": figure.draw(rows)}, [table(rows)])


def disjoint(sweep: Sweep, options: Prediction) -> None:
    """Raise ValueError where a start would both measure errors and score success."""
    errors = range(options.errors_first, options.errors_first + options.errors_starts)
    success = range(sweep.first, sweep.first + options.starts)
    if max(errors.start, success.start) < min(errors.stop, success.stop):
        raise ValueError(
            f"errors are measured on starts {errors.start} to {errors.stop - 1} and success is scored on "
            f"{success.start} to {success.stop - 1}; a prediction needs starts that the two do not share"
        )


def enter(options: Prediction, workshop: Workshop) -> tuple[list[Entrant], list[str]]:
    """Every model at hand on every task and level of its scenario, and notes on models that are not."""
    found, notes = [], []
    for name in options.tasks:
        task = workshop.task(name)
        models, more = zoo(task.scenario, options.runs, options.models)
        levels = levels_of(task, options.levels)
        found += [Entrant(model, name, level) for model in models for level in levels]
        notes += more
    return found, list(dict.fromkeys(notes))


def measure(
    entrants: Sequence[Entrant], sweep: Sweep, options: Prediction, workshop: Workshop, console: Any
) -> Iterator[tuple[Entrant, OpenLoop]]:
    """The open-loop errors of each; what was measured before is read. Says how long the rest will take."""
    spent, done = 0.0, 0
    for number, entrant in enumerate(entrants):
        began = time.perf_counter()
        yield (
            entrant,
            open_loop.open_loop(
                entrant.model.source,
                entrant.model.name,
                workshop.task(entrant.task),
                entrant.level,
                sweep.work / OPEN_LOOP,
                options.errors_first,
                options.errors_starts,
            ),
        )
        if (took := time.perf_counter() - began) > 1:  # else it was read
            spent, done = spent + took, done + 1
            left = spent / done * (len(entrants) - number - 1)
            console.print(
                f"open-loop errors: {number + 1} of {len(entrants)}, {left / 60:.0f} min left at most"
            )


def job_of(model: Model, entrants: Sequence[Entrant], sweep: Sweep, options: Prediction) -> Job:
    """What a model has to play."""
    cells = tuple(
        Cell(e.task, e.level, PLANNER, sweep.engine, sweep.first, options.starts)
        for e in entrants
        if e.model == model
    )
    return Job(cells, sweep.work / "episodes", model.source, Path(), sweep.rows, sweep.workers)


def seconds(entrants: Sequence[Entrant], sweep: Sweep, options: Prediction) -> float:
    """Projected time of playing what is missing; the first model of each family stands for its family."""
    each: dict[tuple[str, str], float] = {}
    total = 0.0
    for model in dict.fromkeys(e.model for e in entrants):
        job = job_of(model, entrants, sweep, options)
        for cell, missing in job.missing_by_cell().items():
            kind = family_of(model.source), cell.task
            if missing and kind not in each:
                each[kind] = projection.seconds_each(cell, job.workshop())
            total += missing * each.get(kind, 0.0)
    return total / sweep.workers


def play(
    entrants: Sequence[Entrant],
    measured: dict[Entrant, OpenLoop],
    sweep: Sweep,
    options: Prediction,
    workshop: Workshop,
    console: Any,
) -> tuple[list[Case], list[str]]:
    """Play what is missing, model by model, and make cases of it; a cell that failed is left out, with a
    note."""
    found, notes = [], []
    for model in dict.fromkeys(e.model for e in entrants):
        job = job_of(model, entrants, sweep, options)
        try:
            played(job, lambda job=job: projection.seconds(job, job.workshop()), console)  # type: ignore[misc]
        except ChildProcessError as error:
            console.print(str(error), markup=False)
        for entrant in (e for e in entrants if e.model == model):
            mine = [r for r in job.found() if (r.task, r.level) == (entrant.task, entrant.level)]
            if len(mine) < options.starts:
                place = f"{model.name} on {entrant.task} {entrant.level}"
                notes.append(f"{place} is left out: {options.starts - len(mine)} episodes are missing")
                continue
            found.append(_case(entrant, measured[entrant], mine, sweep))
    return found, notes


def _case(entrant: Entrant, loop: OpenLoop, mine: Sequence[EpisodeRecord], sweep: Sweep) -> Case:
    model = entrant.model
    pictures = {name: [v for v in loop.by_start[name] if v is not None] for name in ("psnr", "ssim")}
    return Case(
        model.name,
        model.run,
        entrant.task,
        entrant.level,
        errors_of(loop),
        {r.start_id: r.success for r in mine},
        **pictures,
        parted=_parted(model, mine, sweep.work / HORIZONS),
        weights=model.weights,
    )


def _parted(model: Model, mine: Sequence[EpisodeRecord], work: Path) -> dict[int, int | None]:
    """By start of some episodes of one task and level, after how many frames the model's picture of what was
    done parts from what happened (see `partings`); measured once and kept in `work`."""
    path = work / f"{model.weights}-{mine[0].task}-{mine[0].level}-{records.digest(mine)}.json"
    if not path.exists():
        found = partings("learned", mine, Workshop(model.source))
        results_io.write_text(path, json.dumps({r.start_id: f for r, f in zip(mine, found)}) + "\n")
    return {int(start): frame for start, frame in json.loads(path.read_text()).items()}


def _engines(sweep: Sweep, options: Prediction, workshop: Workshop, console: Any) -> list[Case]:
    """The wrong engines of the stage `dose` as cases, each type of law error a run of its own."""
    solved = dosed.solved(records.read(sweep.work / "episodes").values(), sweep)
    wanted = [w for w in solved if w[0] in options.tasks and w[1] in options.levels]
    found = []
    for number, (name, level, engine) in enumerate(wanted):
        console.print(
            f"wrong engines: {number + 1} of {len(wanted)}, {engine} on {name} {level}", markup=False
        )
        task = workshop.task(name)
        kept = sweep.work / OPEN_LOOP
        loop = open_loop.open_loop(
            engine, engine, task, level, kept, options.errors_first, options.errors_starts
        )
        law = engine.split(":")[1]
        found.append(Case(engine, law, name, level, errors_of(loop), solved[name, level, engine]))
    return found


def _success(case: Case) -> Row:
    where = {"task": case.task, "level": case.level, "model": case.model, "world": "box2d"}
    where |= {"policy": PLANNER.policy, "prepared_in": PLANNER.prepared_in, "metric": "success"}
    return where | proportion([*case.solved.values()]).row()


def table(rows: Sequence[Row]) -> Any:
    """The errors of each means of prediction."""
    from rich.table import Table

    from benchmarks.tables import interval

    shown = Table("prediction", "mean absolute error", "models")
    for name, text in figure.NAMES.items():
        for row in results_io.select(rows, metric=f"prediction_error_{name}"):
            shown.add_row(text.replace("\n", " "), f"{row['value']:.3f} {interval(row, 3)}", str(row["n"]))
    return shown
