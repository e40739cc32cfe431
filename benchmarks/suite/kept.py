"""A result file that is made in several runs, part by part: a part is what one policy did at one task.

What a run measures takes the place of what was there. The other parts stay, with the date and the commit of
the run that measured them, unless a model behind them has other weights by now.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks import results_io
from benchmarks.episodes.specs import Spec
from benchmarks.results_io import Row
from benchmarks.suite.rows import COMPARED

KINDS = {  #: by metric, what is measured in no episode of the suite
    "frames_to_success": "saved",
    "frames_spent": "saved",
    "frames_per_s": "speed",
    "steps_per_s": "speed",
}
Parts = dict[str, str]  #: by part, the date and the commit of the run that measured it


def part_of(row: Row) -> str:
    """The part that a row belongs to, in words."""
    kind = KINDS.get(row["metric"], COMPARED if row.get("factor") == COMPARED else "")
    played = str(Spec.named(row["policy"], row.get("prepared_in", ""))) if "policy" in row else ""
    about = (row.get("task"), row.get("model"), played or row.get("world"))
    return " ".join(filter(None, (kind, *about)))


def merge(
    path: Path, rows: Sequence[Row], weights: Mapping[str, str], model_of: Callable[[str], str | None]
) -> tuple[list[Row], Parts, Parts]:
    """Rows of a run, with those of the file at `path` that stay beside them; the parts of the run, and those
    that stay.

    `weights` are the hashes of the models by name, `model_of` names that of a task. Raises ValueError where
    the file is no result file.
    """
    now = results_io.meta("", 0)
    parts = {part_of(row): f"{now['date']} {now['commit']}" for row in rows}
    if not path.exists():
        return list(rows), parts, {}
    meta, before = results_io.read(path)
    known, once = meta.get("parts", {}), f"{meta['date']} {meta['commit']}"
    other = {name for name, found in meta.get("models", {}).items() if found != weights.get(name)}
    stay = [r for r in before if part_of(r) not in parts and not (_models(r, model_of) & other)]
    return [*rows, *stay], parts, {part_of(r): known.get(part_of(r), once) for r in stay}


def _models(row: Row, model_of: Callable[[str], str | None]) -> set[str | None]:
    """Names of the models that a row tells of."""
    learned = "learned" in (row.get("world"), row.get("prepared_in"))
    return {row.get("model"), model_of(row["task"]) if learned and "task" in row else None}
