"""Playing records again, bit by bit: what was altered, or cannot be repeated, is found.

An episode follows from its start, its actions and the draws of its world. At equal batch shape, device and
thread count it ends with the same bits; so each record is played in its own row of a batch as large as its
own. What a planner promised does not follow from the actions and is taken as recorded.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace

import numpy as np
import torch

from benchmarks.playing import Follow, run
from benchmarks.records import EpisodeRecord
from benchmarks.versions import device_of_play
from benchmarks.workshop import Workshop

PROMISED = ("imagined_frames", "imagined_success", "imagined_miss")


@dataclass(frozen=True)
class Difference:
    """A record, what came of its actions now, and the fields in which the two differ."""

    record: EpisodeRecord
    again: EpisodeRecord
    names: tuple[str, ...]

    def __str__(self) -> str:
        r = self.record
        told = ", ".join(
            f"{name} {getattr(r, name)!r}, now {getattr(self.again, name)!r}" for name in self.names
        )
        spec = r.policy + f"@{r.prepared_in}" * bool(r.prepared_in)
        return f"{r.task} {r.level} start {r.start_id} sample {r.sample}, {spec} in {r.world}: {told}"


def verify(
    records: Iterable[EpisodeRecord], workshop: Workshop, count: int, seed: int = 0
) -> list[Difference]:
    """Play `count` records, drawn by `seed`, again; what differs by a single bit is returned.

    They are played on one thread, as workers play. Raises ValueError for records of other weights or of
    another device, which cannot be played again here.
    """
    ordered = sorted(records, key=lambda r: repr(r.key))
    chosen = np.random.default_rng(seed).permutation(len(ordered))[:count]
    drawn = [ordered[i] for i in sorted(chosen)]
    with _one_thread():
        found = replay(drawn, workshop)
    return [d for record, again in zip(drawn, found) if (d := _differ(record, again))]


def replay(records: Sequence[EpisodeRecord], workshop: Workshop) -> list[EpisodeRecord]:
    """Each record played again from its actions. Errors as in `verify`."""
    batches: dict[tuple[object, ...], list[dict[int, int]]] = {}
    for i, record in enumerate(records):
        _check(record, workshop)
        place = (record.task, record.level, record.world, record.rows)
        waiting = batches.setdefault(place, [])
        free = next((batch for batch in waiting if record.row not in batch), None)
        if free is None:
            waiting.append(free := {})
        free[record.row] = i
    found = list(records)
    for waiting in batches.values():
        for batch in waiting:
            filling = next(iter(batch.values()))  # rows of records that are not asked for must be there
            rows = [records[batch.get(row, filling)] for row in range(records[filling].rows)]
            task = workshop.task(rows[0].task)
            again = run(rows, Follow("replay", [r.actions for r in rows], task), workshop)
            for row, i in batch.items():
                found[i] = again[row]
    return found


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _check(record: EpisodeRecord, workshop: Workshop) -> None:
    task = workshop.task(record.task)
    where = f"the record of {record.task} {record.level} start {record.start_id} in {record.world}"
    wanted, made = workshop.weights(record.world, task), record.weights.partition("/")[2]
    if made != wanted:
        raise ValueError(f"{where} was made with the weights {made!r}, these are {wanted!r}; name its model")
    if len(record.actions) > -(-task.frames // task.stride):
        raise ValueError(f"{where} has {len(record.actions)} decisions, more than the task allows")
    device = device_of_play(workshop.world(record.world, task).device)
    if not record.rows or record.device != device:
        raise ValueError(
            f"{where} was played on {record.device or 'an unknown device'} in {record.rows} rows; here it is "
            f"{device}: only equal devices, threads and batches give equal bits"
        )


def _differ(record: EpisodeRecord, again: EpisodeRecord) -> Difference | None:
    again = replace(again, **{name: getattr(record, name) for name in PROMISED})
    names = tuple(
        f.name for f in fields(record) if f.compare and getattr(record, f.name) != getattr(again, f.name)
    )
    return Difference(record, again, names) if names else None
