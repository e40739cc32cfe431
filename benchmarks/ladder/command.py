"""`worldsim ladder MODEL`: what a model has earned, level by level, and whether to trust it, task by task.

It measures nothing: it reads the reference results (`results_io.CAMPAIGN`) and what `bench bridge` and
`bench cost` have left, and names the command for what is missing.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from benchmarks import results_io
from benchmarks.costing import open_loop
from benchmarks.episodes import zoo
from benchmarks.episodes.zoo import Model
from benchmarks.ladder import page
from benchmarks.ladder.evidence import Sources, measured
from benchmarks.ladder.page import Page
from benchmarks.ladder.rungs import RUNGS, step, verdict
from envs.tasks import make_task


@dataclass(frozen=True)
class Args:
    """Write a model's ladder page and print it."""

    model: Annotated[str, tyro.conf.Positional] = "table"
    """a shipped name, or the folder of a checkpoint or of a training run"""
    tasks: tuple[str, ...] = ()
    """tasks; those that the model was trained for when none is named"""
    results: Path = results_io.RESULTS
    """folder with the reference results and those of bench bridge"""
    cost: Path = Path("runs/bench/cost")
    """folder in which bench cost works"""
    out: Path | None = None
    """page to write; runs/ladder/MODEL.html if not given"""


def main(args: Args) -> None:
    """Write the page. Raises ValueError for what is no learned model, and where it fits no task."""
    from rich.console import Console

    console = Console()
    model = zoo.one(args.model)
    made = make(model, args)
    out = args.out or Path("runs/ladder") / f"{model.name.replace('/', '-')}.html"
    results_io.write_text(out, page.render(made))
    console.print(page.table(made))
    for found in made.verdicts:
        console.print(f"{found.task}: {found.word.upper()}. {found.why}", markup=False)
    console.print(f"page: {out}", soft_wrap=True, markup=False)


def make(model: Model, args: Args) -> Page:
    """Everything that the page tells."""
    names = args.tasks or tuple(n for n in open_loop.TASKS if zoo.fits(model.source, make_task(n).scenario))
    if not names:
        raise ValueError(
            f"{model.name} was trained for none of {', '.join(open_loop.TASKS)}; name a task to judge it on"
        )
    sources = Sources(args.results, args.cost)
    steps = {}
    for name in names:
        task = make_task(name)
        steps[name] = {
            level: tuple(
                step(rung, level, found, task.tolerance, args.model)
                for found in [measured(model, task, level, sources)]
                for rung in RUNGS
            )
            for level in task.levels
        }
    facts = {"weights": model.weights, "training run": model.run} | {
        k: str(v) for k, v in results_io.meta("", 0).items() if k in ("date", "commit", "torch", "python")
    }
    return Page(model.name, [verdict(name, steps[name]) for name in names], steps, facts)
