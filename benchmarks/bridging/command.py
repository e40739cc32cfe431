"""`worldsim bench bridge`: imagined against real, by a set of policies that was fixed beforehand.

learn   the learners of the policy set, each of its lengths
play    the policy set in the learned model and in the engines, on the same starts
result  every measure as tidy rows, after a random part of the records was played again bit by bit
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from benchmarks import projection, records, results_io
from benchmarks.bridge import FIRST_UNSEEN
from benchmarks.bridging import protocol
from benchmarks.bridging.findings import Findings
from benchmarks.learners import train
from benchmarks.policy_set import POLICY_SET
from benchmarks.records import EpisodeRecord
from benchmarks.replay import verify
from benchmarks.specs import LEARNERS, Spec
from benchmarks.workers import Job, play_all
from benchmarks.workshop import Workshop

Stage = Literal["learn", "play", "result"]
FRAMES = 300_000  #: of learners whose specs name none


@dataclass(frozen=True)
class Args:
    """Make benchmarks/results/bridge.json; run again to go on from what is recorded."""

    stages: tuple[Stage, ...] = ("learn", "play", "result")
    """stages to run, in this order"""
    tasks: tuple[str, ...] = tuple(POLICY_SET)
    """tasks; they need a policy set"""
    levels: tuple[str, ...] = ("id",)
    """levels; a task plays those that it has"""
    engines: tuple[str, ...] = ("box2d", "mujoco")
    """engines that are reality; the first one also judges further models"""
    starts: int = 200
    """starts per cell"""
    first: int = FIRST_UNSEEN
    """number of the first start"""
    samples: int = 1
    """samples of each start in the learned world; more than one is for models that draw"""
    model: str | None = None
    """a checkpoint in place of the shipped ones"""
    models: tuple[str, ...] = ()
    """further checkpoints for the tasks that are played, over which agreement is measured as well"""
    replays: int = 50
    """records that are played again, of each version of the code, before they count"""
    rows: int = 50
    """episodes side by side"""
    workers: int = 2
    """processes, one thread each"""
    seed: int = 0
    """seed of the learners, and of which records are played again"""
    work: Path = Path("runs/bench/bridge")
    """folder for records and trained policies"""
    out: Path = results_io.RESULTS / "bridge.json"
    """result file"""


def main(args: Args) -> None:
    """Print the projected time, then run the stages.

    Raises ValueError for tasks without a policy set or levels, and for records that cannot be trusted.
    """
    from rich.console import Console

    console = Console()
    jobs = jobs_of(args)
    results_io.write_text(args.work / "config.json", results_io.to_json(args))
    workshop = jobs[0].workshop()
    for stage in args.stages:
        if stage in PROJECTED:
            console.print(f"{stage}: projected time {PROJECTED[stage](args, jobs, workshop) / 60:.0f} min")
    for stage in args.stages:
        console.rule(stage)
        STAGES[stage](args, jobs, workshop, console)


def jobs_of(args: Args) -> list[Job]:
    """One job for each model, the first for the one that the policy set is played in."""
    if unknown := [name for name in args.tasks if name not in POLICY_SET]:
        raise ValueError(f"no policy set for {', '.join(unknown)}; there is one for {', '.join(POLICY_SET)}")
    if len(set(_names(args))) < len(_names(args)):
        raise ValueError(
            f"models share a name: {', '.join(_names(args))}; their records could not be told apart"
        )
    starts, jobs = range(args.first, args.first + args.starts), []
    for number, model in enumerate((args.model, *args.models)):
        engines = args.engines if number == 0 else args.engines[:1]

        def policies(task: str, first: bool = number == 0) -> tuple[str, ...]:
            return POLICY_SET[task] if first else protocol.OVER_MODELS

        cells = protocol.cells(_places(args), policies, engines, starts, args.samples)
        work = args.work
        jobs.append(Job(cells, work / "episodes", model, work / "policies", args.rows, args.workers))
    return jobs


def _places(args: Args) -> list[tuple[str, str]]:
    workshop = Workshop()
    places = [(t, level) for t in args.tasks for level in args.levels if level in workshop.task(t).levels]
    if not places:
        raise ValueError(f"none of {', '.join(args.tasks)} has a level {' or '.join(args.levels)}")
    return places


def _learn(args: Args, jobs: list[Job], workshop: Workshop, console: Any) -> None:
    train(workshop, _runs(jobs[0], workshop), FRAMES, args.seed, args.workers)


def _runs(job: Job, workshop: Workshop) -> list[tuple[Spec, str]]:
    """Training runs that are not finished, the longest first."""
    wanted = dict.fromkeys((c.spec.trained, c.task) for c in job.cells if c.spec.policy in LEARNERS)
    left = [(spec, name) for spec, name in wanted if not workshop.frames_trained(spec, name)]
    return sorted(left, key=lambda run: -_frames(run[0]))


def _frames(spec: Spec) -> float:
    return dict(spec.knobs).get("frames", FRAMES)


def _play(args: Args, jobs: list[Job], workshop: Workshop, console: Any) -> None:
    """Play what is missing; a cell that fails, or whose learner has not been trained, costs itself alone."""
    untrained = _runs(jobs[0], workshop)
    for job in jobs:
        ready = tuple(cell for cell in job.cells if (cell.spec.trained, cell.task) not in untrained)
        try:
            play_all(replace(job, cells=ready))
        except ChildProcessError as error:
            console.print(str(error), markup=False)


def _result(args: Args, jobs: list[Job], workshop: Workshop, console: Any) -> None:
    """Check the records, measure, and write rows and notes."""
    found = [job.found() for job in jobs]
    findings = Findings(notes=checked(args, jobs, found))
    whole = {}
    for name, job, mine in zip(_names(args), jobs, found):
        lacking = job.missing_by_cell()
        whole[name] = protocol.complete(mine, lacking)
        findings.notes += [
            f"{name}: {n} episodes of {cell} are missing; {cell.spec} is left out there"
            for cell, n in lacking.items()
            if n
        ]
    for task, level in _places(args):
        try:
            model = workshop.model_name(workshop.task(task))
            main = whole[_names(args)[0]]
            findings.extend(protocol.measure(main, task, level, args.engines), model=model)
            if args.models:
                findings.extend(protocol.over_models(whole, task, level, args.engines[0]))
        except ValueError as error:
            findings.notes.append(f"{task} {level} is not measured any further: {error}")
    everything = [record for mine in found for record in mine]
    tasks = [workshop.task(name) for name in args.tasks]
    more = {
        "models": {workshop.model_name(task): workshop.weights("learned", task) for task in tasks},
        "notes": findings.notes,
        "records": records.digest(everything),
        "replayed": args.replays,
    }
    results_io.write(args.out, results_io.meta("worldsim bench bridge", args.seed, **more), findings.rows)
    for note in findings.notes:
        console.print(note, markup=False)
    text = f"{len(everything)} episodes, {len(findings.rows)} rows: {args.out}"
    console.print(text, soft_wrap=True)


def checked(args: Args, jobs: list[Job], found: list[list[EpisodeRecord]]) -> list[str]:
    """Play a random part of the records again, some of each version of the code; notes on versions.

    Raises ValueError where a record differs from what its actions lead to.
    """
    notes = []
    versions = Counter(r.version for records in found for r in records)
    if len(versions) > 1:
        told = ", ".join(f"{n} by {version}" for version, n in versions.items())
        notes.append(
            f"episodes were played by several versions of the code: {told}; some of each were "
            f"played again and end alike"
        )
    for job, mine in zip(jobs, found):
        for version in versions:
            same = [r for r in mine if r.version == version]
            if wrong := verify(same, job.workshop(), args.replays, args.seed):
                lines = "\n".join(map(str, wrong))
                raise ValueError(
                    f"{len(wrong)} of {min(len(same), args.replays)} records of version {version} do not "
                    f"follow from their actions; they were altered, or the code does otherwise now. "
                    f"Remove them from {job.folder} and play again:\n{lines}"
                )
    return notes


def _names(args: Args) -> list[str]:
    return [results_io.model_name(model or "shipped") for model in (args.model, *args.models)]


def _training_time(args: Args, jobs: list[Job], workshop: Workshop) -> float:
    runs = _runs(jobs[0], workshop)
    rate = {w: projection.frames_per_second(w, workshop) for w in {spec.prepared_in for spec, _ in runs}}
    return sum(_frames(spec) / rate[spec.prepared_in] for spec, _ in runs) / args.workers


def _playing_time(args: Args, jobs: list[Job], workshop: Workshop) -> float:
    return sum(projection.seconds(job, job.workshop()) for job in jobs)


STAGES: dict[str, Callable[[Args, list[Job], Workshop, Any], None]] = {
    "learn": _learn,
    "play": _play,
    "result": _result,
}
PROJECTED: dict[str, Callable[[Args, list[Job], Workshop], float]] = {
    "learn": _training_time,
    "play": _playing_time,
}
