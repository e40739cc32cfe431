"""One self-contained page: verdict, figures, tables and videos of a run beside the reference results."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import figures, results_io, tables
from benchmarks.figures import WORLDS
from benchmarks.results_io import Row, select
from benchmarks.tables import Table, level_name, levels_of, tasks_of

LIMIT = 15_000_000  #: bytes of a report, at most
_FACTS = ("machine", "cpu", "cores", "python", "torch", "date", "commit", "command", "seed", "models")


@dataclass(frozen=True)
class Video:
    """One clip for the page: `kind` is "phantom" or "ordinary", `uri` a data: address."""

    kind: str
    title: str
    tag: str
    caption: str
    uri: str


@dataclass(frozen=True)
class Content:
    """What a report is made of: this run's meta, rows and videos, and the committed results beside it.

    `done` says in a few words what this run did, `commands` how to repeat it.
    """

    meta: dict[str, Any]
    rows: Sequence[Row]
    done: str
    commands: str
    videos: Sequence[Video] = ()
    reference: tuple[dict[str, Any], Sequence[Row]] | None = None
    title: str = "Acting in a learned world: what its physics errors cost"

    @property
    def firm(self) -> Sequence[Row]:
        """The rows that statements rest on: the reference results where they exist."""
        return self.rows if self.reference is None else self.reference[1]


@dataclass
class Section:
    """One part of the page; its words are in the template, under its id."""

    id: str
    short: str
    title: str
    figures: list[dict[str, Any]] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    videos: list[Video] = field(default_factory=list)


def write(path: str | Path, content: Content) -> Path:
    """Write the page atomically and return its path. Raises ValueError when it would exceed 15 MB."""
    page = render(content)
    size = len(page.encode())
    if size > LIMIT:
        raise ValueError(f"the report would have {size} bytes, more than {LIMIT}; give it fewer videos")
    results_io.write_text(path, page)
    return Path(path)


def render(content: Content) -> str:
    """The page as text; every value from outside is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("benchmarks"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("report.html.j2").render(
        title=content.title,
        meta=content.meta,
        verdict=verdict(content.firm),
        has_reference=content.reference is not None,
        cards=_cards(content.firm),
        done=content.done,
        sections=_sections(content),
        facts=_facts(content),
        commands=content.commands,
    )


def verdict(rows: Sequence[Row], world: str = "box2d") -> str:
    """One sentence with numbers: what plans made in the model achieve, in-distribution and out of it."""
    parts = []
    for task in tasks_of(rows):
        pairs = {
            level: pair for level in levels_of(rows, task) if (pair := _against(rows, task, level, world))
        }
        if "id" not in pairs:
            continue
        model, fair = pairs.pop("id")
        part = f"{task}: {_percent(model)} of {model['n']} ordinary starts solved"
        part += f", {_percent(fair)} with exact physics"
        if pairs:
            worst = max(pairs, key=lambda level: pairs[level][1]["value"] - pairs[level][0]["value"])
            model, fair = pairs[worst]
            part += f"; {_percent(model)} against {_percent(fair)} at its worst level, {level_name(worst)}"
        parts.append(part)
    if not parts:
        return "Too little has been recorded for a verdict; the command at the end of this page goes on."
    return (
        f"Plans made in the learned model and carried out in {WORLDS[world][0]} — " + ". ".join(parts) + "."
    )


def _against(rows: Sequence[Row], task: str, level: str, world: str) -> tuple[Row, Row] | None:
    """Success of CEM planned in the model, and planned in Box2D, executed in `world`."""
    cells = select(rows, task=task, level=level, world=world, policy="cem", metric="success", factor=None)
    model, fair = select(cells, prepared_in="learned"), select(cells, prepared_in="box2d")
    return (model[0], fair[0]) if model and fair else None


def _percent(row: Row) -> str:
    return f"{100 * row['value']:.0f}\N{NO-BREAK SPACE}%"


def _cards(rows: Sequence[Row]) -> list[dict[str, str]]:
    """The few numbers to remember: what the model's plans are worth beside exact physics, and its speed."""
    cards = []
    ratios = select(rows, metric="success_ratio_to_box2d", policy="cem", world="box2d", prepared_in="learned")
    for task in tasks_of(rows):
        for level in ("id", "speed"):
            for r in select(ratios, task=task, level=level):
                name = (
                    f"{task}, {level_name(level)}: success, plans from the model ÷ plans from exact physics"
                )
                cards.append({"label": name, "value": f"{r['value']:.2f}", "note": tables.interval(r)})
    for r in select(rows, metric="frames_per_s", batch=64):
        name = f"Frames imagined per second, model “{r['model']}”"
        cards.append({"label": name, "value": f"{r['value']:.0f}", "note": "64 episodes side by side"})
    return cards


def _sections(content: Content) -> list[Section]:
    sections = [
        _success(content),
        _promise(content),
        Section(
            "videos",
            "Videos",
            "The same start and the same actions in three worlds",
            videos=sorted(content.videos, key=lambda video: video.kind != "phantom"),
        ),
        _error(content),
        Section(
            "proof",
            "Proof",
            "Why the tasks count",
            tables=[tables.proof(content.firm, engine) for engine in ("box2d", "mujoco")],
        ),
        Section("speed", "Speed", "Speed of imagination", tables=[tables.speed(content.firm)]),
    ]
    for section in sections:
        section.tables = [table for table in section.tables if table.lines]
    return [s for s in sections if s.figures or s.tables or s.videos]


def _success(content: Content) -> Section:
    section = Section("success", "Success", "Success by level and world")
    rows, own = content.firm, content.rows
    whose = "this run" if content.reference is None else "reference results"
    for task in tasks_of(rows):
        figure = figures.success(rows, task)
        caption = f"{task}, {whose}. {tables.count(rows, task)}"
        section.figures.append(_figure(figure, f"{task}: success by level, policy and world", caption))
    if content.reference is not None:
        section.tables = [tables.success(own, task, "this run", rows) for task in tasks_of(own)]
    section.tables += [tables.success(rows, task, whose) for task in tasks_of(rows)]
    return section


def _promise(content: Content) -> Section:
    section = Section("promise", "Promise and reality", "What the model promises, and what comes of it")
    if content.reference is not None:
        section.tables.append(tables.promise(content.reference[1], "reference results"))
    section.tables.append(tables.promise(content.rows, "this run"))
    return section


def _error(content: Content) -> Section:
    section = Section(
        "error", "Model error", "Model error next to success", tables=[tables.errors(content.firm)]
    )
    if any("task" in r for r in select(content.firm, metric="velocity_error")):
        figure = figures.error_against_success(content.firm)
        caption = (
            "Each mark is one level of one task; the dash above it is the same planner with exact physics."
        )
        section.figures.append(_figure(figure, "Velocity error against success", caption, narrow=True))
    return section


def _figure(figure: Any, title: str, caption: str, narrow: bool = False) -> dict[str, Any]:
    from markupsafe import Markup

    return {"svg": Markup(figures.svg(figure, title)), "caption": caption, "narrow": narrow}


def _facts(content: Content) -> list[tuple[str, str]]:
    facts = [(f"This run: {name}", str(content.meta[name])) for name in _FACTS if name in content.meta]
    if content.reference is not None:
        meta = content.reference[0]
        facts += [(f"Reference results: {name}", str(meta[name])) for name in _FACTS if name in meta]
    return facts
