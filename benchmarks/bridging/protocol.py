"""What is played for the bridge, and its records as findings."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from benchmarks.bridging.calibration import calibration
from benchmarks.bridging.exploitation import exploitation
from benchmarks.bridging.findings import Findings
from benchmarks.bridging.gap import gaps
from benchmarks.bridging.panels import Panel, panel, spec_of
from benchmarks.bridging.planning import MODEL, lifts, planning_gaps
from benchmarks.bridging.ranks import model_agreement, policy_agreement
from benchmarks.episodes.playing import Cell
from benchmarks.episodes.records import EpisodeRecord
from benchmarks.episodes.specs import Spec

STARTS_NEEDED = 200  #: starts of a cell below which a note says so: rates are known to ±.07 at best
OVER_MODELS = ("cem@learned",)  #: what further models are compared by
Measure = Callable[[Panel, Panel], Findings]
MEASURES: tuple[Measure, ...] = (gaps, lifts, exploitation, policy_agreement, calibration)
CEILINGS: tuple[Measure, ...] = (gaps, policy_agreement, calibration)  #: of one engine for the other


def cells(
    places: Iterable[tuple[str, str]],
    policies: Callable[[str], Sequence[str]],
    engines: Sequence[str],
    starts: range,
    samples: Mapping[str, int],
) -> tuple[Cell, ...]:
    """Every policy of each task and level in every world, with the task's `samples` of each start in the
    learned one."""
    return tuple(
        Cell(task, level, spec, world, starts.start, len(starts), sample)
        for task, level in places
        for spec in map(Spec.parse, policies(task))
        for world in (*engines, MODEL)
        if spec.runs_in(world)
        for sample in range(samples[task] if world == MODEL else 1)
    )


def complete(records: Iterable[EpisodeRecord], missing: Mapping[Cell, int]) -> list[EpisodeRecord]:
    """The records of policies that have all of theirs at a task and level; of others, none is averaged."""
    lacking = {(c.task, c.level, c.spec) for c, count in missing.items() if count}
    return [r for r in records if (r.task, r.level, spec_of(r)) not in lacking]


def measure(records: Sequence[EpisodeRecord], task: str, level: str, engines: Sequence[str]) -> Findings:
    """All measures of one model at one task and level, against each engine; and against each engine the first
    other one, as the ceiling of what may be asked (metrics `..._ceiling`)."""
    found = Findings()
    imagined = panel(records, task, level, MODEL)
    reals = [panel(records, task, level, engine) for engine in engines]
    if len(imagined.starts) < STARTS_NEEDED:
        found.notes.append(f"{task} {level}: {len(imagined.starts)} starts, {STARTS_NEEDED} are needed")
    for real in reals:
        for one in MEASURES:
            found.extend(one(imagined, real))
        found.extend(planning_gaps(real))
        for other in [other for other in reals if other is not real][:1]:
            for one in CEILINGS:
                found.extend(one(other.take(imagined.policies), real), "_ceiling")
    return found


def primary(records: Sequence[EpisodeRecord], task: str, level: str, engines: Sequence[str]) -> Findings:
    """Gap, planning gap and exploitation of each policy alone: what more starts are played for."""
    found = Findings()
    imagined = panel(records, task, level, MODEL)
    for real in (panel(records, task, level, engine) for engine in engines):
        for one in (gaps(imagined, real), planning_gaps(real), exploitation(imagined, real)):
            found.rows += [row for row in one.rows if "policy" in row]
    return found


def over_models(
    records: Mapping[str, Sequence[EpisodeRecord]], task: str, level: str, engine: str
) -> Findings:
    """Agreement over models, whose records are given by their names; models without any are left out."""
    wanted = set(map(Spec.parse, OVER_MODELS))
    pairs = {}
    for name, found in records.items():
        mine = [r for r in found if (r.task, r.level) == (task, level) and spec_of(r) in wanted]
        if mine:
            pairs[name] = panel(mine, task, level, MODEL), panel(mine, task, level, engine)
    return model_agreement(pairs)
