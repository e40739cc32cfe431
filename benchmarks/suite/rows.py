"""How what different stages have recorded stands side by side in one result."""

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence

from benchmarks.episodes.records import EpisodeRecord
from benchmarks.episodes.summary import summarise
from benchmarks.episodes.workers import Job
from benchmarks.results_io import Row, key

COMPARED = "planners"  #: the factor of rows that compare planners: fewer starts, and the same for all


def played(found: Mapping[str, Sequence[EpisodeRecord]]) -> list[Row]:
    """Rows of the episodes of all stages; those planned in the wrong physics are told by the proof itself."""
    once = {r.key: r for stage in ("proof", "cem", "learners") for r in found[stage]}
    return summarise(r for r in once.values() if r.prepared_in != "wrong") + of_planners(found["planners"])


def lacking(stage: str, job: Job, kept: Container[str] = ()) -> list[str]:
    """A line for each cell of a stage that lacks episodes, one for all where none has any; none for cells
    whose parts are `kept` from an earlier run."""
    told = COMPARED if stage == COMPARED else ""
    missing = {
        cell: n
        for cell, n in job.missing_by_cell().items()
        if " ".join(filter(None, (told, cell.task, str(cell.spec)))) not in kept
    }
    if missing and sum(missing.values()) == sum(cell.count for cell in job.cells):
        return [f"missing: all episodes of the stage {stage}"]
    return [f"missing: {n} episodes of {cell} (stage {stage})" for cell, n in missing.items() if n]


def of_planners(records: Sequence[EpisodeRecord]) -> list[Row]:
    """Rows of planners on the starts that all of them have played, told from other rows by their factor."""
    return [{**row, "factor": COMPARED} for row in summarise(shared(records))]


def shared(records: Sequence[EpisodeRecord]) -> list[EpisodeRecord]:
    """Records of the starts that every policy of the same task, level and world has played."""
    starts: dict[tuple[str, ...], dict[tuple[str, str], set[int]]] = defaultdict(lambda: defaultdict(set))
    for r in records:
        starts[r.task, r.level, r.world][r.policy, r.prepared_in].add(r.start_id)
    common = {place: set.intersection(*played.values()) for place, played in starts.items()}
    return [r for r in records if r.start_id in common[r.task, r.level, r.world]]


def merged(rows: Iterable[Row]) -> list[Row]:
    """Of rows with equal keys the one with the most starts; a column that holds nothing is as if absent."""
    kept: dict[frozenset[tuple[str, object]], Row] = {}
    for row in rows:
        row = {name: value for name, value in row.items() if value != ""}
        identity = frozenset((name, value) for name, value in key(row) if value is not None)
        if identity not in kept or (row.get("n") or 0) > (kept[identity].get("n") or 0):
            kept[identity] = row
    return list(kept.values())
