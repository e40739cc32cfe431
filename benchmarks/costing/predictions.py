"""The stage `prediction`: from a model's open-loop errors to the real success of planning in it.

Errors come from development starts, success from starts that nobody has seen, and whole training runs are
held out (see `benchmarks.prediction.held_out`). What is measured is kept for the stage `contrasts`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import results_io
from benchmarks.costing import dosed, open_loop, tables
from benchmarks.costing.divergence import partings
from benchmarks.costing.measuring import Measuring, Subject
from benchmarks.costing.open_loop import OpenLoop
from benchmarks.costing.sweep import Findings, Sweep, levels_of, played, project
from benchmarks.episodes import projection, records
from benchmarks.episodes.playing import Cell
from benchmarks.episodes.records import EpisodeRecord
from benchmarks.episodes.specs import Spec
from benchmarks.episodes.workers import Job
from benchmarks.episodes.workshop import Workshop
from benchmarks.episodes.zoo import Model, zoo
from benchmarks.prediction import cases, figure, held_out
from benchmarks.prediction.cases import Case, errors_of
from benchmarks.results_io import Row
from benchmarks.statistics import proportion
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

    @property
    def subject(self) -> Subject:
        """What its open-loop errors are measured of."""
        return Subject(self.model.source, self.model.name, self.task, self.level)


def run(sweep: Sweep, options: Prediction, workshop: Workshop, console: Any) -> Findings:
    """Measure errors, play, predict. Raises ValueError where errors and success would share starts."""
    disjoint(sweep, options)
    entrants, notes = enter(options, workshop)
    for entrant in entrants:
        console.print(
            f"{entrant.model.name} ({entrant.model.run}): {entrant.task} {entrant.level}", markup=False
        )
    few = len({e.model.run for e in entrants}) < 2
    wrong = _wrong(sweep, options) if options.engines and not few else {}
    subjects = (*(e.subject for e in entrants), *wrong)
    where = sweep.work / OPEN_LOOP, options.errors_first, options.errors_starts
    measuring = Measuring(subjects, *where, sweep.workers)
    project(lambda: measuring.seconds() + seconds(entrants, sweep, options), sweep.workers, console)
    measured, missing = measuring.run(console)
    found, more = play(entrants, measured, sweep, options, console)
    missing += more
    cases.write(sweep.work / CASES, found)
    rows = [row for e in entrants if e.subject in measured for row in measured[e.subject].rows]
    rows += [_success(case) for case in found]
    if len({case.run for case in found}) < 2:
        notes.append("prediction: fewer than two training runs; none can be held out")
        return Findings(rows, notes, missing=missing)
    engines = [
        Case(s.source, s.source.split(":")[1], s.task, s.level, errors_of(measured[s]), outcomes)
        for s, outcomes in wrong.items()
        if s in measured
    ]
    predicted = held_out.predict(found, engines, dosed.fits(sweep.work))
    judged, told = held_out.rows(found, predicted)
    rows += judged
    return Findings(rows, notes + told, {"prediction": figure.draw(rows)}, [tables.prediction(rows)], missing)


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


def jobs_of(entrants: Sequence[Entrant], sweep: Sweep, options: Prediction) -> dict[Model | None, Job]:
    """What is to be played in each model, and, under None, the same in right physics: what a model's success
    is compared with."""

    def job(model: Model | None, mine: Sequence[Entrant]) -> Job:
        spec = PLANNER if model else Spec(PLANNER.policy, sweep.engine)
        cells = {Cell(e.task, e.level, spec, sweep.engine, sweep.first, options.starts): None for e in mine}
        source = model.source if model else None
        return Job(tuple(cells), sweep.work / "episodes", source, Path(), sweep.rows, sweep.workers)

    found: dict[Model | None, Job] = {None: job(None, entrants)}
    for model in dict.fromkeys(e.model for e in entrants):
        found[model] = job(model, [e for e in entrants if e.model == model])
    return found


def seconds(entrants: Sequence[Entrant], sweep: Sweep, options: Prediction) -> float:
    """Projected time of playing what is missing; the first model of each family stands for its family."""
    each: dict[tuple[str, str], float] = {}
    total = 0.0
    for model, job in jobs_of(entrants, sweep, options).items():
        for cell, missing in job.missing_by_cell().items():
            kind = family_of(model.source) if model else sweep.engine, cell.task
            if missing and kind not in each:
                each[kind] = projection.seconds_each(cell, job.workshop())
            total += missing * each.get(kind, 0.0)
    return total / sweep.workers


def play(
    entrants: Sequence[Entrant],
    measured: Mapping[Subject, OpenLoop],
    sweep: Sweep,
    options: Prediction,
    console: Any,
) -> tuple[list[Case], list[str]]:
    """Play what is missing, model by model, and make cases of it, with a line on each cell that failed: it
    makes no case."""
    found, missing = [], []
    for model, job in jobs_of(entrants, sweep, options).items():
        console.print(model.name if model else sweep.engine, markup=False)
        episodes, lacks = played(job, lambda job=job: projection.seconds(job, job.workshop()), console)  # type: ignore[misc]
        missing += [f"{model.name}: {line}" if model else line for line in lacks]
        for entrant in (e for e in entrants if e.model == model):
            mine = [r for r in episodes if (r.task, r.level) == (entrant.task, entrant.level)]
            if mine and entrant.subject in measured:
                found.append(_case(entrant, measured[entrant.subject], mine, sweep))
    return found, missing


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
        frames={r.start_id: r.frames for r in mine},
        weights=model.weights,
        config=mine[0].config,
    )


def _parted(model: Model, mine: Sequence[EpisodeRecord], work: Path) -> dict[int, int | None]:
    """By start of some episodes of one task and level, after how many frames the model's picture of what was
    done parts from what happened (see `partings`), None where it does not before the episode ends; measured
    once and kept in `work`."""
    path = work / f"{model.weights}-{mine[0].task}-{mine[0].level}-{records.digest(mine)}.json"
    if not path.exists():
        found = partings("learned", mine, Workshop(model.source))
        seen = {r.start_id: f if f and f <= r.frames else None for r, f in zip(mine, found)}
        results_io.write_text(path, json.dumps(seen) + "\n")
    return {int(start): frame for start, frame in json.loads(path.read_text()).items()}


def _wrong(sweep: Sweep, options: Prediction) -> dict[Subject, dict[int, bool]]:
    """The wrong engines of the stage `dose`, with success by start: each type of law error is a run of its
    own."""
    return {
        Subject(engine, engine, task, level): outcomes
        for (task, level, engine), outcomes in dosed.solved(dosed.rows_of(sweep.work), sweep).items()
        if task in options.tasks and level in options.levels
    }


def _success(case: Case) -> Row:
    where = {"task": case.task, "level": case.level, "model": case.model, "world": "box2d"}
    where |= {"policy": PLANNER.policy, "prepared_in": PLANNER.prepared_in, "metric": "success"}
    return where | proportion([*case.solved.values()]).row()
