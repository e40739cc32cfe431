"""One self-contained page: verdict, advice, figures, tables and videos of a run, beside reference results."""

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import results_io
from benchmarks.bridging.advice import RULES, advise, in_words
from benchmarks.reports.bridge_figures import models_of
from benchmarks.reports.figures import WORLDS
from benchmarks.reports.tables import level_name, levels_of, tasks_of
from benchmarks.results_io import Row, select

LIMIT = 15_000_000  #: bytes of a report, at most
_SHOWN = {  #: how parts of a page are recognised
    "videos": r'"data:(?:video|image)/[^"]*"',
    "figures": r"<svg.*?</svg>",
    "data of figures": r'"data:text/[^"]*"',
}
_FEWER = {"videos": "fewer videos"} | dict.fromkeys(
    ("figures", "data of figures", "tables and text"), "fewer models, tasks, levels or policies"
)
_FACTS = tuple("machine cpu cores python torch date commit command seed models records".split())


@dataclass(frozen=True)
class Video:
    """One clip for the page: `kind` is "phantom" or "ordinary", `uri` and `poster` are data: addresses."""

    kind: str
    title: str
    tag: str
    caption: str
    uri: str
    poster: str = ""
    model: str = ""
    task: str = ""
    level: str = ""


@dataclass(frozen=True)
class Content:
    """What a report is made of: this run's meta, rows, notes and videos, and the committed results beside it.

    `done` says in a few words what this run did, `commands` how to repeat it. `reference` are results of the
    very same models, on more starts; statements then rest on them.
    """

    meta: dict[str, Any]
    rows: Sequence[Row]
    done: str
    commands: str
    videos: Sequence[Video] = ()
    notes: Sequence[str] = ()
    reference: tuple[dict[str, Any], Sequence[Row]] | None = None
    title: str = "Acting in a learned world: what its physics errors cost"

    @property
    def known(self) -> Sequence[Row]:
        """The rows that statements rest on: the reference results where they exist, and this run's own on
        tasks, levels and metrics that those do not hold."""
        if self.reference is None:
            return self.rows
        held = {_kind(r) for r in self.reference[1]}
        return [*self.reference[1], *(r for r in self.rows if _kind(r) not in held)]

    @property
    def referred(self) -> set[str]:
        """Tasks whose success is told by the reference results."""
        return set() if self.reference is None else set(tasks_of(self.reference[1]))


def write(path: str | Path, content: Content) -> Path:
    """Write the page atomically and return its path. Raises ValueError when it would exceed 15 MB."""
    return write_page(path, render(content))


def write_page(path: str | Path, page: str) -> Path:
    """Write a page atomically and return its path. Raises ValueError, saying what takes the room, when it
    exceeds 15 MB."""
    size = len(page.encode())
    if size > LIMIT:
        parts = _sizes(page)
        told = ", ".join(f"{name} {part / 1e6:.1f}" for name, part in parts.items())
        remedy = _FEWER[max(parts, key=parts.__getitem__)]
        raise ValueError(
            f"the page would have {size / 1e6:.1f} MB, more than {LIMIT / 1e6:.0f} ({told}); give it {remedy}"
        )
    results_io.write_text(path, page)
    return Path(path)


def _sizes(page: str) -> dict[str, int]:
    """Bytes of a page by what they show."""
    parts = {
        name: sum(len(found.encode()) for found in re.findall(p, page, re.S)) for name, p in _SHOWN.items()
    }
    return {**parts, "tables and text": len(page.encode()) - sum(parts.values())}


def render(content: Content) -> str:
    """The page as text; every value from outside is escaped."""
    from benchmarks.reports.sections import sections

    advice = advise(content.known)
    return page(
        "report.html.j2",
        title=content.title,
        meta=content.meta,
        verdict=verdict(content.known),
        has_reference=content.reference is not None,
        words=in_words(advice, level_name),
        advice=advice,
        rules=RULES,
        level_name=level_name,
        done=content.done,
        sections=sections(content),
        notes=content.notes,
        facts=_facts(content),
        commands=content.commands,
    )


def page(template: str, **values: Any) -> str:
    """A page of the house: everything is escaped, no script but our own may run, nothing may be fetched."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("benchmarks"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = environment.get_template("page.js").render()
    sealed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template(template).render(**values, script=script, script_hash=sealed)


def verdict(rows: Sequence[Row], world: str = "box2d") -> list[str]:
    """A sentence with numbers for each model: what plans made in it achieve, in-distribution and outside."""
    parts: dict[str, list[str]] = {}
    for task in tasks_of(rows):
        for model in models_of(rows, task):
            if part := _achieved(rows, task, model, world):
                parts.setdefault(model, []).append(part)
    return [
        f"Plans made in “{model}” and carried out in {WORLDS[world][0]} — " + ". ".join(told) + "."
        for model, told in parts.items()
    ]


def _achieved(rows: Sequence[Row], task: str, model: str, world: str) -> str:
    """What CEM planned in a model achieves on a task, "" where it was not played in-distribution."""
    levels = levels_of(rows, task)
    pairs = {level: pair for level in levels if (pair := _against(rows, task, level, model, world))}
    if "id" not in pairs:
        return ""
    mine, fair = pairs.pop("id")
    part = f"{task}: {_percent(mine)} of {mine['n']} ordinary starts solved"
    part += f", {_percent(fair)} with exact physics"
    if pairs:
        worst = max(pairs, key=lambda level: pairs[level][1]["value"] - pairs[level][0]["value"])
        mine, fair = pairs[worst]
        part += f"; {_percent(mine)} against {_percent(fair)} at its worst level, {level_name(worst)}"
    return part


def _against(rows: Sequence[Row], task: str, level: str, model: str, world: str) -> tuple[Row, Row] | None:
    """Success of CEM planned in a model, and planned in Box2D, executed in `world`."""
    cells = select(rows, task=task, level=level, world=world, policy="cem", metric="success", factor=None)
    mine, fair = select(cells, prepared_in="learned", model=model), select(cells, prepared_in="box2d")
    return (mine[0], fair[0]) if mine and fair else None


def _percent(row: Row) -> str:
    return f"{100 * row['value']:.0f}\N{NO-BREAK SPACE}%"


def _kind(row: Row) -> tuple[Any, ...]:
    return row.get("task"), row.get("level"), row["metric"]


def _facts(content: Content) -> list[tuple[str, str]]:
    facts = [(f"This run: {name}", str(content.meta[name])) for name in _FACTS if name in content.meta]
    if content.reference is not None:
        meta = content.reference[0]
        facts += [(f"Reference results: {name}", str(meta[name])) for name in _FACTS if name in meta]
    return facts
