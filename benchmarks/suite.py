"""`worldsim bench suite`: all tasks, planners and learners, in stages that can be interrupted.

proof     what each task must prove before it counts, in both engines
planners  every planner with an equal budget of imagined frames in Box2D
cem       CEM prepared in the learned world against CEM prepared in Box2D, executed in both engines
learners  PPO trained in Box2D and in the learned world, executed in both engines
saved     ground-truth frames that a start in imagination saves
speed     decisions and frames per second of each world
result    everything recorded so far as one result file; what is missing is listed
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks import proof, results_io
from benchmarks.bridge import FIRST_REPORTED, count_of, plan_cells
from benchmarks.playing import Cell
from benchmarks.results_io import Row
from benchmarks.specs import Spec
from benchmarks.workers import Job, play_all
from benchmarks.workshop import Workshop
from envs.tasks import TASKS

Stage = Literal["proof", "planners", "cem", "learners", "saved", "speed", "result"]
ENGINES = ("box2d", "mujoco")
PLANNED = ("Strike", "Catch", "Drop")  #: tasks on which planners are compared
PLANNERS = ("oracle", "shooting@box2d", "cem@box2d", "icem@box2d", "mppi@box2d")
IMAGINED = ("Strike", "Catch", "Drop")  #: tasks that PPO also learns inside the learned world
MODELLED = tuple(name for name in TASKS if name != "Place")  #: no model ships for Place yet
SAVED = "Catch"  #: the task on which a start in imagination is compared with one from scratch


@dataclass(frozen=True)
class Args:
    """Make benchmarks/results/suite.json; run again to go on from what is recorded."""

    stages: tuple[Stage, ...] = ("proof", "planners", "cem", "learners", "saved", "speed", "result")
    """stages to run, in this order"""
    tasks: tuple[str, ...] = MODELLED
    """tasks"""
    starts: int = 200
    """starts per in-distribution cell; half as many elsewhere"""
    planner_starts: int = 50
    """starts on which planners are compared"""
    frames: int = 300_000
    """frames of each PPO run"""
    level: float = 0.8
    """real success up to which ground-truth frames are counted"""
    rows: int = 50
    """episodes side by side"""
    workers: int = 2
    """processes, one thread each"""
    seed: int = 0
    """seed of the PPO runs"""
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
    """Run the stages. Raises ValueError for an unknown task."""
    from rich.console import Console

    console = Console()
    workshop = Workshop(args.model, args.work / "policies")
    for name in args.tasks:
        workshop.task(name)
    results_io.write_text(args.work / "config.json", results_io.to_json(args))
    for stage in args.stages:
        console.rule(stage)
        STAGES[stage](args, workshop, console)


def cells_of(stage: str, args: Args, workshop: Workshop) -> list[Cell]:
    """The cells of a stage that plays."""

    def planned(tasks: Sequence[str], policies: tuple[str, ...]) -> Iterator[Cell]:
        for name in tasks:
            for level in workshop.task(name).levels:
                count = count_of(level, args.starts)
                yield from plan_cells((name,), (level,), policies, ENGINES, FIRST_REPORTED, count, workshop)

    if stage == "planners":
        tasks, count = tuple(t for t in PLANNED if t in args.tasks), args.planner_starts
        return plan_cells(tasks, ("id",), PLANNERS, ("box2d",), FIRST_REPORTED, count, workshop)
    if stage == "cem":
        return list(planned(args.tasks, ("cem@box2d", "cem@learned")))
    learned = [name for name in IMAGINED if name in args.tasks]
    return [*planned(args.tasks, ("ppo@box2d",)), *planned(learned, ("ppo@learned",))]


def job_of(stage: str, args: Args, workshop: Workshop) -> Job:
    """The work of a stage that plays."""
    cells = tuple(cells_of(stage, args, workshop))
    return Job(cells, args.work / "episodes", args.model, workshop.policies, args.rows, args.workers)


def _proof(args: Args, workshop: Workshop, console: Any) -> None:
    proof.main(args.proof)


def _play(stage: str) -> Callable[[Args, Workshop, Any], None]:
    return lambda args, workshop, console: play_all(job_of(stage, args, workshop))


def _learners(args: Args, workshop: Workshop, console: Any) -> None:
    """Train what has not been trained, then play."""
    from benchmarks.learners import train

    wanted = dict.fromkeys((cell.spec, cell.task) for cell in cells_of("learners", args, workshop))
    runs = [(spec, name) for spec, name in wanted if not workshop.frames_trained(spec, name)]
    train(workshop, runs, args.frames, args.seed, args.workers)
    play_all(job_of("learners", args, workshop))


def _saved(args: Args, workshop: Workshop, console: Any) -> None:
    """Train in ground truth from scratch, and from the policy trained in imagination; compare the curves."""
    from agents.learning import Evaluate, train
    from benchmarks import curves

    if SAVED not in args.tasks:
        return
    task = workshop.task(SAVED)
    imagined = workshop.policy_file(Spec("ppo", "learned"), task)
    if not workshop.frames_trained(Spec("ppo", "learned"), SAVED):
        raise ValueError(f"{imagined} holds no finished policy; run the stage learners first")
    evaluate, found = Evaluate(max(1, args.frames // 60)), []
    for name, start in (("scratch", None), ("started", imagined)):
        folder = args.work / f"saved-{name}-{workshop.weights('learned', task)}"
        train(task, "box2d", args.frames // 2, args.seed, folder, evaluate=evaluate, start_from=start)
        found.append(curves.read(folder))
    saving = curves.saving(found[0], found[1], args.level)
    console.print(str(saving))
    results_io.write(_saved_file(args), results_io.meta("saved", args.seed), _saving_rows(saving))


def _saving_rows(saving: Any) -> list[Row]:
    """Ground-truth frames of both runs until the level was reached; absent where it never was."""
    where = {"task": SAVED, "world": "box2d", "factor": saving.level, "metric": "frames_to_success"}
    both = {"ppo": (saving.scratch, "box2d"), "ppo_started": (saving.started, "learned")}
    return [
        {**where, "policy": policy, "prepared_in": world, "value": frames, "low": None, "high": None, "n": 1}
        for policy, (frames, world) in both.items()
        if frames is not None
    ]


def _saved_file(args: Args) -> Path:
    return args.work / "saved.json"


def _speed(args: Args, workshop: Workshop, console: Any) -> None:
    """Measure each world; nothing else should run on the machine."""
    from benchmarks.worlds import measure

    rows = measure(workshop, ("learned", *ENGINES, "analytic"), console)
    results_io.write(args.work / "speed.json", results_io.meta("speed", 0), rows)


def _result(args: Args, workshop: Workshop, console: Any) -> None:
    """Write what has been recorded and list what is missing."""
    from benchmarks.summary import summarise

    jobs = {stage: job_of(stage, args, workshop) for stage in ("planners", "cem", "learners")}
    rows = summarise([record for job in jobs.values() for record in job.found()])
    played = {tuple(sorted((k, v) for k, v in r.items() if k in KEY)) for r in rows}
    for path in (args.proof.out, _saved_file(args), args.work / "speed.json"):
        if not path.exists():
            console.print(f"missing: {path.stem}")
            continue
        more = results_io.read(path)[1]
        rows += [r for r in more if tuple(sorted((k, v) for k, v in r.items() if k in KEY)) not in played]
    tasks = [workshop.task(name) for name in args.tasks]
    models = {workshop.model_name(task): workshop.weights("learned", task) for task in tasks}
    results_io.write(args.out, results_io.meta("worldsim bench suite", args.seed, models=models), rows)
    for stage, job in jobs.items():
        for cell, count in job.missing_by_cell().items():
            if count:
                console.print(f"missing: {count} episodes of {cell} (stage {stage})")
    console.print(f"{len(rows)} rows: {args.out}", soft_wrap=True)


KEY = ("task", "level", "policy", "prepared_in", "world", "metric", "factor")
STAGES: dict[str, Callable[[Args, Workshop, Any], None]] = {
    "proof": _proof,
    "planners": _play("planners"),
    "cem": _play("cem"),
    "learners": _learners,
    "saved": _saved,
    "speed": _speed,
    "result": _result,
}
