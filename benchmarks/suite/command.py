"""`worldsim bench suite`: all tasks, planners and learners, in stages that can be interrupted.

models    velocity error and permanence of the models by level, on scenarios and on every task's starts
proof     what each task must prove before it counts, in both engines; Place, for which no model ships, too
planners  every planner with an equal budget of imagined frames, in Box2D and in the learned world
cem       CEM prepared in the learned world against CEM prepared in Box2D, executed in both engines
learners  policies trained in Box2D and in the learned world, executed in both engines; what was prepared in
          the learned world, by these and by CEM, is executed there too
saved     ground-truth frames that a start in imagination saves, and a mixture of both
speed     decisions and frames per second of each world, and of the learners in two of them
result    everything recorded so far as one result file, beside what other runs have measured; what is
          missing is listed

A stage that fails costs itself alone: the others are run, then it is told which ones failed and why.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from benchmarks import results_io
from benchmarks.episodes import learners, projection
from benchmarks.episodes.records import versions
from benchmarks.episodes.specs import LEARNERS
from benchmarks.episodes.workers import Job, play_all
from benchmarks.episodes.workshop import Workshop
from benchmarks.learned import errors, worlds
from benchmarks.reports import figures
from benchmarks.results_io import Row
from benchmarks.suite import kept, pace, proof, savings
from benchmarks.suite.cells import ENGINES, PLAYED, cells_of, modelled
from benchmarks.suite.parts import Part
from benchmarks.suite.rows import lacking, merged, played
from envs.tasks import TASKS

Stage = Literal["models", "proof", "planners", "cem", "learners", "saved", "speed", "result"]
LEARNED_IN = ("learned", "analytic")  #: worlds in which learners are timed


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
    tasks: tuple[str, ...] = tuple(TASKS)
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
    """result file; what other runs have measured stays in it"""

    @property
    def proof(self) -> proof.Args:
        """The proof of all tasks; its episodes count for the other stages too."""
        episodes, out = self.work / "episodes", self.work / "proof.json"
        return proof.Args(self.tasks, self.starts, self.rows, self.workers, episodes, out)


def main(args: Args) -> None:
    """Print the projected time of what plays, then run the stages.

    Raises ValueError for an unknown task; ChildProcessError, after all stages have been run, for those that
    failed.
    """
    from rich.console import Console

    console = Console()
    workshop = Workshop(args.model, args.work / "policies")
    for name in args.tasks:
        workshop.task(name)
    results_io.write_text(args.work / "config.json", results_io.to_json(args))
    faults = []
    for stage in args.stages:
        began = time.perf_counter()
        console.rule(stage)
        try:
            if stage in (*PLAYED, "proof"):
                console.print(f"projected time: {_projected(stage, args, workshop) / 60:.0f} min")
            STAGES[stage](args, workshop, console)
        except (ChildProcessError, ValueError) as error:
            console.print(str(error), markup=False)
            faults.append(f"stage {stage}: {error}")
        console.print(f"{stage}: {(time.perf_counter() - began) / 60:.1f} min")
    if faults:
        raise ChildProcessError("\n".join(faults))


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
    for part, measured in _model_parts(args, workshop):
        if part.lack():
            console.print(f"measuring {part.path.stem}")
            part.write(measured())


def _model_parts(args: Args, workshop: Workshop) -> Iterator[tuple[Part, Callable[[], list[Row]]]]:
    """Files whose names hold the hashes of the models' weights, and what measures their rows."""
    for label, measured in errors.parts(workshop, modelled(args.tasks), args.starts):
        yield Part(args.work / "models" / f"{label}.json", {"starts": args.starts}), measured


def _proof(args: Args, workshop: Workshop, console: Any) -> None:
    proof.main(args.proof)


def _play(stage: str) -> Callable[[Args, Workshop, Any], None]:
    return lambda args, workshop, console: play_all(job_of(stage, args, workshop))


def _learners(args: Args, workshop: Workshop, console: Any) -> None:
    """Train what has not been trained, those in the learned world first, then play those that were."""
    job, failed = job_of("learners", args, workshop), None
    wanted = dict.fromkeys((c.spec.trained, c.task) for c in job.cells if c.spec.policy in LEARNERS)
    runs = sorted(wanted, key=lambda run: run[0].prepared_in != "learned")
    try:
        learners.train(workshop, runs, args.frames, args.seed, args.workers)
    except learners.RunsFailed as error:
        failed = error
        console.print(str(error), markup=False)
    faults = failed.faults if failed else {}
    play_all(replace(job, cells=tuple(c for c in job.cells if (c.spec.trained, c.task) not in faults)))
    if failed:
        raise failed


def _saved(args: Args, workshop: Workshop, console: Any) -> None:
    """Compare the learning curves with and without imagination, unless that is done."""
    for name, part in _saved_parts(args, workshop):
        if part.lack():
            asked = (args.frames, args.level, args.seed, args.work, console.print)
            part.write(list(savings.measure(workshop, name, *asked)))


def _saved_parts(args: Args, workshop: Workshop) -> Iterator[tuple[str, Part]]:
    """The tasks on which they are compared."""
    for name in (name for name in savings.TASKS if name in args.tasks):
        weights = workshop.weights("learned", workshop.task(name))
        asked = {"frames": args.frames, "level": args.level, "seed": args.seed, "weights": weights}
        yield name, Part(args.work / f"saved-{name}.json", asked)


def _speed(args: Args, workshop: Workshop, console: Any) -> None:
    """Measure each world; nothing else should run on the machine."""
    rows = worlds.measure(workshop, ("learned", *ENGINES, "analytic"), console)
    _speed_part(args, workshop).write(rows + pace.measure(workshop, LEARNED_IN, console))


def _speed_part(args: Args, workshop: Workshop) -> Part:
    weights = workshop.weights("learned", workshop.task(worlds.TASK))
    return Part(args.work / "speed.json", {"weights": weights})


def _once(args: Args, workshop: Workshop) -> Iterator[tuple[Part, str]]:
    """What is measured once, and a part of the result file (see `kept.part_of`) that is made of it."""
    for part, _ in _model_parts(args, workshop):
        model, _, *task = part.path.stem.split("-")
        yield part, " ".join((*task, model, "learned"))
    for name, part in _saved_parts(args, workshop):
        yield part, f"saved {name} ppo@box2d"
    yield _speed_part(args, workshop), f"speed {worlds.TASK} box2d"


def _result(args: Args, workshop: Workshop, console: Any) -> None:
    """Write what has been recorded, beside what other runs have measured, and list what is missing."""
    jobs: dict[str, Job] = {stage: job_of(stage, args, workshop) for stage in PLAYED}
    jobs["proof"] = proof.job_of(args.proof)
    found = {stage: job.found() for stage, job in jobs.items()}
    once, rows = list(_once(args, workshop)), played(found)
    rows += [row for name in args.tasks for row in proof.summarise(workshop.task(name), found["proof"])]
    rows += [row for part, _ in once if not part.lack() for row in part.rows()]
    tasks = [workshop.task(name) for name in modelled(tuple(TASKS))]
    models = {task.name: workshop.model_name(task) for task in tasks}
    weights = {models[task.name]: workshop.weights("learned", task) for task in tasks}
    rows, parts, stay = kept.merge(args.out, merged(rows), weights, models.get)
    missing = [line for stage, job in jobs.items() for line in lacking(stage, job, stay)]
    missing += [lack for part, made in once if (lack := part.lack()) and made not in stay]
    everything = {r.key: r for records in found.values() for r in records}
    more: dict[str, Any] = {
        "models": weights,
        "frames_trained": _trained(args, workshop, jobs["learners"]),
        "notes": [note] if (note := versions(everything.values())) else [],
        "missing": missing,
        "parts": {**parts, **stay},
    }
    meta = results_io.meta(results_io.command("bench suite", args), args.seed, **more)
    results_io.write(args.out, meta, rows)
    for line in (*missing, *more["notes"]):
        console.print(line, markup=False, soft_wrap=True)
    figures.write_pngs(rows, args.out.parent)
    console.print(f"{len(rows)} rows: {args.out}", soft_wrap=True)


def _trained(args: Args, workshop: Workshop, job: Job) -> dict[str, int]:
    """For how many frames each policy was trained; of those not at hand, what the result file tells."""
    runs = sorted({(c.spec.trained, c.task) for c in job.cells})
    here = {f"{task}, {spec}": workshop.frames_trained(spec, task) for spec, task in runs}
    known = results_io.read(args.out)[0].get("frames_trained", {}) if args.out.exists() else {}
    return {**here, **known, **{run: frames for run, frames in here.items() if frames}}


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
