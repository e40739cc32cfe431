"""Playing records again, bit by bit: what was altered, or cannot be repeated, is found.

An episode follows from its start, its actions and the draws of its world. At equal batch shape, device and
thread count it ends with the same bits; so each record is played in its own row of a batch as large as its
own. That an episode follows from its actions does not tell whose they are: its policy is asked again as well,
see `benchmarks.episodes.deciding`.
"""

from collections.abc import Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace

import numpy as np
import torch

from benchmarks.episodes.deciding import Asked, Decision
from benchmarks.episodes.playing import run
from benchmarks.episodes.records import EpisodeRecord
from benchmarks.episodes.specs import Spec
from benchmarks.episodes.versions import device_of_play
from benchmarks.episodes.workshop import Workshop

PLANS = 10
#: follow from no action; of the first plan, success is asked for again
PROMISED = ("imagined_frames", "imagined_success", "imagined_miss")


@dataclass(frozen=True)
class Difference:
    """A record, what came of its actions now, and the fields in which the two differ; or what its policy
    decides instead."""

    record: EpisodeRecord
    again: EpisodeRecord
    names: tuple[str, ...]
    decision: Decision | None = None

    def __str__(self) -> str:
        r = self.record
        told = [f"{name} {getattr(r, name)!r}, now {getattr(self.again, name)!r}" for name in self.names]
        told += [self.decision.told(r)] if self.decision else []
        spec = r.policy + f"@{r.prepared_in}" * bool(r.prepared_in)
        place = f"{r.task} {r.level} start {r.start_id} sample {r.sample}, {spec} in {r.world}"
        return f"{place}: {', '.join(told)}"


def verify(
    records: Iterable[EpisodeRecord], workshop: Workshop, count: int, seed: int = 0
) -> list[Difference]:
    """Play `count` records, drawn by `seed`, again; what differs by a single bit is returned, and what its
    policy, where it is at hand, does not decide. Of planners, which take long, `PLANS` records are asked.

    They are played on one thread, as workers play. Raises ValueError for records of other weights or of
    another device, which cannot be played again here.
    """
    ordered = sorted(records, key=lambda r: repr(r.key))
    drawn = [ordered[i] for i in np.random.default_rng(seed).permutation(len(ordered))[:count]]
    planned = [i for i, r in enumerate(drawn) if Spec.named(r.policy, r.prepared_in).planner is not None]
    with _one_thread():
        found, decided = replay(drawn, workshop, set(range(len(drawn))) - set(planned[PLANS:]))
        decided = _confirmed(drawn, decided, ordered, workshop)
    differences = [_difference(*one) for one in zip(drawn, found, decided)]
    return [one for one in differences if one.names or one.decision]


def replay(
    records: Sequence[EpisodeRecord], workshop: Workshop, asked: Set[int], whole: bool = False
) -> tuple[list[EpisodeRecord], list[Decision | None]]:
    """Each record played again from its actions, and what the policies of those that are `asked` decide where
    that is something else; `whole` as in `Asked`. Errors as in `verify`."""
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
    decided: list[Decision | None] = [None] * len(records)
    for batch in (batch for waiting in batches.values() for batch in waiting):
        filling = next(iter(batch.values()))  # rows of records that are not asked for must be there
        rows = [records[batch.get(row, filling)] for row in range(records[filling].rows)]
        policy = Asked(rows, [row for row, i in batch.items() if i in asked], workshop, whole)
        again = run(rows, policy, workshop)
        for row, i in batch.items():
            found[i], decided[i] = again[row], policy.found.get(row)
    return found, decided


def _confirmed(
    drawn: Sequence[EpisodeRecord],
    decided: Sequence[Decision | None],
    known: Sequence[EpisodeRecord],
    workshop: Workshop,
) -> list[Decision | None]:
    """The differences that remain when the policy decides in as large a batch as it did then.

    A plan for a one-decision task serves every world: it may have been made in the batch of any of its
    records.
    """
    left = list(decided)
    places = {
        i: dict.fromkeys(
            [(drawn[i].row, drawn[i].rows), *((r.row, r.rows) for r in known if _same(r, drawn[i]))]
        )
        for i, one in enumerate(decided)
        if one
    }
    while open_ones := [i for i, mine in places.items() if mine and left[i]]:
        moved = []
        for i in open_ones:
            place = next(iter(places[i]))
            del places[i][place]
            moved.append(replace(drawn[i], row=place[0], rows=place[1]))
        for i, one in zip(open_ones, replay(moved, workshop, set(range(len(moved))), whole=True)[1]):
            left[i] = one
    return left


def _same(one: EpisodeRecord, other: EpisodeRecord) -> bool:
    """Whether two records may follow one plan: they differ at most in the executing world and its draws."""
    own = other.weights.partition("/")[0]
    alike = replace(one, world=other.world, sample=other.sample, weights=other.weights)
    return alike.key == other.key and one.weights.partition("/")[0] == own


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


def _difference(record: EpisodeRecord, again: EpisodeRecord, decision: Decision | None) -> Difference:
    again = replace(again, **{name: getattr(record, name) for name in PROMISED})
    compared = [f.name for f in fields(record) if f.compare]
    names = tuple(name for name in compared if getattr(record, name) != getattr(again, name))
    return Difference(record, again, names, decision)
