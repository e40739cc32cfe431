"""Open-loop errors of many models and engines on all cores; each is kept in a file of its own, so that
whatever interrupts loses those alone that were being measured."""

import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.costing.open_loop import OpenLoop, kept_at, open_loop
from envs.base import Task
from envs.tasks import make_task
from worldsim.engines import is_engine
from worldsim.models import family_of
from worldsim.processes import running

TRIED = 2  #: starts on which one of each kind is measured to know how long all will take


@dataclass(frozen=True)
class Subject:
    """A model or an engine (`source`), called `name` in rows, on a task and level."""

    source: str
    name: str
    task: str
    level: str

    @property
    def kind(self) -> tuple[str, str]:
        """What takes equally long: a family of models, or engines, on a task."""
        return "engine" if is_engine(self.source) else family_of(self.source), self.task

    def __str__(self) -> str:
        return f"{self.name} on {self.task} {self.level}"


@dataclass(frozen=True)
class Measuring:
    """What is to be measured, on which starts, and the folder that keeps it."""

    subjects: tuple[Subject, ...]
    folder: Path
    first: int
    starts: int
    workers: int

    def missing(self) -> dict[Subject, Path]:
        """What has not been measured, and the file that will keep it."""
        place = self.folder, self.first, self.starts
        kept = {s: kept_at(s.source, _task(s.task), s.level, *place) for s in self.subjects}
        return {subject: path for subject, path in kept.items() if not path.exists()}

    def measure(self, subject: Subject, folder: Path | None = None, starts: int = 0) -> OpenLoop:
        """Measure one, or read what is kept of it; elsewhere or on fewer starts where these are given."""
        place = folder or self.folder, self.first, starts or self.starts
        return open_loop(subject.source, subject.name, _task(subject.task), subject.level, *place)

    def seconds(self) -> float:
        """Projected time of what is missing: the first of each kind stands for its kind."""
        each: dict[tuple[str, str], float] = {}
        total = 0.0
        for subject in self.missing():
            if subject.kind not in each:
                began = time.perf_counter()
                with TemporaryDirectory() as folder:
                    self.measure(subject, Path(folder), TRIED)
                each[subject.kind] = (time.perf_counter() - began) / TRIED * self.starts
            total += each[subject.kind]
        return total / self.workers

    def run(self, console: Any) -> tuple[dict[Subject, OpenLoop], list[str]]:
        """Measure what is missing; all that was measured, and a line on each that could not be."""
        missing = self.missing()
        console.print(f"open-loop errors: {len(missing)} of {len(self.subjects)} are to be measured")
        wanted = list(missing)
        if self.workers == 1:
            _share(self, wanted)
        elif wanted:
            shares = [(self, wanted[i :: self.workers]) for i in range(self.workers)]
            with running(_alone, shares) as processes:
                _watch(list(missing.values()), processes)
        failed = self.missing()
        found = {subject: self.measure(subject) for subject in self.subjects if subject not in failed}
        return found, [f"open-loop errors of {subject} are missing" for subject in failed]


@cache
def _task(name: str) -> Task:
    """The task of this name, which remembers its starts."""
    return make_task(name)


def _alone(measuring: Measuring, subjects: Sequence[Subject]) -> None:
    """One process: its share, on one thread."""
    import torch

    torch.set_num_threads(1)
    _share(measuring, subjects)


def _share(measuring: Measuring, subjects: Sequence[Subject]) -> None:
    for subject in subjects:
        try:
            measuring.measure(subject)
        except Exception:  # whatever it is, the others can be measured
            traceback.print_exc()


def _watch(files: Sequence[Path], processes: Sequence[Any]) -> None:
    """A progress bar of the files that are there, until the processes have ended."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as bar:
        task = bar.add_task("models and engines", total=len(files))
        while any(process.is_alive() for process in processes):
            for process in processes:
                process.join(0.5)
            bar.update(task, completed=sum(path.exists() for path in files))
