"""`worldsim bench suite`: all tasks, planners and learners, in stages that can be interrupted.

models    velocity error and permanence of the models by level, on scenarios and on every task's starts
proof     what each task must prove before it counts, in both engines
planners  every planner with an equal budget of imagined frames in Box2D
cem       CEM prepared in the learned world against CEM prepared in Box2D, executed in both engines
learners  policies trained in Box2D and in the learned world, executed in both engines
saved     ground-truth frames that a start in imagination saves
speed     decisions and frames per second of each world
result    everything recorded so far as one result file; what is missing is listed
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks import errors, figures, learners, projection, proof, results_io, worlds
from benchmarks.results_io import Row
from benchmarks.specs import LEARNERS
from benchmarks.suite import savings
from benchmarks.suite.cells import ENGINES, MODELLED, PLAYED, cells_of
from benchmarks.summary import summarise
from benchmarks.workers import Job, play_all
from benchmarks.workshop import Workshop

Stage = Literal["models", "proof", "planners", "cem", "learners", "saved", "speed", "result"]
KEY = ("task", "scenario", "model", "level", "policy", "prepared_in", "world", "metric", "factor", "frame")


@dataclass(frozen=True)
class Args:
    """Make benchmarks/results/suite.json; run again to go on from what is recorded."""

    stages: tuple[Stage, ...] = (
        "models",
        "proof",
        "planners",
        "cem",
        "learners",
        "saved",
        "speed",
        "result",
    )
    """stages to run, in this order"""
    tasks: tuple[str, ...] = MODELLED
    """tasks"""
    starts: int = 200
    """starts per in-distribution cell; half as many elsewhere"""
    planner_starts: int = 50
    """starts on which planners are compared"""
    frames: int = 300_000
    """frames of each training run in the learned world, and of those in Box2D whose specs name none"""
    level: float = 0.8
    """real success up to which ground-truth frames are counted"""
    rows: int = 50
    """episodes side by side"""
    workers: int = 2
    """processes, one thread each"""
    seed: int = 0
    """seed of the training runs"""
    model: str | None = None
    """a checkpoint in place of the shipped ones"""
    work: Path = Path("runs/bench/suite")
    """folder for records and intermediate results"""
    out: Path = results_io.RESULTS / "suite.json"
    """result file"""

    @property
    def proof(self) -> proof.Args:
        """The proof of all tasks; its episodes count for the other stages too."""
        episodes, out = self.work / "episodes", self.work / "proof.json"
        return proof.Args(self.tasks, self.starts, self.rows, self.workers, episodes, out)


def main(args: Args) -> None:
    """Print the projected time of what plays, then run the stages. Raises ValueError for an unknown task."""
    from rich.console import Console

    console = Console()
    workshop = Workshop(args.model, args.work / "policies")
    for name in args.tasks:
        workshop.task(name)
    results_io.write_text(args.work / "config.json", results_io.to_json(args))
    for stage in args.stages:
        began = time.perf_counter()
        console.rule(stage)
        if stage in (*PLAYED, "proof"):
            console.print(f"projected time: {_projected(stage, args, workshop) / 60:.0f} min")
        STAGES[stage](args, workshop, console)
        console.print(f"{stage}: {(time.perf_counter() - began) / 60:.1f} min")


def job_of(stage: str, args: Args, workshop: Workshop) -> Job:
    """The work of a stage that plays."""
    starts = args.planner_starts if stage == "planners" else args.starts
    cells = tuple(cells_of(stage, args.tasks, starts, workshop))
    return Job(cells, args.work / "episodes", args.model, workshop.policies, args.rows, args.workers)


def _projected(stage: str, args: Args, workshop: Workshop) -> float:
    """Seconds that a stage will play; training is not counted."""
    if stage == "proof":
        return projection.seconds(proof.job_of(args.proof), proof.ProofShop())
    return projection.seconds(job_of(stage, args, workshop), workshop)


def _models(args: Args, workshop: Workshop, console: Any) -> None:
    """Measure each model on its scenarios, and on every task's starts, unless that is done."""
    for label, measured in errors.parts(workshop, args.tasks, args.starts):
        path = args.work / "models" / f"{label}.json"
        if not path.exists():
            console.print(f"measuring {label}")
            results_io.write(path, results_io.meta("models", args.seed), measured())


def _proof(args: Args, workshop: Workshop, console: Any) -> None:
    proof.main(args.proof)


def _play(stage: str) -> Callable[[Args, Workshop, Any], None]:
    return lambda args, workshop, console: play_all(job_of(stage, args, workshop))


def _learners(args: Args, workshop: Workshop, console: Any) -> None:
    """Train what has not been trained, those in the learned world first, then play."""
    job = job_of("learners", args, workshop)
    wanted = dict.fromkeys((c.spec, c.task) for c in job.cells if c.spec.policy in LEARNERS)
    left = [(spec, name) for spec, name in wanted if not workshop.frames_trained(spec, name)]
    left.sort(key=lambda run: run[0].prepared_in != "learned")
    learners.train(workshop, left, args.frames, args.seed, args.workers)
    play_all(job)


def _saved(args: Args, workshop: Workshop, console: Any) -> None:
    """Compare the learning curves with and without a start in imagination."""
    if savings.TASK in args.tasks:
        saving = savings.compare(workshop, args.frames, args.level, args.seed, args.work)
        console.print(str(saving))
        results_io.write(_saved_file(args), results_io.meta("saved", args.seed), savings.rows(saving))


def _saved_file(args: Args) -> Path:
    return args.work / "saved.json"


def _speed(args: Args, workshop: Workshop, console: Any) -> None:
    """Measure each world; nothing else should run on the machine."""
    rows = worlds.measure(workshop, ("learned", *ENGINES, "analytic"), console)
    results_io.write(args.work / "speed.json", results_io.meta("speed", 0), rows)


def _result(args: Args, workshop: Workshop, console: Any) -> None:
    """Write what has been recorded and list what is missing."""
    jobs = {stage: job_of(stage, args, workshop) for stage in PLAYED}
    rows = summarise({r.key: r for job in jobs.values() for r in job.found()}.values())
    known = {_key(row) for row in rows}
    files = [args.work / "models" / f"{label}.json" for label, _ in errors.parts(workshop, args.tasks, 0)]
    for path in (*files, args.proof.out, _saved_file(args), args.work / "speed.json"):
        if not path.exists():
            console.print(f"missing: {path.stem}")
            continue
        rows += [row for row in results_io.read(path)[1] if _key(row) not in known]
    tasks = [workshop.task(name) for name in args.tasks]
    models = {workshop.model_name(task): workshop.weights("learned", task) for task in tasks}
    results_io.write(args.out, results_io.meta("worldsim bench suite", args.seed, models=models), rows)
    for stage, job in jobs.items():
        for cell, count in job.missing_by_cell().items():
            if count:
                console.print(f"missing: {count} episodes of {cell} (stage {stage})")
    figures.write_pngs(rows, args.out.parent)
    console.print(f"{len(rows)} rows: {args.out}", soft_wrap=True)


def _key(row: Row) -> tuple[tuple[str, Any], ...]:
    """What tells a row from others; a column that is absent and one that holds nothing are the same."""
    return tuple((name, row[name]) for name in KEY if row.get(name) is not None)


STAGES: dict[str, Callable[[Args, Workshop, Any], None]] = {
    "models": _models,
    "proof": _proof,
    "planners": _play("planners"),
    "cem": _play("cem"),
    "learners": _learners,
    "saved": _saved,
    "speed": _speed,
    "result": _result,
}
