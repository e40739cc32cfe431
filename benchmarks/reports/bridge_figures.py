"""Figures of the bridge: what became of what was promised, and imagined against real success by policy."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from benchmarks.bridging.gap import TABLE
from benchmarks.reports.figures import (
    INK,
    LEVEL_NAMES,
    LEVELS,
    STYLE,
    WORLDS,
    in_order,
    policy_name,
    shortened,
)
from benchmarks.results_io import Row, select

FATES = {  #: how each cell of the 2x2 table is called and drawn
    "solved_in_both": ("promised and kept", "#0072B2", ""),
    "phantom_success": ("phantom: promised, not kept", "#D55E00", "////"),
    "missed_success": ("missed: kept, though not promised", "#56B4E9", "...."),
    "solved_in_none": ("neither", "#B8BEC6", ""),
}
MODEL_STYLES = (
    ("#D55E00", "o"),
    ("#0072B2", "s"),
    ("#009E73", "^"),
    ("#CC79A7", "D"),
    ("#E69F00", "v"),
    ("#56B4E9", "P"),
)
COLUMNS = 3  #: panels side by side, at most


def models_of(rows: Sequence[Row], task: str) -> list[str]:
    """Models that have a part in a task's rows, in their order."""
    return list(dict.fromkeys(r["model"] for r in select(rows, task=task) if "model" in r and "policy" in r))


def fate_rows(rows: Sequence[Row], task: str, world: str) -> list[Row]:
    """The 2x2 tables of the policies that were prepared in a model."""
    found = [r for r in rows if r["metric"] in TABLE and r.get("prepared_in") == "learned"]
    return select(found, task=task, world=world)


def fates(rows: Sequence[Row], task: str, world: str) -> Figure:
    """A bar for each level, model and policy prepared in the model, split into the cells of the 2x2 table."""
    found = fate_rows(rows, task, world)
    lines = {(r["level"], r["model"], r["policy"]): None for r in found}
    order = sorted(lines, key=lambda line: in_order({x[0] for x in lines}, LEVELS).index(line[0]))
    many = len({(model, policy) for _, model, policy in order}) > 1
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7.4, 1.1 + 0.3 * len(order)), layout="constrained")
        axis = figure.subplots()
        for place, (level, model, policy) in enumerate(order):
            left = 0.0
            for metric in FATES:
                (row,) = select(found, level=level, model=model, policy=policy, metric=metric)
                _share(axis, place, left, row["value"], metric)
                left += row["value"]
        names = [_line_name(*line) if many else str(LEVEL_NAMES.get(line[0], line[0])) for line in order]
        axis.set_yticks(range(len(order)), names)
        axis.invert_yaxis()
        axis.set_xlim(0, 1)
        axis.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25", "50", "75", "100 % of starts"])
        axis.tick_params(axis="y", length=0)
        handles = [Patch(facecolor=c, hatch=h, edgecolor="white", label=n) for n, c, h in FATES.values()]
        figure.legend(handles=handles, loc="outside upper left", ncols=2, frameon=False, fontsize=8.5)
    return figure


def _share(axis: Any, place: int, left: float, share: float, metric: str) -> None:
    """One part of a bar, with its percentage where there is room."""
    _, color, hatch = FATES[metric]
    axis.barh(place, share, 0.72, left, color=color, hatch=hatch, edgecolor="white", linewidth=0.6)
    if share >= 0.08:
        box = {"boxstyle": "round,pad=0.15", "facecolor": color, "edgecolor": "none"}
        ink = "#10151a" if metric in ("missed_success", "solved_in_none") else "white"
        where = {"ha": "center", "va": "center"}
        axis.text(left + share / 2, place, f"{100 * share:.0f}", color=ink, fontsize=8, bbox=box, **where)


def _line_name(level: str, model: str, policy: str) -> str:
    return shortened(f"{LEVEL_NAMES.get(level, level)} · {model} · {policy_name(policy, None)}", 56)


def pairs(rows: Sequence[Row], task: str, world: str) -> list[tuple[Row, Row]]:
    """Imagined and real success of every policy, by model and level."""
    cells = select(rows, task=task, metric="success", factor=None)
    who = ("level", "policy", "prepared_in", "model")
    real = {tuple(r.get(c) for c in who): r for r in select(cells, world=world)}
    found = []
    for r in select(cells, world="learned"):
        mine = tuple(r.get(c) for c in who)
        other = real.get(mine) or real.get((*mine[:3], None))
        if other:
            found.append((r, other))
    return found


def imagined_against_real(rows: Sequence[Row], task: str, world: str) -> Figure:
    """A panel for each level, a mark with both intervals for each policy in each model; on the diagonal
    imagination keeps its word."""
    found = pairs(rows, task, world)
    levels, models = in_order({r["level"] for r, _ in found}, LEVELS), models_of(rows, task)
    wide = min(len(levels), COLUMNS)
    high = -(-len(levels) // wide)
    with matplotlib.rc_context(STYLE):
        size = (0.7 + 2.3 * wide, 0.85 + 2.4 * high + 0.15 * len(models))
        figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(w_pad=0.07, h_pad=0.07))
        axes = figure.subplots(high, wide, sharex=True, sharey=True, squeeze=False).ravel()
        for axis, level in zip(axes, levels):
            axis.set_title(LEVEL_NAMES.get(level, level))
            _diagonal(axis)
            for number, model in enumerate(models):
                color, marker = MODEL_STYLES[number % len(MODEL_STYLES)]
                for s, r in found:
                    if s["level"] == level and s.get("model") == model:
                        inside = s.get("prepared_in") == "learned"
                        _mark(axis, s, r, color, marker, inside)
        for axis in axes[len(levels) :]:
            axis.set_visible(False)
        figure.supxlabel("imagined success, in the model", fontsize=9, color=INK)
        figure.supylabel(f"real success, in {WORLDS[world][0]}", fontsize=9, color=INK)
        styles = [MODEL_STYLES[i % len(MODEL_STYLES)] for i in range(len(models))]
        handles = [
            Line2D([], [], color=c, marker=m, linestyle="", label=shortened(name))
            for name, (c, m) in zip(models, styles)
        ]
        hollow = Line2D([], [], color=INK, marker="o", linestyle="", markerfacecolor="none")
        hollow.set_label("hollow: prepared outside of the model")
        figure.legend(
            handles=[*handles, hollow],
            loc="outside upper left",
            ncols=1 if wide < COLUMNS else 2,
            frameon=False,
            fontsize=8.5,
        )
    return figure


def scores(rows: Sequence[Row], names: Sequence[str], metrics: Mapping[str, str]) -> Figure:
    """A panel for each score, a line for each name, with its interval."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7.4, 0.9 + 0.32 * len(names)), layout="constrained")
        axes = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
        for axis, (metric, head) in zip(axes, metrics.items()):
            for place, name in enumerate(names):
                (row,) = select(rows, model=name, metric=metric)
                if row.get("low") is not None:
                    axis.plot([row["low"], row["high"]], [place] * 2, color="#0072B2", linewidth=1.6)
                axis.plot([row["value"]], [place], color="#0072B2", marker="o", markersize=5)
            axis.set_title(head)
            axis.grid(axis="x", color="#808080", alpha=0.25, linewidth=0.6)
            axis.tick_params(axis="y", length=0)
        axes[0].set_yticks(range(len(names)), map(shortened, names))
        axes[0].set_ylim(len(names) - 0.5, -0.5)
    return figure


def _diagonal(axis: Any) -> None:
    axis.plot([0, 1], [0, 1], color="#808080", linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    axis.set_xlim(-0.05, 1.05)
    axis.set_ylim(-0.05, 1.05)
    axis.set_aspect("equal")
    for set_ticks in (axis.set_xticks, axis.set_yticks):
        set_ticks([0, 0.5, 1], ["0", "½", "1"])


def _mark(axis: Any, imagined: Row, real: Row, color: str, marker: str, filled: bool) -> None:
    x, y = imagined["value"], real["value"]
    axis.plot([imagined["low"], imagined["high"]], [y, y], color=color, linewidth=0.7, alpha=0.6)
    axis.plot([x, x], [real["low"], real["high"]], color=color, linewidth=0.7, alpha=0.6)
    face = color if filled else "none"
    axis.plot([x], [y], color=color, marker=marker, markersize=5, markerfacecolor=face, markeredgewidth=1.1)
