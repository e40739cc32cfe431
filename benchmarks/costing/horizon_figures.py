"""The figures of the stage `horizon`: success over planning horizon / divergence horizon."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from benchmarks.costing.figures import PANELS, STYLES
from benchmarks.results_io import Row, select
from worldsim.engines import PERTURBED

GROUPS = {**PANELS, "learned": ("learned",)}


def draw(rows: Sequence[Row]) -> dict[str, Figure]:
    """A figure for each task and level, by name."""
    places = dict.fromkeys((r["task"], r["level"]) for r in select(rows, metric="horizon_ratio"))
    return {f"horizon-{task}-{level}".lower(): law(rows, task, level) for task, level in places}


def law(rows: Sequence[Row], task: str, level: str) -> Figure:
    """Success over H / D of the starts that right physics solves at the same H, with 95 % intervals.

    A panel for each group of errors, a colour for each type; lines are the fitted curves.
    """
    here = select(rows, task=task, level=level)
    found = {kind(r) for r in select(here, metric="horizon_ratio")}
    panels = {name: [error for error in kinds if error in found] for name, kinds in GROUPS.items()}
    panels = {name: kinds for name, kinds in panels.items() if kinds}
    figure = Figure(figsize=(0.6 + 2.7 * len(panels), 3.2), layout="constrained")
    axes = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
    for axis, (name, kinds) in zip(axes, panels.items()):
        for error, (color, marker) in zip(kinds, STYLES):
            _curve(axis, [r for r in here if kind(r) == error], color, marker, error.replace("_", " "))
        axis.set(title=name, xlabel="planning / divergence horizon", xscale="log", ylim=(-0.03, 1.03))
        axis.xaxis.set_major_formatter("{x:g}")
        axis.xaxis.set_minor_formatter("")
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(fontsize=7, frameon=False, loc="best")
    axes[0].set_ylabel(f"{task}, {level}: share of starts\nsolved as in right physics")
    return figure


def _curve(axis: Any, rows: Sequence[Row], color: str, marker: str, label: str) -> None:
    ratios = {_cell(r): r["value"] for r in select(rows, metric="horizon_ratio")}
    for row in select(rows, metric="horizon_kept"):
        if _cell(row) in ratios:
            spread = [[row["value"] - row["low"]], [row["high"] - row["value"]]]
            style = {"color": color, "marker": marker, "markersize": 5, "linewidth": 1, "linestyle": ""}
            axis.errorbar([ratios[_cell(row)]], [row["value"]], spread, label=label, **style)
            label = ""
    fitted = {r["metric"]: r["value"] for r in rows if r["metric"] in ("kept_intercept", "kept_slope")}
    if len(fitted) == 2:
        x = np.geomspace(min(ratios.values()), max(ratios.values()), 100)
        logits = fitted["kept_intercept"] + fitted["kept_slope"] * np.log(x)
        axis.plot(x, 1 / (1 + np.exp(-np.clip(logits, -500, 500))), color=color, linewidth=1)


def kind(row: Row) -> str:
    """The type of the error: a law, or learned."""
    return str(row.get("prepared_in", "")).removeprefix(PERTURBED).partition(":")[0]


def _cell(row: Row) -> tuple[Any, ...]:
    return row["prepared_in"], row.get("model"), row["factor"]
