"""`worldsim bench proof`: what a task must prove before it counts, at every level and in both engines.

The oracle solves it; doing nothing, random and reactive behaviour do not; nor does planning in a world
without the task's law, so the task needs its physics. And it feels errors: planning in a Box2D that is wrong
by a velocity of 0.5 m/s (1 m/s where plans are made anew from real frames) must fail clearly more often. The
error stands across the motion of a body: along it, a falling ball would stay on its path.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.episodes.playing import Cell
from benchmarks.episodes.protocol import FIRST_REPORTED, count_of
from benchmarks.episodes.records import EpisodeRecord, versions
from benchmarks.episodes.specs import Spec
from benchmarks.episodes.workers import Job, play_all
from benchmarks.episodes.workshop import Workshop
from benchmarks.results_io import RESULTS, Row, command, meta, select, write
from benchmarks.statistics import paired_difference, proportion
from envs.base import Task
from envs.tasks import TASKS
from worldsim.engines import make_engine
from worldsim.engines.perturbed import PerturbedEngine
from worldsim.engines.perturbed.motion import ACROSS
from worldsim.worlds import SimulatedWorld, World

ENGINES = ("box2d", "mujoco")
AT_LEAST = {("oracle", ""): 0.95}
AT_MOST = {
    ("noop", ""): 0.05,
    ("random", ""): 0.20,
    ("reactive", ""): 0.50,
    ("cem", "inertia"): 0.50,
    ("cem", "frozen"): 0.50,
    ("cem", "undamped"): 0.50,
    ("cem_privileged", "inertia"): 0.50,
}
FALL, FALL_LOW = (
    0.30,
    0.10,
)  #: least loss of success by the velocity error, and least lower end of its interval
WRONG, WRONG_REPLANNED = 0.5, 1.0  #: m/s, for plans made once, and for plans made anew from real frames
COSTS = ("noop", "random", "reactive", "oracle", "cem", "cem_privileged")  #: the quick ones first


@dataclass(frozen=True)
class Args:
    """Measure the proof table of every task; run again to go on from what is recorded."""

    tasks: tuple[str, ...] = tuple(TASKS)
    """tasks to prove"""
    starts: int = 200
    """starts per in-distribution cell; half as many at other levels"""
    rows: int = 25
    """episodes side by side"""
    workers: int = 2
    """processes, one thread each"""
    work: Path = Path("runs/bench/proof")
    """folder of the episode records"""
    out: Path = RESULTS / "proof.json"
    """result file"""


class ProofShop(Workshop):
    """A workshop that also makes the wrong world, under the name "wrong"."""

    def world(self, name: str, task: Task) -> World:
        """See `Workshop.world`."""
        return (
            SimulatedWorld(_wrong(task), template=task.template)
            if name == "wrong"
            else super().world(name, task)
        )

    def weights(self, name: str, task: Task) -> str:
        """See `Workshop.weights`; what is wrong about the wrong world takes their place, in the words of the
        episodes that are recorded."""
        return f"box2d+{_error(task):g}@{ACROSS:g}" if name == "wrong" else super().weights(name, task)


def _wrong(task: Task) -> PerturbedEngine:
    return PerturbedEngine(make_engine("box2d"), "velocity_bias", _error(task))


def _error(task: Task) -> float:
    return WRONG if task.stride == task.frames else WRONG_REPLANNED


@dataclass(frozen=True)
class ProofJob(Job):
    """A job whose workers know the wrong world."""

    def workshop(self) -> ProofShop:
        """See `Job.workshop`."""
        return ProofShop(self.model, self.trained)


def specs(task: Task) -> list[Spec]:
    """Who plays."""
    cem = [Spec(_planner(task), world) for world in (task.null, "box2d", "wrong")]
    return [*(Spec(name) for name in ("oracle", "noop", "random", "reactive")), *cem]


def _planner(task: Task) -> str:
    """Where a body is placed among others that no tracker reads, engines begin from the scene, which stands
    still in full view."""
    return "cem_privileged" if task.template.places else "cem"


def plan(args: Args, shop: Workshop) -> tuple[Cell, ...]:
    """All cells, the quick ones first. Raises ValueError for an unknown task."""
    cells = []
    for task in map(shop.task, args.tasks):
        for spec in specs(task):
            for level in task.levels:
                count = count_of(level, args.starts)
                cells += [Cell(task.name, level, spec, engine, FIRST_REPORTED, count) for engine in ENGINES]
    return tuple(sorted(cells, key=lambda cell: COSTS.index(cell.spec.policy)))


def job_of(args: Args) -> ProofJob:
    """All that is to be played."""
    return ProofJob(plan(args, ProofShop()), args.work, None, Path("runs/learn"), args.rows, args.workers)


def main(args: Args) -> None:
    """Play, write the result file, show the table and what is not proved."""
    shop, job = ProofShop(), job_of(args)
    play_all(job)
    records = job.found()
    rows = [row for name in args.tasks for row in summarise(shop.task(name), records)]
    told, notes = command("bench proof", args), [note] if (note := versions(records)) else []
    write(args.out, meta(told, 0, tasks=args.tasks, starts=args.starts, notes=notes), rows)
    console = Console()
    for note in notes:
        console.print(note, markup=False)
    for name in args.tasks:
        console.print(show(shop.task(name), rows))
    for line in unproved(rows):
        console.print(f"not proved: {line}")
    console.print(f"written to {args.out}")


def summarise(task: Task, records: Sequence[EpisodeRecord]) -> list[Row]:
    """Success of every cell at the tolerance, half and twice of it; the fall; and draws that were dropped."""
    rows: list[Row] = []
    for level in task.levels:
        here = [r for r in records if (r.task, r.level) == (task.name, level)]
        for engine in ENGINES:
            by_start: dict[str, dict[int, bool]] = {}
            for spec in specs(task):
                found = [r for r in here if (r.world, Spec(r.policy, r.prepared_in)) == (engine, spec)]
                if not found:
                    continue
                cell = {"task": task.name, "level": level, "world": engine, **_who(task, spec)}
                for metric in ("success", "success_half", "success_twice"):
                    flags = [bool(getattr(r, metric)) for r in found]
                    rows.append(cell | {"metric": metric} | proportion(flags).row())
                by_start[str(spec)] = {r.start_id: r.success for r in found}
            rows += _fall(task, level, engine, by_start)
        numbers = sorted({r.start_id for r in here})
        dropped = sum(task.sample(level, i).dropped for i in numbers)
        if numbers:
            row = {"task": task.name, "level": level, "metric": "dropped_draws", "value": dropped}
            rows.append(row | {"n": len(numbers)})
    return rows


def _who(task: Task, spec: Spec) -> Row:
    """The columns that name a policy; where it plans in the wrong world, the factor is how wrong that is."""
    wrong = {"factor": _error(task)} if spec.prepared_in == "wrong" else {}
    return {"policy": spec.policy} | ({"prepared_in": spec.prepared_in} if spec.prepared_in else {}) | wrong


def _fall(task: Task, level: str, engine: str, by_start: dict[str, dict[int, bool]]) -> list[Row]:
    """How much of the success a velocity error costs, on the same starts."""
    who = _planner(task)
    right, wrong = by_start.get(f"{who}@box2d", {}), by_start.get(f"{who}@wrong", {})
    both = sorted(set(right) & set(wrong))
    if not both:
        return []
    fall = paired_difference([right[i] for i in both], [wrong[i] for i in both])
    row = {"task": task.name, "level": level, "world": engine, **_who(task, Spec(who, "wrong"))}
    return [row | {"metric": "success_fall"} | fall.row()]


def unproved(rows: Sequence[Row]) -> list[str]:
    """Every demand that a cell does not meet, in words."""
    missed = []
    for row in select(rows, metric="success"):
        who, value = (row["policy"], row.get("prepared_in", "")), row["value"]
        if value < AT_LEAST.get(who, 0.0) or value > AT_MOST.get(who, 1.0):
            limit = f"at least {AT_LEAST[who]}" if who in AT_LEAST else f"at most {AT_MOST[who]}"
            missed.append(f"{_cell(row)}: success {value:.2f}, expected {limit}")
    for row in select(rows, metric="success_fall"):
        if row["value"] < FALL or row["low"] <= FALL_LOW:
            found = f"{row['value']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"
            missed.append(f"{_cell(row)}: success falls by {found}, expected {FALL} and above {FALL_LOW}")
    return missed


def show(task: Task, rows: Sequence[Row]) -> Table:
    """Success in % [95 % interval], below it at half and twice the tolerance, by level and engine."""
    title = f"{task.name}: success in % [95 % interval]; half / twice the tolerance"
    table = Table(title=title, show_lines=True)
    for name in ("level, engine", *map(str, specs(task))):
        table.add_column(name)
    for level in task.levels:
        for engine in ENGINES:
            cells = [_percent(rows, task, level, engine, spec) for spec in specs(task)]
            table.add_row(f"{level}, {engine}", *cells)
    return table


def _percent(rows: Sequence[Row], task: Task, level: str, engine: str, spec: Spec) -> str:
    who = {"prepared_in": None, "factor": None, **_who(task, spec)}
    found = {r["metric"]: r for r in select(rows, task=task.name, level=level, world=engine, **who)}
    if "success" not in found:
        return "–"
    row, half, twice = (found[m] for m in ("success", "success_half", "success_twice"))
    interval = f"[{100 * row['low']:.0f}, {100 * row['high']:.0f}]"
    return f"{100 * row['value']:.0f} {interval}\n{100 * half['value']:.0f} / {100 * twice['value']:.0f}"


def _cell(row: Row) -> str:
    spec = Spec(row["policy"], row.get("prepared_in", ""))
    return f"{row['task']} {row['level']} in {row['world']}, {spec}"
