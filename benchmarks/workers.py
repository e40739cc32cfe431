"""Processes that play cells until every start has a record; killed at any moment, they lose one batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from benchmarks import records
from benchmarks.playing import Cell, play
from benchmarks.records import EpisodeRecord, Writer
from benchmarks.specs import LEARNERS, Workshop
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

    Raises ValueError for a model or policy that cannot be read, ChildProcessError when a worker fails.
    """
    missing = job.missing_by_cell()
    total = sum(missing.values())
    if not total:
        return
    _check([cell for cell, count in missing.items() if count], job.workshop())
    with running(work, [(job, i) for i in range(job.workers)]) as processes:
        _watch(job, processes, total)
    if any(process.exitcode for process in processes):
        raise ChildProcessError("a worker failed, see above; what was recorded stays, run again to go on")


def _check(cells: Sequence[Cell], workshop: Workshop) -> None:
    """Read every model and trained policy once, so that a fault is told before any process starts."""
    for name in {cell.task for cell in cells if "learned" in (cell.world, cell.spec.prepared_in)}:
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
            for at in range(0, len(mine), job.rows):
                played = play(cell, mine[at : at + job.rows], workshop, known)
                writer.append(played)
                known.update((record.key, record) for record in played)


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
            if any(process.exitcode for process in processes):
                return


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
