"""Asking policies again: whether they decide what is recorded under their names.

That an episode follows from its actions does not tell whose actions they are. A policy is asked in the very
situations of the record: a scripted or trained one at every decision, a planner at the first one, which
depends on nothing before it. What a planner promised of its first plan is compared as well.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from agents.base import Policy
from agents.imagination import take
from benchmarks.episodes.playing import Follow
from benchmarks.episodes.records import EpisodeRecord
from benchmarks.episodes.specs import Spec
from benchmarks.episodes.workshop import Workshop
from envs.base import Observation

CLOSE = 1e-3  #: of an action: what another shape of the batch may change of it


@dataclass(frozen=True)
class Decision:
    """What a policy decides, and promises (None: nothing), at decision `number` of a record, where it differs
    from what is recorded."""

    number: int
    action: tuple[float, ...]
    promised: bool | None

    def told(self, record: EpisodeRecord) -> str:
        """In words, beside the record."""
        same = np.allclose(self.action, record.actions[self.number], rtol=0, atol=CLOSE)
        if same:
            return f"imagined_success {record.imagined_success!r}, when asked again {self.promised!r}"
        pair = [tuple(round(x, 4) for x in a) for a in (record.actions[self.number], self.action)]
        return f"decision {self.number} {pair[0]}, when asked again {pair[1]}"


def rebuilt(record: EpisodeRecord, workshop: Workshop) -> Policy | None:
    """The policy of a record; None where what it has learned or plans in is not at hand, and where it is
    brought: it may draw from anything and, as an archive, run code."""
    task = workshop.task(record.task)
    try:
        spec = Spec.parse(str(Spec.named(record.policy, record.prepared_in)))
        if spec.brought or spec.archive or _own(record) != workshop.policy_hash(spec, task):
            return None
        return workshop.policy(spec, task, record.level, record.world)
    except (ValueError, OSError):
        return None


def unasked(records: Iterable[EpisodeRecord], workshop: Workshop) -> list[str]:
    """Policies among some records that cannot be asked again here."""
    kinds = {(r.task, r.policy, r.prepared_in, _own(r)): r for r in records}
    names = (str(Spec.named(r.policy, r.prepared_in)) for r in kinds.values())
    return sorted({name for name, r in zip(names, kinds.values()) if rebuilt(r, workshop) is None})


def _own(record: EpisodeRecord) -> str:
    """Hash of what a record's policy has learned or plans in."""
    return record.weights.partition("/")[0]


class Asked:
    """Acts as recorded in each of N rows, and asks the policies of some of them what they would do.

    Each policy is shown the rows that are asked about; with `whole` all N, as when the records were made, for
    sums depend on the shape of a batch. `found` holds the first difference of each row.
    """

    name = "replay"
    prepared_in = ""

    def __init__(
        self, rows: Sequence[EpisodeRecord], asked: Sequence[int], workshop: Workshop, whole: bool = False
    ) -> None:
        self._records, self._whole, self._number = rows, whole, 0
        self._follow = Follow(self.name, [r.actions for r in rows], workshop.task(rows[0].task))
        self.found: dict[int, Decision] = {}
        self._groups: dict[tuple[Spec, str], tuple[Policy, list[int]]] = {}
        for row in asked:
            kind = Spec.named(rows[row].policy, rows[row].prepared_in), _own(rows[row])
            if kind in self._groups:
                self._groups[kind][1].append(row)
            elif policy := rebuilt(rows[row], workshop):
                self._groups[kind] = policy, [row]
        self.privileged = any(policy.privileged for policy, _ in self._groups.values())

    def reset(self, rows: Sequence[int], keys: np.ndarray) -> None:
        """See `Policy.reset`."""
        self._follow.reset(rows, keys)
        self._number = 0
        for policy, mine in self._groups.values():
            shown = self._shown(mine)
            policy.reset(range(len(shown)), np.asarray(keys)[shown])

    def act(self, observation: Observation) -> np.ndarray:
        """See `Policy.act`."""
        for (spec, _), (policy, mine) in self._groups.items():
            if self._number == 0 or spec.planner is None:
                self._ask(policy, mine, observation)
        self._number += 1
        return self._follow.act(observation)

    def _shown(self, mine: Sequence[int]) -> np.ndarray:
        return np.arange(len(self._records)) if self._whole else np.asarray(mine)

    def _ask(self, policy: Policy, mine: Sequence[int], observation: Observation) -> None:
        shown = self._shown(mine)
        seen = take(observation, shown)
        if not policy.privileged:
            seen = replace(seen, scenes=None, past=None)
        actions = np.asarray(policy.act(seen), dtype=float)
        imagined = getattr(policy, "imagined", None)
        for row in mine:
            record, place = self._records[row], int(np.flatnonzero(shown == row)[0])
            if self._number >= len(record.actions) or row in self.found:
                continue
            promised = None if imagined is None else bool(imagined.success[place])
            kept = record.imagined_success in (None, promised)
            if not kept or not np.allclose(actions[place], record.actions[self._number], rtol=0, atol=CLOSE):
                self.found[row] = Decision(self._number, tuple(map(float, actions[place])), promised)
