"""From the records of one model or several to the rows of `worldsim bench bridge`, place by place."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.bridging import protocol
from benchmarks.bridging.advice import ANSWERED, advise, answers
from benchmarks.bridging.findings import Findings
from benchmarks.bridging.measured import with_model
from benchmarks.bridging.panels import spec_of
from benchmarks.bridging.planning import TRUE
from benchmarks.episodes.playing import Cell
from benchmarks.episodes.records import EpisodeRecord
from benchmarks.episodes.specs import Spec
from benchmarks.episodes.summary import summarise
from benchmarks.episodes.workers import Job
from benchmarks.results_io import Row, key

FAIR = Spec("cem", TRUE)  #: what planning in further models is set beside


@dataclass(frozen=True)
class Found:
    """The records of a job: all, those on shared starts of policies that have played these in full, and those
    of policies that have also played further starts in full; notes on what is missing."""

    records: list[EpisodeRecord]
    shared: list[EpisodeRecord]
    more: list[EpisodeRecord]
    notes: list[str]

    @classmethod
    def of(cls, job: Job, shared: range, more: range) -> "Found":
        """What has been recorded of a job whose cells are on shared or further starts."""
        found, lacking = job.found(), job.missing_by_cell()
        few = {cell: count for cell, count in lacking.items() if cell.first in shared}
        wide = {(cell.task, cell.level, cell.spec) for cell in job.cells if cell.first in more}
        further = {cell: count for cell, count in lacking.items() if cell not in few}
        return cls(
            found,
            protocol.complete([r for r in found if r.start_id in shared], few),
            protocol.complete([r for r in found if (r.task, r.level, spec_of(r)) in wide], lacking),
            [*_left_out(few), *_left_out(further, " of what has more starts")],
        )

    def here(self, task: str, level: str) -> "Found":
        """The records of a task and level."""
        parts = {
            name: [r for r in getattr(self, name) if (r.task, r.level) == (task, level)]
            for name in ("records", "shared", "more")
        }
        return replace(self, **parts)

    @property
    def counted(self) -> list[EpisodeRecord]:
        """Whatever is complete."""
        return list({r.key: r for r in [*self.shared, *self.more]}.values())


def _left_out(lacking: Mapping[Cell, int], where: str = "") -> list[str]:
    """By task and level, which policies are left out for want of how many episodes."""
    missing: dict[str, Counter[Spec]] = defaultdict(Counter)
    for cell, count in lacking.items():
        if count:
            missing[f"{cell.task} {cell.level}"][cell.spec] += count
    return [
        f"{place}: for missing episodes these are left out{where}: "
        + ", ".join(f"{spec} ({count})" for spec, count in found.items())
        for place, found in missing.items()
    ]


def at_place(
    found: Sequence[Found], names: Sequence[str], task: str, level: str, engines: Sequence[str]
) -> Findings:
    """Rows of models by `names` at one task and level: what each achieved, every measure of the first one,
    gap and planning gap of the others, and agreement over all. A row over more starts takes the place of one
    over fewer."""
    first, *others = (one.here(task, level) for one in found)
    place, results = (task, level, engines), Findings()
    results.rows += with_model(summarise(first.counted), names[0])
    results.extend(_tried(protocol.measure, first.shared, *place), model=names[0])
    if first.more:
        results.extend(_tried(protocol.primary, first.more, *place), model=names[0])
    fair = [r for r in first.shared if spec_of(r) == FAIR and r.world == engines[0]]
    for name, one in zip(names[1:], others):
        if one.shared:
            mine = [*one.shared, *fair]
            results.rows += with_model(summarise(mine), name)
            results.extend(_tried(protocol.primary, mine, task, level, engines[:1]), model=name)
    if others:
        everyone = {name: one.shared for name, one in zip(names, (first, *others))}
        results.extend(_tried(protocol.over_models, everyone, task, level, engines[0]))
    rows = {key(row): row for row in results.rows}
    return Findings(list(rows.values()), results.notes)


def with_advice(rows: Sequence[Row]) -> tuple[list[Row], list[str]]:
    """Rows with those of the two answers, and a line in words for each model, task and level."""
    rows = [row for row in rows if row["metric"] not in ANSWERED]
    advice = advise(rows)
    lines = [
        f"{one.task} {one.level}, {one.model}: may I train in it: {one.train.word}; may I judge in it: "
        f"{one.judge.word}"
        for one in advice
    ]
    return [*rows, *answers(advice)], lines


def _tried(measure: Callable[..., Findings], records: Any, task: str, level: str, *rest: Any) -> Findings:
    """What is measured, or why it is not."""
    try:
        return measure(records, task, level, *rest)
    except ValueError as error:
        return Findings(notes=[f"{task} {level} is not measured any further: {error}"])
