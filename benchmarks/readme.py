"""`worldsim bench readme`: the committed results as tables in README and docs; no figure is typed by hand.

A table stands between `<!-- table FILE NAME WORDS -->` and `<!-- end -->`: the table called NAME of `TABLES`,
made from the rows of `benchmarks/results/FILE` and the further words.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from benchmarks.costing.tables import COST_TABLES
from benchmarks.floors.tables import TRUTH_TABLES
from benchmarks.learned.tables import MODEL_TABLES
from benchmarks.reports import tables
from benchmarks.reports.bridge_tables import BRIDGE_TABLES
from benchmarks.reports.figures import POLICIES, WORLDS, in_order, policy_name
from benchmarks.reports.tables import Table
from benchmarks.results_io import RESULTS, Row, read, select, write_text
from benchmarks.suite.tables import SUITE_TABLES

PAGES = (Path("README.md"), Path("docs/results.md"))  #: files with tables
MARKED = re.compile(r"(<!-- table (\S+) (\S+)((?: \S+)*) -->\n).*?(<!-- end -->)", re.DOTALL)


@dataclass
class Args:
    """Write the committed results into the marked tables of README.md and docs."""

    pages: tuple[Path, ...] = PAGES
    """the files to change"""
    results: Path = RESULTS
    """the folder of result files"""


def main(args: Args) -> None:
    """Replace every marked table; a file is written only when something changed."""
    console = Console(stderr=True)
    for page in args.pages:
        text = page.read_text(encoding="utf-8")
        filled = fill(text, args.results)
        if filled != text:
            write_text(page, filled)
        state = "was up to date" if filled == text else "changed"
        console.print(f"{page} {state}: {len(MARKED.findall(text))} tables")


def fill(text: str, results: Path) -> str:
    """The text with every marked table made anew. Raises ValueError for an unknown table."""

    def table(found: re.Match[str]) -> str:
        begin, file, name, words, end = found.groups()
        if name not in TABLES:
            raise ValueError(f"unknown table {name!r}; tables are {', '.join(TABLES)}")
        if not (results / file).exists():
            return f"{begin}\n*Not measured yet: there is no `benchmarks/results/{file}`.*\n\n{end}"
        meta, rows = read(results / file)
        source = f"`benchmarks/results/{file}`: `{meta['command']}`, {meta['date']}, {meta['cpu']}"
        return f"{begin}\n{markdown(TABLES[name](rows, *words.split()))}\n\n*From {source}.*\n\n{end}"

    return MARKED.sub(table, text)


def markdown(table: Table) -> str:
    """A table in Markdown, its caption above it."""
    lines = [table.head, ["---"] * len(table.head), *table.lines]
    return "\n".join([f"{table.caption}", "", *("| " + " | ".join(line) + " |" for line in lines)])


def success(rows: Sequence[Row], task: str, world: str) -> Table:
    """Success of every policy at every level of a task, executed in one world."""
    cells = select(rows, task=task, world=world, metric="success", factor=None)
    levels = tables.levels_of(cells, task)
    lines = []
    for policy, prepared_in in in_order({(r["policy"], r.get("prepared_in")) for r in cells}, POLICIES):
        own = select(cells, policy=policy, prepared_in=prepared_in)
        shares = [tables.percent(select(own, level=level)) for level in levels]
        lines.append([policy_name(policy, prepared_in), *shares])
    where = WORLDS[world][0] if world in WORLDS else world
    caption = f"{task}, executed in {where}: success in % [95 % interval]. {tables.count(cells, task)}"
    return Table(caption, ["Policy", *map(tables.level_name, levels)], lines)


def sensitivity(rows: Sequence[Row]) -> Table:
    """How much success falls when a velocity error is put into the physics that CEM imagines in."""
    falls, dropped = select(rows, metric="success_fall"), select(rows, metric="dropped_draws")
    lines = []
    for row in dropped:
        here = select(falls, task=row["task"], level=row["level"])
        by_world = (tables.percent(select(here, world=w)) for w in ("box2d", "mujoco"))
        name = f"{row['task']}, {tables.level_name(row['level'])}"
        lines.append([name, f"{here[0]['factor']:g} m/s" if here else "–", *by_world, f"{row['value']:,}"])
    caption = (
        "Fall of success in % points when CEM imagines in a physics with a velocity error [95 % interval]"
    )
    return Table(caption, ["Task and level", "Error", "Box2D", "MuJoCo", "Trivial draws dropped"], lines)


TABLES: dict[str, Callable[..., Table]] = {
    "success": success,
    "sensitivity": sensitivity,
    "proof": tables.proof,
    "promise": lambda rows: tables.promise(rows, "reference results"),
    "errors": tables.errors,
    "speed": tables.speed,
    **TRUTH_TABLES,
    **MODEL_TABLES,
    **SUITE_TABLES,
    **BRIDGE_TABLES,
    **COST_TABLES,
}
