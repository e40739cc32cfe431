"""The figures of `worldsim bench cost`: dose and response by type of the law error."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from benchmarks.costing.response import Response
from benchmarks.results_io import Row, select
from worldsim.engines import PERTURBED

PANELS = {
    "laws": ("gravity", "restitution", "mass_ratio", "interpenetration"),
    "contacts": ("momentum_leak", "contact_delay", "identity_swap"),
    "motion": ("velocity_bias", "jitter", "mean_drift", "vanishing"),
    "actuation": ("action_gain", "action_lag"),
}
STYLES = (("#0072B2", "o"), ("#D55E00", "s"), ("#009E73", "^"), ("#CC79A7", "D"))


def draw(rows: Sequence[Row]) -> dict[str, Figure]:
    """A figure for each task and level, by name."""
    places = dict.fromkeys((r["task"], r["level"]) for r in rows)
    return {f"{task}-{level}".lower(): responses(rows, task, level) for task, level in places}


def responses(rows: Sequence[Row], task: str, level: str) -> Figure:
    """Success over dose, a panel for each group of law errors, with 95 % intervals.

    Lines are the fitted curves; the reference, whose engine is right, stands at dose zero.
    """
    here = select(rows, task=task, level=level)
    found = {str(r.get("prepared_in", "")).removeprefix(PERTURBED) for r in here}
    panels = {name: [law for law in laws if law in found] for name, laws in PANELS.items()}
    panels = {name: laws for name, laws in panels.items() if laws} or {"": []}
    figure = Figure(figsize=(0.6 + 2.7 * len(panels), 3.2), layout="constrained")
    right = [r for r in select(here, metric="success", factor=None) if r["prepared_in"] == r["world"]]
    axes = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
    for axis, (name, laws) in zip(axes, panels.items()):
        for row in right:
            _point(axis, 0.0, row, {"color": "#555555", "marker": "*", "label": "right physics"})
        for law, (color, marker) in zip(laws, STYLES):
            _curve(axis, select(here, prepared_in=PERTURBED + law), color, marker, law.replace("_", " "))
        axis.set(title=name, xlabel="dose: mean position error, m", ylim=(-0.03, 1.03))
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(fontsize=7, frameon=False, loc="best")
    axes[0].set_ylabel(f"{task}, {level}: share of starts solved")
    return figure


def _curve(axis: Any, rows: Sequence[Row], color: str, marker: str, label: str) -> None:
    doses = {r["factor"]: r["value"] for r in select(rows, metric="position_error")}
    style = {"color": color, "marker": marker, "label": label}
    for row in select(rows, metric="success"):
        _point(axis, doses[row["factor"]], row, style)
        style = {"color": color, "marker": marker}
    fitted = {r["metric"]: r["value"] for r in rows if r["metric"] in ("intercept", "slope")}
    if fitted:
        x = np.linspace(0.0, max(doses.values()), 100)
        curve = Response(fitted["intercept"], fitted["slope"], None, None, None, 0)
        axis.plot(x, curve.success(x), color=color, linewidth=1)


def _point(axis: Any, x: float, row: Row, style: dict[str, str]) -> None:
    spread = [[row["value"] - row["low"]], [row["high"] - row["value"]]]
    axis.errorbar([x], [row["value"]], spread, linestyle="", markersize=5, linewidth=1, **style)
