"""`worldsim bench throughput`: how fast each family imagines, with how much memory, and what sharing saves.

Speed does not depend on what was learned, so models are measured untrained, each figure in a process of its
own. Only how soon a planner sees its candidates fail or succeed does: frames stand beside its seconds.
"""

import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks import results_io
from benchmarks.learned import timing
from benchmarks.learned.timing import NULLS, SETTINGS, Subject
from benchmarks.results_io import Row


@dataclass
class Args:
    """Imagined frames per second, peak memory and cost of a planner's decision, by family and batch."""

    models: tuple[str, ...] = ("convolutional", "direct", "motion", "clip tiny", "causal tiny", *NULLS)
    """Names of families and sizes; "clip S" and "causal S" too, for a GPU."""
    batches: tuple[int, ...] = (1, 64, 1024)
    """Rows side by side."""
    tasks: tuple[str, ...] = ("Strike", "Catch")
    """Tasks whose first decision of an episode is planned by CEM."""
    seconds: float = 4.0
    """Time spent on each figure, at least one call."""
    longest: float = 600.0
    """Seconds beyond which a decision is not planned but projected."""
    work: Path = Path("runs/bench/throughput")
    """Folder for what is measured so far; run again to go on."""
    out: Path = results_io.RESULTS / "throughput.json"
    """Result file."""


@dataclass(frozen=True)
class Cell:
    """What one process measures of a model: a batch size, or with none the decisions of a planner."""

    model: str
    batch: int | None
    tasks: tuple[str, ...]
    seconds: float
    longest: float

    def file(self, work: Path) -> Path:
        """Where its rows lie; another machine, other code or other settings have another file."""
        from benchmarks.episodes.records import text_hash
        from benchmarks.episodes.versions import code_version

        made = results_io.meta("", 0)
        where = (made["cpu"], made["cores"], code_version(), Path(timing.__file__).read_text())
        what = f"batch{self.batch}" if self.batch else "decisions"
        return work / f"{self.model.replace(' ', '-')}-{what}-{text_hash(self, *where)}.json"


def main(args: Args) -> None:
    """Measure what is missing, print and write; nothing else should run on the machine."""
    from rich.console import Console

    from benchmarks.learned import tables as model_tables
    from benchmarks.reports import tables
    from worldsim.processes import SPAWN, follow_parent

    cells = plan(args)
    missing = [cell for cell in cells if not cell.file(args.work).exists()]
    with ProcessPoolExecutor(1, SPAWN, follow_parent, max_tasks_per_child=1) as pool:
        for cell, found in zip(missing, pool.map(measure, missing)):
            results_io.write_text(cell.file(args.work), json.dumps(found, allow_nan=False) + "\n")
    rows = [row for cell in cells for row in json.loads(cell.file(args.work).read_text(encoding="utf-8"))]
    Console().print(tables.shown(model_tables.throughput(rows)))
    results_io.write(args.out, results_io.meta(results_io.command("bench throughput", args), 0), rows)


def plan(args: Args) -> list[Cell]:
    """Every model at every batch, then its decisions. Raises ValueError for unknown models."""
    if unknown := set(args.models) - set(SETTINGS):
        raise ValueError(f"unknown models {sorted(unknown)}; there are {', '.join(SETTINGS)}")
    return [
        Cell(name, batch, args.tasks, args.seconds, args.longest)
        for name in args.models
        for batch in (*args.batches, *([] if name in NULLS else [None]))
    ]


def measure(cell: Cell) -> list[Row]:
    """Rows of a cell."""
    import torch

    subject = Subject(cell.model)
    where: Row = {"world": "learned", "model": cell.model}
    if cell.batch is not None:
        where["batch"] = cell.batch
    with torch.no_grad():
        if cell.batch is None:
            found = subject.decisions(cell.tasks, cell.longest)
        else:
            found = subject.at_batch(cell.batch, cell.seconds)
        return [{**where, **row, "low": None, "high": None} for row in found]
