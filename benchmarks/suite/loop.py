"""`worldsim bench loop`: the reference results, in stages that can be run one by one and interrupted.

models    velocity error and permanence by level, frames imagined per second
proof     what each task must prove before it counts, in both engines
scripted  noop, random, reactive and oracle in every world
cem       the cross-entropy planner prepared in inertia, Box2D and the learned world
ppo       policies trained in Box2D and in the learned world, then run everywhere
result    everything recorded so far as one result file; what is missing is listed
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks import results_io
from benchmarks.episodes import projection
from benchmarks.episodes.learners import train
from benchmarks.episodes.playing import Cell
from benchmarks.episodes.protocol import Protocol, count_of
from benchmarks.episodes.records import versions
from benchmarks.episodes.specs import WORLDS, Spec
from benchmarks.episodes.summary import summarise
from benchmarks.episodes.workers import Job, play_all
from benchmarks.episodes.workshop import Workshop
from benchmarks.reports import figures
from benchmarks.results_io import Row
from benchmarks.suite import proof

Stage = Literal["models", "proof", "scripted", "cem", "ppo", "result"]
TASKS = ("Strike", "Catch")
PROOF_METRICS = ("success_fall", "dropped_draws")  #: what the proof adds to the success of every cell
MODEL_FRAMES = 90_000  #: imagined while one model is measured
POLICIES: dict[str, tuple[str, ...]] = {
    "scripted": ("noop", "random", "reactive", "oracle"),
    "cem": ("cem@inertia", "cem@box2d", "cem_privileged@box2d", "cem@learned"),
    "ppo": ("ppo@box2d", "ppo@learned"),
}


@dataclass(frozen=True)
class Args:
    """Make benchmarks/results/loop.json; run again to go on from what is recorded."""

    stages: tuple[Stage, ...] = ("models", "proof", "scripted", "cem", "ppo", "result")
    """stages to run, in this order"""
    starts: int = 200
    """starts per in-distribution cell; half as many elsewhere"""
    ppo_frames: int = 300_000
    """frames of each PPO run"""
    rows: int = 50
    """episodes side by side"""
    workers: int = 2
    """processes, one thread each"""
    seed: int = 0
    """seed of the PPO runs"""
    model: str | None = None
    """a checkpoint in place of the shipped ones"""
    work: Path = Path("runs/bench/loop")
    """folder for records and intermediate results"""
    out: Path = results_io.RESULTS / "loop.json"
    """result file"""


def main(args: Args) -> None:
    """Print the projected time, then run the stages."""
    from rich.console import Console

    console = Console()
    results_io.write_text(args.work / "config.json", results_io.to_json(args))
    workshop = Workshop(args.model, args.work / "policies")
    projected = {stage: seconds(stage, args, workshop) for stage in args.stages if stage != "result"}
    for name, expected in projected.items():
        console.print(f"{name:9} about {expected / 60:.0f} min")
    console.print(f"projected time: {sum(projected.values()) / 3600:.1f} h on {args.workers} cores")
    for stage in args.stages:
        began = time.perf_counter()
        console.rule(stage)
        STAGES[stage](args, workshop, console)
        console.print(f"{stage}: {(time.perf_counter() - began) / 60:.1f} min")


def cells_of(stage: str, args: Args, workshop: Workshop) -> list[Cell]:
    """The cells of a stage."""
    cells: list[Cell] = []
    for name in TASKS:
        for level in workshop.task(name).levels:
            count = count_of(level, args.starts)
            cells += Protocol((name,), (level,), POLICIES[stage], WORLDS, count).cells(workshop)
    return cells


def job_of(stage: str, args: Args, workshop: Workshop) -> Job:
    """The work of a stage."""
    folder = args.work / "episodes"
    cells = tuple(cells_of(stage, args, workshop))
    return Job(cells, folder, args.model, workshop.policies, args.rows, args.workers)


def _play(stage: str) -> Callable[[Args, Workshop, Any], None]:
    return lambda args, workshop, console: play_all(job_of(stage, args, workshop))


def _models(args: Args, workshop: Workshop, console: Any) -> None:
    """Measure each task's model on scenarios, on the task's starts, and its speed, unless that is done."""
    from benchmarks.learned import errors

    for name in TASKS:
        path = _model_file(args, workshop, name)
        if not path.exists():
            console.print(f"measuring {workshop.model_name(workshop.task(name))}")
            rows = errors.measure(workshop, workshop.task(name), args.starts)
            results_io.write(path, results_io.meta("worldsim bench loop --stages models", args.seed), rows)


def _model_file(args: Args, workshop: Workshop, name: str) -> Path:
    task = workshop.task(name)
    return args.work / f"model-{workshop.model_name(task)}-{workshop.weights('learned', task)}.json"


def _proof(args: Args, workshop: Workshop, console: Any) -> None:
    """The proof tables; their episodes count for the other stages too."""
    proof.main(_proof_args(args))


def _proof_args(args: Args) -> proof.Args:
    episodes, out = args.work / "episodes", args.work / "proof.json"
    return proof.Args(TASKS, starts=args.starts, rows=args.rows, workers=args.workers, work=episodes, out=out)


def _ppo(args: Args, workshop: Workshop, console: Any) -> None:
    """Train what has not been trained, then play."""
    train(workshop, _runs(workshop), args.ppo_frames, args.seed, args.workers)
    play_all(job_of("ppo", args, workshop))


def _result(args: Args, workshop: Workshop, console: Any) -> None:
    """Write what has been recorded and list what is missing."""
    rows: list[Row] = []
    for name in TASKS:
        path = _model_file(args, workshop, name)
        if path.exists():
            rows += results_io.read(path)[1]
        else:
            console.print(f"missing: the measures of the model for {name}; run the stage models")
    jobs = {stage: job_of(stage, args, workshop) for stage in POLICIES}
    found = [record for job in jobs.values() for record in job.found()]
    rows += summarise(found)
    if _proof_args(args).out.exists():  # the successes in it are among the episodes above
        rows += [r for r in results_io.read(_proof_args(args).out)[1] if r["metric"] in PROOF_METRICS]
    tasks = [workshop.task(name) for name in TASKS]
    models = {workshop.model_name(task): workshop.weights("learned", task) for task in tasks}
    notes = [note] if (note := versions(found)) else []
    meta = results_io.meta("worldsim bench loop", args.seed, models=models, notes=notes)
    results_io.write(args.out, meta, rows)
    for note in notes:
        console.print(note, markup=False)
    for stage, job in jobs.items():
        for cell, count in job.missing_by_cell().items():
            if count:
                console.print(f"missing: {count} episodes of {cell} (stage {stage})")
    figures.write_pngs(rows, args.out.parent)
    console.print(f"{len(found)} episodes, {len(rows)} rows: {args.out}", soft_wrap=True)


def seconds(stage: str, args: Args, workshop: Workshop) -> float:
    """Projected time of what is missing of a stage."""
    rate = {world: projection.frames_per_second(world, workshop) for world in ("learned", "box2d")}
    if stage == "models":
        undone = sum(not _model_file(args, workshop, name).exists() for name in TASKS)
        return undone * MODEL_FRAMES / rate["learned"]
    if stage == "proof":
        return projection.seconds(proof.job_of(_proof_args(args)), proof.ProofShop())
    playing = projection.seconds(job_of(stage, args, workshop), workshop)
    if stage != "ppo":
        return playing
    training = [args.ppo_frames / rate[spec.prepared_in] for spec, _ in _runs(workshop)]
    return playing + sum(training) / args.workers


def _runs(workshop: Workshop) -> list[tuple[Spec, str]]:
    """The training runs that have not been finished, the longest first."""
    specs = sorted(map(Spec.parse, POLICIES["ppo"]), key=lambda spec: spec.prepared_in != "learned")
    return [(spec, name) for spec in specs for name in TASKS if not workshop.frames_trained(spec, name)]


STAGES: dict[str, Callable[[Args, Workshop, Any], None]] = {
    "models": _models,
    "proof": _proof,
    "scripted": _play("scripted"),
    "cem": _play("cem"),
    "ppo": _ppo,
    "result": _result,
}
