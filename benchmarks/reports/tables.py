"""Tables of result rows for people: percentages with their intervals, one line per cell."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.reports.figures import LEVEL_NAMES, LEVELS, POLICIES, TASKS, WORLDS, in_order, policy_name
from benchmarks.results_io import Row, select

if TYPE_CHECKING:
    from rich.table import Table as RichTable

NULLS = ("inertia", "frozen", "undamped")  #: worlds without the law that a task is about


@dataclass(frozen=True)
class Table:
    """A caption, the heads of the columns and lines of text."""

    caption: str
    head: list[str]
    lines: list[list[str]]


def tasks_of(rows: Sequence[Row]) -> list[str]:
    """Tasks that a policy has played."""
    return in_order({r["task"] for r in rows if "task" in r and "policy" in r and "world" in r}, TASKS)


def levels_of(rows: Sequence[Row], task: str) -> list[str]:
    """Levels of a task that a policy has played."""
    return in_order({r["level"] for r in select(rows, task=task) if "policy" in r and "level" in r}, LEVELS)


def level_name(level: str) -> str:
    """How a level is called."""
    return LEVEL_NAMES.get(level, level)


def success(rows: Sequence[Row], task: str, whose: str, beside: Sequence[Row] = ()) -> Table:
    """Success of one task, policies by level, worlds side by side; `beside` adds reference columns."""
    cells = select(rows, task=task, metric="success", factor=None)
    worlds = in_order({r["world"] for r in cells}, tuple(WORLDS))
    lines = []
    for level in levels_of(cells, task):
        here = select(cells, level=level)
        for policy, prepared_in in in_order({(r["policy"], r.get("prepared_in")) for r in here}, POLICIES):
            who = {"level": level, "policy": policy, "prepared_in": prepared_in}
            line = [f"{level_name(level)}: {policy_name(policy, prepared_in)}"]
            line += [percent(select(here, world=w, **who)) for w in worlds]
            found = select(beside, task=task, metric="success", factor=None, **who)
            line += [percent(select(found, world=w)) for w in worlds] if beside else []
            lines.append(line)
    head = ["Level and policy"] + [WORLDS[w][0] for w in worlds]
    if beside:
        head += [f"{WORLDS[w][0]}, reference" for w in worlds]
    caption = f"{task}, {whose}: success in % [95 % interval], by executing world"
    return Table(caption, head, lines)


def promise(rows: Sequence[Row], whose: str) -> Table:
    """What planning in the model promised, and what came of it, by task, level and model."""
    head = ["Promised", "Real, Box2D", "Real, MuJoCo", "Phantom", "Fair reference", "Ratio"]
    lines = []
    for task in tasks_of(rows):
        for level in levels_of(rows, task):
            here = select(rows, task=task, level=level, policy="cem", factor=None)
            own = select(here, prepared_in="learned")
            for model in dict.fromkeys(r.get("model") for r in own):
                line = _promise_line(select(own, model=model), select(here, prepared_in="box2d"))
                named = [model] if model else []
                lines.append([f"{task}, {level_name(level)}", *named, *line] if line else [])
    lines = [line for line in lines if line]
    named = ["Model"] * any(len(line) > 1 + len(head) for line in lines)
    caption = f"CEM planned in the learned model, {whose}, in % [95 % interval]"
    return Table(caption, ["Task and level", *named, *head], lines)


def _promise_line(own: Sequence[Row], fair: Sequence[Row]) -> list[str]:
    real = select(own, world="box2d")
    if not real:
        return []
    return [
        percent(select(real, metric="imagined_success")),
        percent(select(real, metric="success")),
        percent(select(own, world="mujoco", metric="success")),
        percent(select(real, metric="phantom")),
        percent(select(fair, world="box2d", metric="success")),
        number(select(real, metric="success_ratio_to_box2d")),
    ]


def errors(rows: Sequence[Row]) -> Table:
    """Velocity error and permanence of the models by level, on task starts and on scenarios."""
    measured = [r for r in rows if r["metric"] in ("velocity_error", "permanence") and r.get("model")]
    clips: dict[tuple[str, str, str], list[Row]] = {}
    for r in measured:
        clips.setdefault((r["model"], str(r.get("task") or r["scenario"]), r["level"]), []).append(r)
    lines = [
        [
            f"{place}, {level_name(level)}",
            model,
            number(select(found, metric="velocity_error"), 3),
            percent(select(found, metric="permanence"), 1),
        ]
        for (model, place, level), found in clips.items()
    ]
    caption = (
        "Velocity error over full clips, and permanence in %: the share of frames in which every ball that "
        "should be in view is there exactly once [95 % intervals]"
    )
    return Table(caption, ["Clips", "Model", "Velocity error, m/s", "Permanence"], lines)


def proof(rows: Sequence[Row], world: str = "box2d") -> Table:
    """What each task proves in one engine: who solves it, who does not, and what a wrong physics costs."""
    falls = select(rows, metric="success_fall", world=world)
    lines = []
    for fall in falls:
        here = select(rows, task=fall["task"], level=fall["level"], world=world, metric="success")
        line = [f"{fall['task']}, {level_name(fall['level'])}"]
        line += [percent(select(here, policy=who)) for who in ("oracle", "noop", "random", "reactive")]
        null = [r for r in here if r["policy"] == fall["policy"] and r.get("prepared_in") in NULLS]
        lines.append([*line, percent(null), percent([fall]), str(fall["n"])])
    head = [
        "Task and level",
        "Oracle ≥ 95",
        "Nothing ≤ 5",
        "Random ≤ 20",
        "Reactive ≤ 50",
        "CEM without the law ≤ 50",
    ]
    caption = f"Success in {WORLDS[world][0]} in %, and its fall under a wrong physics [95 % intervals]"
    return Table(caption, [*head, "Fall ≥ 30", "Starts"], lines)


def speed(rows: Sequence[Row]) -> Table:
    """Frames imagined per second."""
    found = select(rows, metric="frames_per_s")
    lines = [
        [str(r.get("model", r.get("world", ""))), str(r.get("batch", "")), f"{r['value']:.0f}"] for r in found
    ]
    return Table("Imagined 64×64 frames per second", ["Model", "Batch", "Frames per second"], lines)


def count(rows: Sequence[Row], task: str) -> str:
    """How many starts stand behind a task's figures."""
    spans = {}
    for level in levels_of(rows, task):
        numbers = {r["n"] for r in select(rows, task=task, level=level, metric="success")}
        if numbers:
            spans[level] = "–".join(map(str, sorted({min(numbers), max(numbers)})))
    if len(set(spans.values())) == 1:
        return f"Starts per cell: {spans.popitem()[1]}."
    return "Starts per cell: " + ", ".join(f"{level_name(lv)} {span}" for lv, span in spans.items()) + "."


def shown(table: Table) -> "RichTable":
    """A table for the terminal."""
    from rich.table import Table as RichTable

    made = RichTable(*table.head, title=table.caption)
    for line in table.lines:
        made.add_row(*line)
    return made


def percent(rows: Sequence[Row], digits: int = 0) -> str:
    """The first row as a percentage with its interval, a dash when there is none."""
    if not rows:
        return "–"
    ends = {k: None if rows[0].get(k) is None else 100 * rows[0][k] for k in ("low", "high")}
    return f"{_fixed(100 * rows[0]['value'], digits)} {interval(rows[0] | ends, digits)}"


def number(rows: Sequence[Row], digits: int = 2) -> str:
    """The first row as a number with its interval, a dash when there is none."""
    if not rows:
        return "–"
    return f"{_fixed(rows[0]['value'], digits)} {interval(rows[0], digits)}"


def interval(row: Row, digits: int = 2) -> str:
    """A row's interval; an end that is not finite is ∞. Too few units for an interval: how many they are."""
    if row.get("low") is None and row.get("high") is None:
        return f"(n = {row['n']})"
    low, high = ("∞" if row.get(k) is None else _fixed(row[k], digits) for k in ("low", "high"))
    return f"[{low}, {high}]"


def _fixed(value: float, digits: int) -> str:
    """With so many digits, and no sign before a zero."""
    return f"{round(value, digits) + 0.0:.{digits}f}"
