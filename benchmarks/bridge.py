"""`worldsim bridge`: the same policies on the same starts in the learned world and in the engines.

Every cell (task, level, policy, executing world) plays the starts that its records do not hold yet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.playing import Cell
from benchmarks.specs import WORLDS, Spec, Workshop

POLICIES = (
    "noop",
    "random",
    "reactive",
    "oracle",
    "cem@inertia",
    "cem@box2d",
    "cem_privileged@box2d",
    "cem@learned",
)
FIRST_REPORTED = 10_000  #: smaller start_ids are for development
FIRST_UNSEEN = 11_000  #: smaller ones were played before docs/preregistration.md was written
IN_DISTRIBUTION = (
    "id",
    "bounce",
)  #: their cells have all starts in the reference results, others half


def count_of(level: str, starts: int) -> int:
    """Starts of a cell of the reference results."""
    return starts if level in IN_DISTRIBUTION else starts // 2


@dataclass(frozen=True)
class Args:
    """Run policies on the same starts in several worlds and write a report."""

    tasks: tuple[str, ...] = ("Strike", "Catch")
    """tasks to play; your own as module:attribute"""
    levels: tuple[str, ...] = ()
    """levels to play; all of a task's when none is named"""
    policies: tuple[str, ...] = POLICIES
    """policies: noop, random, reactive, oracle, LEARNER@WORLD with ppo, sac, td3 or ppo_resident,
    PLANNER@WORLD with shooting, cem, cem_privileged, icem, mppi or gradient, your own as module:attribute, or
    the .zip of Stable-Baselines3; knobs grade them, as in cem,frames=500,noise=0.2@learned"""
    worlds: tuple[str, ...] = WORLDS
    """worlds that execute: learned, box2d, mujoco, analytic"""
    starts: int = 20
    """starts per cell"""
    first: int = FIRST_REPORTED
    """number of the first start; numbers below 10,000 are for development"""
    model: str | None = None
    """what "learned" means: a checkpoint's name or folder, or your own model or world as module:attribute;
    the task's shipped one when absent"""
    trained: Path = Path("runs/learn")
    """folder with trained policies"""
    rows: int = 50
    """episodes side by side"""
    workers: int = 2
    """processes, one thread each"""
    videos: int = 6
    """videos in the report, at most"""
    out: Path = Path("runs/bridge/default")
    """folder for records, results and the report"""


def main(args: Args) -> None:
    """Play what is missing, then write summary.json and report.html."""
    from rich.console import Console

    from benchmarks import publish, results_io
    from benchmarks.summary import summarise
    from benchmarks.workers import Job, play_all

    workshop = Workshop(args.model, args.trained)
    cells = plan_cells(args.tasks, args.levels, args.policies, args.worlds, args.first, args.starts, workshop)
    results_io.write_text(args.out / "config.json", results_io.to_json(args))
    job = Job(tuple(cells), args.out / "episodes", args.model, args.trained, args.rows, args.workers)
    play_all(job)
    found = job.found()
    meta = results_io.meta(command(args), seed=0)
    done = f"This run played {len(found)} episodes, on starts {args.first} to {args.first + args.starts - 1}."
    path = publish.write(args.out, summarise(found), found, workshop, meta, done, args.videos)
    Console().print(f"report: {path}", soft_wrap=True)


def command(args: Args) -> str:
    """The command line that gives these arguments, as far as they differ from the defaults."""
    words = ["worldsim", "bridge"]
    for name, default in vars(Args()).items():
        value = getattr(args, name)
        if value != default:
            words += [f"--{name}", *(map(str, value) if isinstance(value, tuple) else [str(value)])]
    return " ".join(words)


def plan_cells(
    tasks: Sequence[str],
    levels: Sequence[str],
    policies: Sequence[str],
    worlds: Sequence[str],
    first: int,
    count: int,
    workshop: Workshop,
) -> list[Cell]:
    """All cells of `count` starts each, those of one policy next to one another.

    Raises ValueError, listing what exists, for an unknown task, level, policy or world.
    """
    from worldsim.engines import ENGINES

    for world in worlds:
        if world != "learned" and world not in ENGINES:
            raise ValueError(
                f"unknown world {world!r}; choose among learned, {', '.join(ENGINES)}; "
                f"your own goes to --model, and is then what learned means"
            )
    specs, cells = [Spec.parse(p) for p in policies], []
    for name in tasks:
        known = workshop.task(name).levels
        for level in levels or known:
            if level not in known:
                raise ValueError(f"{name} has no level {level!r}; it has {', '.join(known)}")
            cells += [
                Cell(name, level, spec, world, first, count)
                for spec in specs
                for world in worlds
                if spec.runs_in(world)
            ]
    return cells
