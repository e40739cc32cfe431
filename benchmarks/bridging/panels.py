"""Records as panels: success of policies on the same starts in one world; what is not paired is refused."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.episodes.records import EpisodeRecord
from benchmarks.episodes.specs import Spec


@dataclass(frozen=True)
class Panel:
    """Success [P, N, K] bool of P policies on N starts in one world, over its K samples of each start.

    `versions` [P] tell what each policy has learned and how it is set (hashes).
    """

    task: str
    level: str
    world: str
    policies: tuple[Spec, ...]
    starts: tuple[int, ...]
    success: np.ndarray
    versions: tuple[tuple[str, str], ...]

    @property
    def rates(self) -> np.ndarray:
        """Success rate of each policy [P]."""
        return self.success.mean((1, 2))

    def of(self, spec: Spec) -> np.ndarray:
        """Share of samples in which a policy solves each start [N]."""
        return self.success[self.policies.index(spec)].mean(-1)

    def take(self, policies: Sequence[Spec]) -> "Panel":
        """Some of the policies, in this order."""
        index = [self.policies.index(spec) for spec in policies]
        versions = tuple(self.versions[i] for i in index)
        return replace(self, policies=tuple(policies), success=self.success[index], versions=versions)

    def __str__(self) -> str:
        return f"{self.task} {self.level} in {self.world}"


def panel(records: Iterable[EpisodeRecord], task: str, level: str, world: str) -> Panel:
    """The panel of one task, level and executing world.

    Raises ValueError where there is no record, where a policy or the world comes in several versions of its
    weights or settings, and where policies were not all played on the same starts and samples.
    """
    here = [r for r in records if (r.task, r.level, r.world) == (task, level, world)]
    place = f"{task} {level} in {world}"
    if not here:
        raise ValueError(f"no record of {place}; play it first")
    played: dict[Spec, dict[tuple[int, int], bool]] = defaultdict(dict)
    versions: dict[Spec, set[tuple[str, str]]] = defaultdict(set)
    for r in here:
        spec = spec_of(r)
        played[spec][r.start_id, r.sample] = r.success
        versions[spec].add((r.weights.partition("/")[0], r.config))
    _one_version(here, versions, place)
    units = {spec: frozenset(outcomes) for spec, outcomes in played.items()}
    starts, samples = (sorted({unit[i] for unit in frozenset().union(*units.values())}) for i in (0, 1))
    for spec, mine in units.items():
        if len(mine) != len(starts) * len(samples):
            raise ValueError(
                f"{spec} was played on {len(mine)} of the {len(starts)} starts x {len(samples)} samples of "
                f"{place}: policies are compared on the same ones; play the rest or leave it out"
            )
    success = np.array([[[played[s][i, k] for k in samples] for i in starts] for s in played])
    kept = tuple(next(iter(versions[spec])) for spec in played)
    return Panel(task, level, world, tuple(played), tuple(starts), success, kept)


def match(imagined: Panel, real: Panel) -> tuple[Panel, Panel]:
    """Two panels with the policies that imagination has, in the same order.

    Raises ValueError where they differ in task, level or starts, where reality lacks a policy or has it in
    another version, or where reality, which does not draw, has several samples.
    """
    if (imagined.task, imagined.level, imagined.starts) != (real.task, real.level, real.starts):
        raise ValueError(
            f"{imagined} ({len(imagined.starts)} starts) and {real} ({len(real.starts)} starts) are not "
            f"paired; play both on the same starts"
        )
    if lacking := [str(spec) for spec in imagined.policies if spec not in real.policies]:
        raise ValueError(f"{real} lacks {', '.join(lacking)}, which {imagined} has; play them there too")
    real = real.take(imagined.policies)
    for spec, mine, other in zip(imagined.policies, imagined.versions, real.versions):
        if mine != other:
            raise ValueError(
                f"{spec} has version {mine} in {imagined} and {other} in {real}; play both with one"
            )
    if real.success.shape[2] != 1:
        raise ValueError(f"{real} has {real.success.shape[2]} samples of each start; an engine has one")
    return imagined, real


def spec_of(record: EpisodeRecord) -> Spec:
    """Whose record it is."""
    return Spec.named(record.policy, record.prepared_in)


def _one_version(
    records: Sequence[EpisodeRecord], versions: dict[Spec, set[tuple[str, str]]], place: str
) -> None:
    for spec, found in versions.items():
        if len(found) > 1:
            raise ValueError(
                f"{spec} comes in {len(found)} versions (weights, settings) in {place}: {sorted(found)}; "
                f"mixed versions are never averaged, keep the records of one"
            )
    worlds = {r.weights.partition("/")[2] for r in records}
    if len(worlds) > 1:
        raise ValueError(
            f"{place} comes in {len(worlds)} versions of its weights: {sorted(worlds)}; keep one of them"
        )
