"""Processes that play cells until every start has a record; killed at any moment, they lose one batch.

A cell that fails costs itself alone: the others are played, then it is told which ones failed and why.
"""

import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess
from pathlib import Path

from benchmarks.episodes import records
from benchmarks.episodes.playing import Cell, play
from benchmarks.episodes.records import EpisodeRecord, Writer
from benchmarks.episodes.specs import LEARNERS
from benchmarks.episodes.workshop import Workshop
from worldsim.processes import running


@dataclass(frozen=True)
class Job:
    """What all workers share: `rows` episodes side by side; worker i plays the start_ids i mod `workers`."""

    cells: tuple[Cell, ...]
    folder: Path
    model: str | None
    trained: Path
    rows: int
    workers: int

    def workshop(self) -> Workshop:
        """Worlds and policies as this job understands them."""
        return Workshop(self.model, self.trained)

    def missing_by_cell(self) -> dict[Cell, int]:
        """How many episodes of each cell have no record yet."""
        known, workshop = records.read(self.folder), self.workshop()
        return {cell: sum(k not in known for k in cell.keys(workshop).values()) for cell in self.cells}

    def missing(self) -> int:
        """How many episodes have no record yet."""
        return sum(self.missing_by_cell().values())

    def found(self) -> list[EpisodeRecord]:
        """The records of the job's cells; others in the same folder, of other weights say, are left out."""
        known, workshop = records.read(self.folder), self.workshop()
        return [known[k] for cell in self.cells for k in cell.keys(workshop).values() if k in known]


def play_all(job: Job) -> None:
    """Play what is missing and show progress.

    Raises ValueError for a model or policy that cannot be read; ChildProcessError, naming the cells that
    failed, after all others have been played.
    """
    missing = job.missing_by_cell()
    total = sum(missing.values())
    if not total:
        return
    _check([cell for cell, count in missing.items() if count], job.workshop())
    told, killed = _round(job, total)
    if killed:  # whichever cell it was, the others are played apart from it
        left = {cell: n for cell, n in job.missing_by_cell().items() if n and not _named(cell, told)}
        for cell, count in left.items():
            more, killed = _round(replace(job, cells=(cell,)), count)
            told += more or [f"{cell}: the worker was killed, see above"] * killed
    if told:
        raise ChildProcessError(
            "a worker failed; what was recorded stays, run again to go on:\n" + "\n".join(told)
        )


def _round(job: Job, total: int) -> tuple[list[str], bool]:
    """All workers once: what they tell of cells that failed, and whether one of them was killed."""
    for fault in _faults(job.folder):
        fault.unlink()  # of a round before this one
    with running(work, [(job, i) for i in range(job.workers)]) as processes:
        _watch(job, processes, total)
    told = {line for path in _faults(job.folder) for line in path.read_text().splitlines()}
    return sorted(told), any(process.exitcode for process in processes)


def _named(cell: Cell, told: Sequence[str]) -> bool:
    return any(line.startswith(f"{cell}: ") for line in told)


def _faults(folder: Path) -> list[Path]:
    """What workers have told of cells that failed."""
    return sorted(folder.glob("*.failed"))


def _check(cells: Sequence[Cell], workshop: Workshop) -> None:
    """Read every model and trained policy once, so that a fault is told before any process starts."""
    for name in {cell.task for cell in cells if "learned" in (cell.world, cell.spec.imagines_in)}:
        workshop.world("learned", workshop.task(name))
    for name, spec in {(cell.task, cell.spec) for cell in cells if cell.spec.policy in LEARNERS}:
        workshop.policy(spec, workshop.task(name), "id", "box2d")


def work(job: Job, index: int) -> None:
    """One worker: its share of every cell, batch by batch."""
    import torch

    torch.set_num_threads(1)
    workshop = job.workshop()
    with Writer(job.folder, f"worker{index}") as writer:
        known = records.read(job.folder)
        for cell in job.cells:
            keys = cell.keys(workshop)
            mine = [i for i in keys if i % job.workers == index and keys[i] not in known]
            try:
                for at in range(0, len(mine), job.rows):
                    played = play(cell, mine[at : at + job.rows], workshop, known)
                    writer.append(played)
                    known.update((record.key, record) for record in played)
            except Exception as error:  # whatever it is, the other cells can be played
                traceback.print_exc()
                told = " ".join(f"{cell}: {type(error).__name__}: {error}".split())
                with (job.folder / f"worker{index}.failed").open("a") as file:
                    file.write(told + "\n")


def _watch(job: Job, processes: Sequence[BaseProcess], total: int) -> None:
    """A progress bar fed by the lines that the workers have written, until they have ended."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    lines = _Lines(job.folder)
    before = lines.count()
    with Progress(*columns) as bar:
        task = bar.add_task("episodes", total=total)
        while any(process.is_alive() for process in processes):
            for process in processes:
                process.join(0.25)
            bar.update(task, completed=lines.count() - before)


class _Lines:
    """Counts the lines in the workers' files; what was counted is not read again."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._count = folder, 0
        self._read: dict[Path, int] = {}

    def count(self) -> int:
        for path in self._folder.glob("*.jsonl"):
            with path.open("rb") as file:
                file.seek(self._read.get(path, 0))
                added = file.read()
            self._read[path] = self._read.get(path, 0) + len(added)
            self._count += added.count(b"\n")
        return self._count
