"""From the records of a run to its rows: success, and every measure of the bridge, model by model."""

from collections.abc import Iterable, Sequence

from benchmarks import results_io
from benchmarks.bridging import protocol
from benchmarks.bridging.findings import Findings
from benchmarks.bridging.planning import MODEL
from benchmarks.episodes import records as episodes
from benchmarks.episodes.records import EpisodeRecord
from benchmarks.episodes.runs import Played
from benchmarks.episodes.summary import summarise
from benchmarks.results_io import Row, select


def measured(played: Iterable[Played]) -> Findings:
    """Rows of all models, with the column `model` where a model has a part in them; notes on what is missing
    or cannot be told, and on versions of the code.

    What no model has a part in has been played once, and is the same row for all.
    """
    found, seen, played = Findings(), set(), list(played)
    once = {record.key: record for one in played for record in one.records}
    if several := episodes.versions(once.values()):
        found.notes.append(f"{several}; what differs may be theirs, `worldsim leaderboard` plays some again")
    for one in played:
        for row in _of_model(one, found.notes):
            key = results_io.key(row)
            if "model" in row or key not in seen:
                found.rows.append(row)
            seen.add(key)
    return found


def places_of(records: Iterable[EpisodeRecord]) -> list[tuple[str, str]]:
    """The tasks and levels that were played, in the order of the records."""
    return list(dict.fromkeys((r.task, r.level) for r in records))


def with_model(rows: Iterable[Row], model: str) -> list[Row]:
    """Rows with the column `model` where the model has a part in them."""
    return [
        {**row, "model": model} if MODEL in (row.get("world"), row.get("prepared_in")) else row
        for row in rows
    ]


def _of_model(played: Played, notes: list[str]) -> list[Row]:
    titles, rows = played.entry.titles, summarise(played.records)
    rows = [row for task in titles for row in with_model(select(rows, task=task), titles[task])]
    notes += [
        f"{titles[cell.task]}: {count} episodes of {cell} are missing; {cell.spec} is left out of the "
        f"measures of the bridge there"
        for cell, count in played.missing.items()
    ]
    whole = protocol.complete(played.records, played.missing)
    for task, level in places_of(played.records):
        findings = _bridge(whole, task, level)
        rows += [{**row, "model": titles[task]} for row in findings.rows]
        notes += [f"{titles[task]}: {note}" for note in findings.notes]
    return rows


def _bridge(records: Sequence[EpisodeRecord], task: str, level: str) -> Findings:
    """The measures of one model at one task and level; why there are none where there are none."""
    here = [r for r in records if (r.task, r.level) == (task, level)]
    engines = [w for w in dict.fromkeys(r.world for r in here) if w != MODEL]
    if not engines or all(r.world != MODEL for r in here):
        return Findings(notes=[f"{task} {level}: imagination and reality have not both been played"])
    try:
        return protocol.measure(here, task, level, engines)
    except ValueError as error:
        return Findings(notes=[f"{task} {level}: {error}"])
