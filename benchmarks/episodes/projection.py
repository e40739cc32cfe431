"""How long a job will take, from a few starts played for the purpose."""

import time
from collections.abc import Callable, Hashable
from dataclasses import replace

from benchmarks.episodes.playing import Cell, play
from benchmarks.episodes.specs import LEARNERS, Spec
from benchmarks.episodes.workers import Job
from benchmarks.episodes.workshop import Workshop

TRIED = 4  #: development starts played to measure a cell


def seconds(job: Job, workshop: Workshop) -> float:
    """Projected wall-clock time of what is missing of a job.

    The first cell of each policy on each task is measured and stands for its other levels and worlds; where
    one plan serves every world, further worlds cost nothing.
    """
    missing = job.missing_by_cell()
    each: dict[tuple[str, str], float] = {}
    total = 0.0
    for cell, count in missing.items():
        kind = cell.task, str(cell.spec)
        planned = any(_same_plan(cell, other) for other in _earlier(missing, cell))
        if not count or (planned and _plans_once(cell, workshop)):
            continue
        if kind not in each:
            each[kind] = seconds_each(cell, workshop, count)
        total += count * each[kind]
    return total / job.workers


def seconds_by_kind(job: Job, kind: Callable[[Cell], Hashable], workshop: Workshop) -> float:
    """Projected wall-clock time of what is missing of a job, where one cell of each kind stands for all."""
    each: dict[Hashable, float] = {}
    total = 0.0
    for cell, count in job.missing_by_cell().items():
        if not count:
            continue
        if kind(cell) not in each:
            each[kind(cell)] = seconds_each(cell, workshop, count)
        total += count * each[kind(cell)]
    return total / job.workers


def frames_per_second(world: str, workshop: Workshop, rows: int = 32) -> float:
    """Frames that a world answers per second, measured on one batch of Strike under no action."""
    cell = Cell("Strike", "id", Spec("noop"), world, 0, rows)
    began = time.perf_counter()
    frames = sum(record.frames for record in play(cell, range(rows), workshop, {}))
    return frames / (time.perf_counter() - began)


def seconds_each(cell: Cell, workshop: Workshop, most: int = TRIED) -> float:
    """Seconds for each start of a cell, of which at most `most` are played for it; trained policies, perhaps
    yet to come, count as scripted ones."""
    if cell.spec.policy in LEARNERS:
        cell = replace(cell, spec=Spec("noop"))
    began = time.perf_counter()
    tried = min(TRIED, most)
    play(cell, range(tried), workshop, {})
    return (time.perf_counter() - began) / tried


def _plans_once(cell: Cell, workshop: Workshop) -> bool:
    task = workshop.task(cell.task)
    return cell.spec.plans_once and task.stride >= task.frames


def _same_plan(one: Cell, other: Cell) -> bool:
    return (one.task, one.level, one.spec, one.first) == (other.task, other.level, other.spec, other.first)


def _earlier(cells: dict[Cell, int], cell: Cell) -> list[Cell]:
    order = list(cells)
    return order[: order.index(cell)]
