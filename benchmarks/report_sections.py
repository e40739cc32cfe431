"""The parts of a report: figures with their data, tables and videos; their words are in the template."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from benchmarks import bridge_figures, bridge_tables, figures, tables
from benchmarks.advice import REALITY
from benchmarks.bridge_figures import models_of
from benchmarks.report import Content, Video
from benchmarks.results_io import Row, select
from benchmarks.tables import Table, tasks_of


@dataclass(frozen=True)
class Plot:
    """A figure as SVG, and the rows that it draws as a table and as a file."""

    svg: Markup
    title: str
    caption: str
    data: Table
    csv: str


@dataclass
class Section:
    """One part of the page; its words are in the template, under its id."""

    id: str
    short: str
    title: str
    plots: list[Plot] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    videos: list[Video] = field(default_factory=list)


def sections(content: Content) -> list[Section]:
    """All parts that there is something to show in."""
    found = [
        _promise(content),
        Section(
            "videos",
            "Videos",
            "The same start and the same actions in three worlds",
            videos=sorted(content.videos, key=lambda video: video.kind != "phantom"),
        ),
        _agreement(content),
        _success(content),
        _error(content),
        Section(
            "proof",
            "Proof",
            "Why the tasks count",
            tables=[tables.proof(content.firm, engine) for engine in ("box2d", "mujoco")],
        ),
        Section("speed", "Speed", "Speed of imagination", tables=[tables.speed(content.firm)]),
    ]
    for section in found:
        section.tables = [table for table in section.tables if table.lines]
    return [s for s in found if s.plots or s.tables or s.videos]


def plot(figure: Any, title: str, caption: str, rows: Sequence[Row]) -> Plot:
    """A figure with the rows that it draws."""
    data = bridge_tables.raw(rows, f"Data: {title}")
    return Plot(Markup(figures.svg(figure, title)), title, caption, data, bridge_tables.csv_uri(data))


def of_model(rows: Sequence[Row], model: str) -> list[Row]:
    """The rows of one model, and those that no model has a part in."""
    return [r for r in rows if r.get("model", model) == model]


def _promise(content: Content) -> Section:
    section = Section("promise", "Promise and reality", "What the model promises, and what comes of it")
    for task in tasks_of(content.rows):
        engine = _reality(content.rows, task)
        drawn = bridge_figures.fate_rows(content.rows, task, engine) if engine else []
        if drawn:
            assert engine is not None
            figure = bridge_figures.fates(content.rows, task, engine)
            caption = (
                f"{task}, this run: policies prepared in the model, played in it and in {_called(engine)}. "
                f"{tables.count(content.rows, task)}"
            )
            section.plots.append(plot(figure, f"{task}: what became of what was promised", caption, drawn))
    if content.reference is not None:
        section.tables.append(tables.promise(content.reference[1], "reference results"))
    section.tables.append(tables.promise(content.rows, "this run"))
    return section


def _agreement(content: Content) -> Section:
    section = Section("agreement", "Imagined against real", "Does imagination tell who is good?")
    rows = content.rows
    for task in tasks_of(rows):
        engine = _reality(rows, task)
        pairs = bridge_figures.pairs(rows, task, engine) if engine else []
        if pairs:
            assert engine is not None
            figure = bridge_figures.imagined_against_real(rows, task, engine)
            caption = f"{task}, this run: every policy, by level. {tables.count(rows, task)}"
            drawn = [row for pair in pairs for row in pair]
            title = f"{task}: imagined against real success"
            section.plots.append(plot(figure, title, caption, _once(drawn)))
    engines = [world for world in REALITY if select(rows, world=world, metric="gap")]
    section.tables = [bridge_tables.measures(rows, engine) for engine in engines]
    section.tables += [bridge_tables.by_policy(rows, engine) for engine in engines]
    return section


def _success(content: Content) -> Section:
    section = Section("success", "Success", "Success by level and world")
    rows, own = content.firm, content.rows
    whose = "this run" if content.reference is None else "reference results"
    for task in tasks_of(rows):
        for model in models_of(rows, task) or [""]:
            mine = of_model(rows, model)
            caption = f"{task}, model “{model}”, {whose}. {tables.count(mine, task)}"
            title = f"{task}, {model}: success by level, policy and world"
            drawn = select(mine, task=task, metric="success", factor=None)
            section.plots.append(plot(figures.success(mine, task), title, caption, drawn))
    if content.reference is not None:
        for task in tasks_of(own):
            for model in models_of(own, task) or [""]:
                mine, beside = of_model(own, model), of_model(rows, model)
                section.tables.append(tables.success(mine, task, f"{model}, this run", beside))
    for task in tasks_of(rows):
        for model in models_of(rows, task) or [""]:
            section.tables.append(tables.success(of_model(rows, model), task, f"{model}, {whose}"))
    return section


def _error(content: Content) -> Section:
    section = Section(
        "error", "Model error", "Model error next to success", tables=[tables.errors(content.firm)]
    )
    errors = [r for r in select(content.firm, metric="velocity_error") if "task" in r]
    if errors:
        figure = figures.error_against_success(content.firm)
        caption = (
            "Each mark is one level of one task; the dash above it is the same planner with exact physics."
        )
        success = select(content.firm, metric="success", policy="cem", world="box2d", factor=None)
        drawn = errors + [r for r in success if r.get("prepared_in") in ("learned", "box2d")]
        section.plots.append(plot(figure, "Velocity error against success", caption, drawn))
    return section


def _reality(rows: Sequence[Row], task: str) -> str | None:
    """The engine that a task's imagination is measured against."""
    played = {r["world"] for r in select(rows, task=task) if "world" in r}
    return next((world for world in REALITY if world in played), None)


def _called(world: str) -> str:
    return figures.WORLDS[world][0]


def _once(rows: Sequence[Row]) -> list[Row]:
    """Rows without repetition, in their order."""
    return list({id(r): r for r in rows}.values())
