"""Which models can be played on which tasks, and which policies: what is left out is told."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import results_io
from benchmarks.episodes.playing import Cell
from benchmarks.episodes.protocol import Protocol
from benchmarks.episodes.runs import SHIPPED, Entry, workshop_of
from benchmarks.episodes.specs import LEARNERS
from benchmarks.episodes.workshop import Workshop, brought_world
from benchmarks.episodes.zoo import ACTED, fits
from worldsim.worlds import ImaginedWorld


def fitting(workshop: Workshop, name: str, tasks: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """The tasks that a model, called `name`, can be played on, and notes on the others: those whose scenario
    it has not learned, and those for which it cannot be read."""
    found, notes = [], []
    for task in map(workshop.task, tasks):
        try:
            world, source = workshop.world("learned", task), workshop.model
            known = isinstance(world, ImaginedWorld) and task.scenario in ACTED
            if known and isinstance(source, str | Path) and not brought_world(str(source)):
                if not fits(str(source), task.scenario):
                    notes.append(
                        f"{name} is left out of {task.name}: it has not learned from the scenario "
                        f"{task.scenario!r} with the actions of this task"
                    )
                    continue
            found.append(task)
        except (ValueError, OSError) as error:
            notes.append(f"{name} is left out of {task.name}: {error}")
    return tuple(word for word in tasks if workshop.task(word) in found), notes


def entries_of(
    models: tuple[str, ...], trained: Path, protocol: Protocol
) -> tuple[dict[str, Entry], list[str]]:
    """An entry for each model by its name in the run, and notes on where they are left out (see `fitting`).

    Raises ValueError where two could not be told apart in a table, and where none is left. Errors as in
    `Protocol.cells`.
    """
    if not models:
        raise ValueError(f"no model to play; name some, or {SHIPPED!r} for the shipped ones")
    protocol.cells(Workshop("reference"))
    names = [results_io.checkpoint_name(model) for model in models]
    entries: dict[str, Entry] = {}
    notes: list[str] = []
    _check_names(names, "any task")
    for name, model in zip(names, models):
        shop = workshop_of(model, trained)
        tasks, why = fitting(shop, name, protocol.tasks)
        notes += why
        if tasks:
            entries[name] = Entry.of(name, shop, replace(protocol, tasks=tasks))
            for task in tasks:
                mine = [entry for entry in entries.values() if task in entry.titles]
                _check_names([entry.titles[task] for entry in mine], task)
    if not entries:
        raise ValueError("no model can be played:\n" + "\n".join(notes))
    return entries, notes


def _check_names(names: Sequence[str], task: str) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise ValueError(
                f"{count} models are called {name!r} on {task}: their rows could not be told apart; rename "
                f"the folder of one, or leave one out"
            )


def ready(cells: Iterable[Cell], workshop: Workshop) -> tuple[tuple[Cell, ...], list[str]]:
    """The cells whose policies are there to be played, and notes on those that have yet to be trained."""
    wanted = list(cells)
    runs = {(c.spec.trained, c.task) for c in wanted if c.spec.policy in LEARNERS}
    lacking = {run for run in runs if not workshop.frames_trained(*run)}
    notes = [f"{spec} has not been trained on {task}; it is left out there" for spec, task in sorted(lacking)]
    return tuple(cell for cell in wanted if (cell.spec.trained, cell.task) not in lacking), notes
