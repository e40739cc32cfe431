"""`worldsim compare A B`: two models or runs, on the very same starts.

Cells are paired by task, level, start, policy, executing world and seed. What is not paired, or was played
with other settings, is refused by name and never averaged.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tyro.conf import Positional

from benchmarks import results_io
from benchmarks.episodes.records import EpisodeRecord
from benchmarks.ranked.submissions import Submission, resolve
from benchmarks.reports.tables import level_name, percent
from benchmarks.results_io import Row

CELL = ("task", "level", "factor", "world", "policy", "prepared_in")


@dataclass(frozen=True)
class Args:
    """Compare the success of two models or runs, cell by cell, on the same starts."""

    runs: Positional[tuple[str, str]]
    """two runs of `worldsim bridge`: folders, or the result files in them; FOLDER:MODEL for one of several
    models"""
    out: Path = Path("runs/compare/default")
    """folder for compare.json"""


@dataclass
class Comparison:
    """Rows of what could be compared, the cells that were refused and why, and notes."""

    rows: list[Row] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def main(args: Args) -> None:
    """Print the table and write compare.json.

    Raises ValueError where nothing is paired, where a run has several models and none is named, and for
    records that were altered.
    """
    from rich.console import Console

    first, second = map(_one, args.runs)
    found = compare(first.played.records, second.played.records)
    console = Console()
    if found.rows:
        _print(found, first.name, second.name, console)
    for note in found.refused + found.notes:
        console.print(note, markup=False)
    if not found.rows:
        raise ValueError(f"{first.name} and {second.name} have nothing in common that differs")
    more = {"refused": found.refused, "notes": found.notes}
    sides = {side: {"run": s.name, "records": s.digest} for side, s in (("first", first), ("second", second))}
    meta = results_io.meta(f"worldsim compare {' '.join(args.runs)}", 0, **sides, **more)
    results_io.write(args.out / "compare.json", meta, found.rows)
    console.print(f"{args.out / 'compare.json'}", soft_wrap=True, markup=False)


def compare(first: Iterable[EpisodeRecord], second: Iterable[EpisodeRecord]) -> Comparison:
    """Success of the first minus that of the second, on the same starts; of several samples of a start the
    first one counts.

    Rows of each cell: `success_first`, `success_second` (Wilson), `success_difference` (Newcombe's paired
    interval), `mcnemar_p` (exact) and `mcnemar_p_holm`, adjusted over all cells (Holm 1979). Cells in which
    neither weights nor settings differ are left out: they are the same by construction.
    """
    from benchmarks import statistics

    one, two = _cells(first), _cells(second)
    found = Comparison()
    _not_in_both(one, two, found)
    tested: list[Row] = []
    for cell in (cell for cell in one if cell in two):
        mine, theirs = one[cell], two[cell]
        if reason := _unpaired(mine, theirs):
            found.refused.append(f"refused: {_named(cell)}: {reason}")
            continue
        pairs = [(mine[unit].success, theirs[unit].success) for unit in sorted(mine)]
        a, b = ([pair[i] for pair in pairs] for i in (0, 1))
        if {r.weights for r in mine.values()} == {r.weights for r in theirs.values()}:
            if a != b:
                found.notes.append(
                    f"{_named(cell)}: outcomes differ though neither weights nor settings do: it must be the "
                    f"code or the device"
                )
            continue
        where = {k: v for k, v in zip(CELL, cell) if v not in ("", None)}
        found.rows += [
            where | {"metric": "success_first"} | statistics.proportion(a).row(),
            where | {"metric": "success_second"} | statistics.proportion(b).row(),
            where | {"metric": "success_difference"} | statistics.paired_difference(a, b).row(),
        ]
        tested.append(where | {"metric": "mcnemar_p", "value": statistics.mcnemar(a, b), "n": len(a)})
    if tested:
        adjusted = statistics.holm([r["value"] for r in tested])
        for row, p in zip(tested, adjusted):
            found.rows += [row, row | {"metric": "mcnemar_p_holm", "value": float(p)}]
    versions = {r.version for side in (one, two) for cell in side.values() for r in cell.values()}
    if len(versions) > 1:
        found.notes.append(
            f"played by {len(versions)} versions of the code ({', '.join(sorted(versions))}): what differs "
            f"may be theirs; `worldsim bridge` with one version settles it"
        )
    return found


def _one(text: str) -> Submission:
    found = resolve(text)
    if len(found) != 1:
        names = ", ".join(f"{found[0].run.folder}:{s.played.entry.name}" for s in found)
        raise ValueError(f"{text} has several models; name one of {names}")
    return found[0]


def _cells(
    found: Iterable[EpisodeRecord],
) -> dict[tuple[Any, ...], dict[tuple[int, int], EpisodeRecord]]:
    cells: dict[tuple[Any, ...], dict[tuple[int, int], EpisodeRecord]] = defaultdict(dict)
    for r in (r for r in found if r.sample == 0):  # starts are the units
        cells[tuple(getattr(r, name) for name in CELL)][r.start_id, r.seed] = r
    return cells


def _not_in_both(one: dict[Any, Any], two: dict[Any, Any], found: Comparison) -> None:
    for mine, theirs, side in ((one, two, "first"), (two, one, "second")):
        found.refused += [
            f"refused: {_named(c)}: only the {side} run has it" for c in mine if c not in theirs
        ]


def _unpaired(mine: dict[Any, EpisodeRecord], theirs: dict[Any, EpisodeRecord]) -> str:
    """Why two cells cannot be compared, "" where they can."""
    shared = len(mine.keys() & theirs.keys())
    if shared < max(len(mine), len(theirs)):
        return f"{len(mine)} starts against {len(theirs)}, {shared} in both; play the same ones in both"
    for what in ("config", "weights"):
        for side in (mine, theirs):
            if len(found := {getattr(r, what) for r in side.values()}) > 1:
                return f"{what} comes in {len(found)} versions in one run; mixed ones are never averaged"
    if {r.config for r in mine.values()} != {r.config for r in theirs.values()}:
        return "the task or the policy was set differently in the two runs"
    return ""


def _named(cell: tuple[Any, ...]) -> str:
    task, level, factor, world, policy, prepared_in = cell
    more = f", factor {factor}" if factor is not None else ""
    return f"{task} {level}, {policy}{'@' * bool(prepared_in)}{prepared_in} in {world}{more}"


def _print(found: Comparison, first: str, second: str, console: Any) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    title, caption = f"{first} − {second}, on the same starts", "p: exact McNemar, Holm over the table"
    table = Table(title=Text(title), caption=caption, box=SIMPLE_HEAD)
    table.add_column("Cell", overflow="fold")
    for head in ("First, %", "Second, %", "Difference", "p", "p (Holm)", "n"):
        table.add_column(head, justify="right", no_wrap=head == "Difference")
    for row in results_io.select(found.rows, metric="success_difference"):
        cell = tuple(row.get(name, "" if name == "prepared_in" else None) for name in CELL)
        where = {name: row.get(name) for name in CELL}
        (one,), (two,), (p,), (holm,) = (
            results_io.select(found.rows, **where, metric=m)
            for m in ("success_first", "success_second", "mcnemar_p", "mcnemar_p_holm")
        )
        rates = [f"{100 * side['value']:.0f}" for side in (one, two)]
        texts = [*rates, percent([row]), f"{p['value']:.3g}", f"{holm['value']:.3g}"]
        name = _named(cell).replace(f" {row['level']},", f" {level_name(row['level'])},", 1)
        table.add_row(*map(Text, [name, *texts, str(row["n"])]))
    console.print(table)
