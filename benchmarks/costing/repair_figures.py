"""The figure of the stage `repair`: what success each part of the error costs."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from agents.repair.parts import PARTS, Repair
from benchmarks.costing.figures import STYLES
from benchmarks.results_io import Row, select

NAMES = {
    "before": "motion\nbefore",
    "time": "contact\ntime",
    "outcome": "contact\noutcome",
    "after": "motion\nafter",
    "existence": "existence",
    "identity": "identity",
}


def draw(rows: Sequence[Row]) -> Figure:
    """Credits of the parts with 95 % intervals, a panel for each task and level, a marker for each world."""
    credits = select(rows, metric="credit")
    places = list(dict.fromkeys((r["task"], r["level"]) for r in credits)) or [("", "")]
    figure = Figure(figsize=(0.6 + 3.6 * len(places), 3.2), layout="constrained")
    panels = figure.subplots(1, len(places), sharey=True, squeeze=False)[0]
    for axis, (task, level) in zip(panels, places):
        here = select(credits, task=task, level=level)
        worlds = list(dict.fromkeys(_world(r) for r in here))
        for k, world in enumerate(worlds):
            color, marker = STYLES[k % len(STYLES)]
            mine = {Repair.parse(r["prepared_in"]).parts[0]: r for r in here if _world(r) == world}
            for i, part in enumerate(PARTS):
                row, x = mine[part], i + 0.15 * (k - (len(worlds) - 1) / 2)
                label = world if not i else None
                axis.plot([x], [row["value"]], marker, color=color, markersize=6, label=label)
                if row["low"] is not None:
                    axis.plot([x, x], [row["low"], row["high"]], color=color, linewidth=1.2)
        axis.axhline(0.0, color="#999999", linewidth=0.8)
        axis.set_xticks(range(len(PARTS)), [NAMES[part] for part in PARTS], fontsize=7)
        axis.set(title=f"{task}, {level}")
        axis.spines[["top", "right"]].set_visible(False)
        if worlds:
            axis.legend(fontsize=7, frameon=False, loc="best")
    panels[0].set_ylabel("success that repairing it\nbrings back (Shapley)")
    return figure


def _world(row: Row) -> str:
    return Repair.parse(row["prepared_in"]).world
