"""What the stages of `worldsim bench cost` share: common options, playing what is missing, what they find."""

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.episodes.protocol import FIRST_UNSEEN
from benchmarks.episodes.records import EpisodeRecord
from benchmarks.episodes.workers import Job, play_all
from benchmarks.reports.tables import Table
from benchmarks.results_io import Row
from envs.base import Task

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Sweep:
    """Options of every stage."""

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
    """folder for strengths, episode records and what each stage found"""


@dataclass(frozen=True)
class Findings:
    """What a stage found: rows, notes in words on what could not be measured, figures by name, tables to
    be shown, and what is `missing` because it failed."""

    rows: list[Row]
    notes: list[str] = field(default_factory=list)
    figures: "dict[str, Figure]" = field(default_factory=dict)
    tables: list[Table] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def levels_of(task: Task, wanted: Sequence[str]) -> list[str]:
    """Those of some levels that a task has. Raises ValueError, listing what exists, where it has none."""
    found = [level for level in wanted if level in task.levels]
    if not found:
        raise ValueError(f"{task.name} has no level {' or '.join(wanted)}; it has {', '.join(task.levels)}")
    return found


def played(job: Job, seconds: Callable[[], float], console: Any) -> tuple[list[EpisodeRecord], list[str]]:
    """Print the projected time, play what is missing, and return the records of all cells that are whole,
    with a line on each of the others.

    `seconds` tells the projected wall-clock time; it is not asked where nothing is missing. A cell that fails
    costs itself alone.
    """
    missing = job.missing()
    console.print(f"{len(job.cells)} cells, {missing} episodes are missing")
    if missing:
        project(seconds, job.workers, console)
        try:
            play_all(job)
        except ChildProcessError as error:
            console.print(str(error), markup=False)
    return whole(job)


def project(seconds: Callable[[], float], workers: int, console: Any) -> None:
    """Print the projected time; what fails where it is tried out is played all the same, and told then."""
    try:
        console.print(f"projected time: {seconds() / 60:.0f} min on {workers} cores")
    except Exception:  # whatever it is, the other cells can be played
        traceback.print_exc()
        console.print("projected time: unknown, what was tried out for it failed")


def whole(job: Job) -> tuple[list[EpisodeRecord], list[str]]:
    """The records of the cells of which none is missing, and a line on each of the others."""
    lacking = job.missing_by_cell()
    kept = replace(job, cells=tuple(cell for cell, count in lacking.items() if not count))
    return kept.found(), [f"{n} episodes of {cell} are missing" for cell, n in lacking.items() if n]
