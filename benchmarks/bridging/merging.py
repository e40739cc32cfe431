"""A result file that is made in several runs, part by part: a part is a model at one task and level.

What a run measures takes the place of what was there. The other parts stay while they can stand beside it:
measured and checked by the same code, from the same first start on, in the same weights.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import results_io
from benchmarks.results_io import Row

#: task, level and model; "" for what no model has a part in
Place = tuple[str, str, str]
Part = dict[str, Any]  #: how a part was made; see `AGREE`
AGREE = ("code", "first")  #: what is the same in all parts of a file
Kept = tuple[list[Row], dict[Place, Part], list[str]]


def place_of(row: Row) -> Place:
    """The part that a row belongs to."""
    return row["task"], row["level"], row.get("model", "")


def merge(path: Path, rows: Sequence[Row], parts: Mapping[Place, Part]) -> Kept:
    """Rows and parts of a run, with what of the file at `path` stays beside them; and in words what was kept,
    replaced and left out. Raises ValueError where the file is no result file."""
    if not path.exists():
        return list(rows), dict(parts), []
    meta, before = results_io.read(path)
    old = {(p["task"], p["level"], p["model"]): p for p in meta.get("parts", [])}
    kept, told = {}, []
    for place, part in old.items():
        name = " ".join(filter(None, place))
        if why := _apart(place, part, parts):
            told.append(f"left out: {name}, {why}; ask for it again: nothing recorded is played anew")
        elif place in parts and place[2]:
            told.append(f"replaced: {name}")
        else:
            kept[place] = part
            told += [f"kept: {name}, measured on {part['date']}"] * bool(place[2])
    known = {results_io.key(row) for row in rows}
    stays = [r for r in before if place_of(r) in kept and results_io.key(r) not in known]
    return [*rows, *stays], {**kept, **parts}, told


def _apart(place: Place, part: Part, parts: Mapping[Place, Part]) -> str:
    """Why a part cannot stand beside those of a run, "" where it can."""
    one = next(iter(parts.values()), part)
    if differs := [name for name in AGREE if part[name] != one[name]]:
        return f"its {differs[0]} is {part[differs[0]]}, not {one[differs[0]]}"
    now = {p["weights"] for (_, _, model), p in parts.items() if model == place[2]}
    if now - {part["weights"]}:
        return f"it was played in other weights, {part['weights']}"
    return ""
