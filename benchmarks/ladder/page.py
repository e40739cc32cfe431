"""The ladder as a self-contained page, and as a table in the terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.ladder.rungs import EARNED, LIMITED, RUNGS, UNKNOWN, Reading, Step, Verdict
from benchmarks.reports.tables import level_name

MARKS = {EARNED: "✓", LIMITED: "○", UNKNOWN: "?"}
Steps = Mapping[str, Mapping[str, tuple[Step, ...]]]  #: by task and level


@dataclass(frozen=True)
class Page:
    """What the page tells: a model, its verdicts, its steps, and facts about it."""

    model: str
    verdicts: Sequence[Verdict]
    steps: Steps
    facts: Mapping[str, str]


def render(page: Page) -> str:
    """The page as text; every value from outside is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("benchmarks"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.globals |= {"told": told, "strip": strip, "level_name": level_name, "limit": limit}
    return environment.get_template("ladder.html.j2").render(page=page, rungs=RUNGS)


def table(page: Page) -> Any:
    """Rungs by task and level: earned or not, with the figure that decides."""
    from rich.table import Table

    places = [(task, level) for task, levels in page.steps.items() for level in levels]
    shown = Table("level", *(f"{task} {level}" for task, level in places), title=f"ladder of {page.model}")
    for number, rung in enumerate(RUNGS):
        cells = []
        for task, level in places:
            step = page.steps[task][level][number]
            cells.append(f"{MARKS.get(step.state, '✗')} {step.state}\n{told(step.readings[0])}".strip())
        shown.add_row(f"{number + 1}. {rung.name}", *cells)
    return shown


def told(reading: Reading) -> str:
    """A figure with its interval, a dash where there is none."""
    row = reading.row
    if row is None:
        return "–"
    digits = 1 if abs(row["value"]) >= 10 else 3
    unit = f" {reading.bar.unit}" if reading.bar.unit else ""
    if row["low"] is None or row["high"] is None:
        return f"{row['value']:.{digits}f}{unit}, no interval (n = {row['n']})"
    return f"{row['value']:.{digits}f}{unit} [{row['low']:.{digits}f}, {row['high']:.{digits}f}]"


def limit(reading: Reading) -> str:
    """What the interval must keep, in words."""
    least, most, unit = reading.least, reading.most, reading.bar.unit
    unit = f" {unit}" if unit else ""
    if least is not None and most is not None:
        return f"between {least:g} and {most:g}{unit}"
    return f"at least {least:g}{unit}" if least is not None else f"at most {most:g}{unit}"


def strip(reading: Reading) -> dict[str, float] | None:
    """Where value, interval and limits lie on a strip from 0 to 100; None where there is no interval."""
    row = reading.row
    if row is None or row["low"] is None or row["high"] is None:
        return None
    limits = [x for x in (reading.least, reading.most) if x is not None]
    known = [row["value"], row["low"], row["high"], *limits]
    low, high = min(known), max(known)
    room = 0.15 * (high - low) or 1.0
    low, high = low - room, high + room

    def at(x: float) -> float:
        return round(100 * (x - low) / (high - low), 2)

    ends = {"low": at(row["low"]), "high": at(row["high"]), "value": at(row["value"])}
    left = at(reading.least) if reading.least is not None else 0.0
    right = at(reading.most) if reading.most is not None else 100.0
    return ends | {"least": left, "most": right}
