"""The parts of a report: figures with their data, tables and videos; their words are in the template."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from benchmarks.bridging.advice import REALITY
from benchmarks.episodes.records import text_hash
from benchmarks.reports import bridge_figures, bridge_tables, figures, tables
from benchmarks.reports.bridge_figures import models_of
from benchmarks.reports.report import Content, Video
from benchmarks.reports.tables import Table, tasks_of
from benchmarks.results_io import Row, select

DRAWN = 12  #: figures of one kind, at most, over tasks and models
TOLD_APART = 6  #: models that the marks of a figure tell apart
RECURS = 4  #: times that a style recurs in a figure to be written once


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
            tables=[tables.proof(content.known, engine) for engine in ("box2d", "mujoco")],
        ),
        Section("speed", "Speed", "Speed of imagination", tables=[tables.speed(content.known)]),
    ]
    for section in found:
        section.tables = [table for table in section.tables if table.lines]
    return [s for s in found if s.plots or s.tables or s.videos]


def plot(figure: Any, title: str, caption: str, rows: Sequence[Row]) -> Plot:
    """A figure with the rows that it draws."""
    data = bridge_tables.raw(rows, f"Data: {title}")
    drawn = Markup(compact(figures.svg(figure, title)))
    return Plot(drawn, title, caption, data, bridge_tables.csv_uri(data))


def compact(svg: str) -> str:
    """A figure in a third of its bytes: to a hundredth of a point, without indentation and groups of one, and
    with styles that recur written once."""
    parts = re.split(r"(<(?:text|title)\b.*?</(?:text|title)>)", svg, flags=re.S)
    for i in range(0, len(parts), 2):  # what people read stays as it is
        parts[i] = re.sub(r"-?\d+\.\d{3,}", lambda found: f"{float(found[0]):.2f}", parts[i])
        parts[i] = re.sub(r"\s*\n\s*", " ", parts[i]).replace("> <", "><")
        parts[i] = re.sub(r"<g>(<(?:path|use)\b[^<>]*/>)</g>", r"\1", parts[i])
    styled = r'(<(?:path|use|text)\b[^<>]*?) style="([^"<>]*)"'
    whole = "".join(parts)
    counts = Counter(style for _, style in re.findall(styled, whole))
    names = {style: f"s{text_hash(style)}" for style, count in counts.items() if count >= RECURS}

    def named(found: re.Match[str]) -> str:
        return f'{found[1]} class="{names[found[2]]}"' if found[2] in names else found[0]

    rules = "".join(f".{name}{{{style}}}" for style, name in names.items())
    end = whole.index("</title>") + len("</title>")
    return whole[:end] + f"<style>{rules}</style>" + re.sub(styled, named, whole[end:])


def drawn_models(rows: Sequence[Row], task: str) -> tuple[list[str], str]:
    """The models of a task that figures are drawn for, and a sentence where these are not all."""
    models = models_of(rows, task)
    most = max(1, min(TOLD_APART, DRAWN // max(1, len(tasks_of(rows)))))
    if len(models) <= most:
        return models, ""
    return models[:most], f" Drawn for {most} of {len(models)} models; the tables hold all."


def of_model(rows: Sequence[Row], model: str) -> list[Row]:
    """The rows of one model, and those that no model has a part in."""
    return of_models(rows, [model])


def of_models(rows: Sequence[Row], models: Sequence[str]) -> list[Row]:
    """The rows of some models, and those that no model has a part in."""
    return [r for r in rows if "model" not in r or r["model"] in models]


def _promise(content: Content) -> Section:
    section = Section("promise", "Promise and reality", "What the model promises, and what comes of it")
    for task in tasks_of(content.rows):
        engine = _reality(content.rows, task)
        models, fewer = drawn_models(content.rows, task)
        some = of_models(content.rows, models)
        drawn = bridge_figures.fate_rows(some, task, engine) if engine else []
        if drawn:
            assert engine is not None
            figure = bridge_figures.fates(some, task, engine)
            caption = (
                f"{task}, this run: policies prepared in the model, played in it and in {_called(engine)}. "
                f"{tables.count(content.rows, task)}{fewer}"
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
        models, fewer = drawn_models(rows, task)
        some = of_models(rows, models)
        pairs = bridge_figures.pairs(some, task, engine) if engine else []
        if pairs:
            assert engine is not None
            figure = bridge_figures.imagined_against_real(some, task, engine)
            caption = f"{task}, this run: every policy, by level. {tables.count(rows, task)}{fewer}"
            drawn = [row for pair in pairs for row in pair]
            title = f"{task}: imagined against real success"
            section.plots.append(plot(figure, title, caption, _once(drawn)))
    engines = [world for world in REALITY if select(rows, world=world, metric="gap")]
    section.tables = [bridge_tables.measures(rows, engine) for engine in engines]
    section.tables += [bridge_tables.by_policy(rows, engine) for engine in engines]
    return section


def _success(content: Content) -> Section:
    section = Section("success", "Success", "Success by level and world")
    rows, own = content.known, content.rows
    whose = {t: "reference results" if t in content.referred else "this run" for t in tasks_of(rows)}
    for task in tasks_of(rows):
        models, fewer = drawn_models(rows, task)
        for model in models or [""]:
            mine = of_model(rows, model)
            caption = f"{task}, model “{model}”, {whose[task]}. {tables.count(mine, task)}{fewer}"
            title = f"{task}, {model}: success by level, policy and world"
            drawn = select(mine, task=task, metric="success", factor=None)
            section.plots.append(plot(figures.success(mine, task), title, caption, drawn))
    for task in (task for task in tasks_of(own) if task in content.referred):
        for model in models_of(own, task) or [""]:
            mine, beside = of_model(own, model), of_model(rows, model)
            section.tables.append(tables.success(mine, task, f"{model}, this run", beside))
    for task in tasks_of(rows):
        for model in models_of(rows, task) or [""]:
            section.tables.append(tables.success(of_model(rows, model), task, f"{model}, {whose[task]}"))
    return section


def _error(content: Content) -> Section:
    section = Section(
        "error", "Model error", "Model error next to success", tables=[tables.errors(content.known)]
    )
    errors = [r for r in select(content.known, metric="velocity_error") if "task" in r]
    if errors:
        figure = figures.error_against_success(content.known)
        caption = (
            "Each mark is one level of one task; the dash above it is the same planner with exact physics."
        )
        success = select(content.known, metric="success", policy="cem", world="box2d", factor=None)
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
