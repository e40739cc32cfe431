"""Tables and figures of the laws benchmark: error by level, and error over speed and radius."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import NullFormatter

from benchmarks.reports import tables
from benchmarks.results_io import Row, select

if TYPE_CHECKING:
    from rich.table import Table

LEVELS = ("id", "size1", "speed1", "size", "speed", "size1speed1", "both")
COLOURS = ("#555555", "#999999", "#CC79A7", "#D55E00", "#0072B2", "#009E73", "#E69F00", "#56B4E9")
MARKS = "xv+os^D"  #: one less than there are colours, so that pairs repeat late
TRAINED = ((0.7, 1.5), (1.0, 4.0))  #: radius, m, and speed, m/s, of the training clips at t = 0
ENOUGH = 3  #: models of a scenario without which errors over cost tell nothing
BINS = (np.linspace(0.3, 2.0, 18), np.linspace(0.0, 6.0, 13))


def table(rows: Sequence[Row]) -> "Table":
    """Velocity error with its interval, a line for each model and level, and how many frames count."""
    from rich.table import Table

    shown = Table(
        "scenario", "level", "model", "velocity error, m/s", "public code's", "permanence", "frames"
    )
    for row in select(rows, metric="velocity_error"):
        where = {c: row.get(c) for c in ("scenario", "level", "model", "factor", "seed")}
        others = [
            select(rows, **where, metric=m)
            for m in ("velocity_error_public", "permanence", "velocity_error_frames")
        ]
        interval = f" {tables.interval(row, 3)}" if row["n"] is not None else ""
        values = [f"{found[0]['value']:.3f}" if found else "" for found in others[:2]]
        frames = f"{others[2][0]['value']:,}" if others[2] else ""
        level = ", ".join(filter(None, (row["level"], row.get("factor"))))
        seed = f", seed {row['seed']}" if "seed" in row else ""
        error = f"{row['value']:.3f}{interval}"
        shown.add_row(row["scenario"], level, row["model"] + seed, error, *values, frames)
    return shown


def worst(rows: Sequence[Row]) -> float:
    """The largest value, whole levels and their fast parts alike; slow balls may be seen in training."""
    return max(row["value"] for row in rows if row.get("factor") != "slow")


def draw(rows: Sequence[Row], clips: Sequence[Mapping[str, Any]]) -> dict[str, Figure]:
    """All figures by name; that over cost where a scenario has enough models that tell theirs."""
    figures = {"levels": by_level(rows), "map": over_speed_and_radius(clips)}
    told = {r["model"] for r in select(rows, metric="training_flops")}
    asked = [r["scenario"] for r in select(rows, metric="velocity_error", level="id") if r["model"] in told]
    enough = max(map(asked.count, asked), default=0) >= ENOUGH
    return {**figures, "cost": over_cost(rows)} if enough else figures


def _reach(row: Row) -> tuple[float, float]:
    """How far the interval reaches below and above the value; nowhere where there is none."""
    if row["low"] is None:
        return 0.0, 0.0
    return row["value"] - row["low"], row["high"] - row["value"]


def by_level(rows: Sequence[Row]) -> Figure:
    """Velocity error of each model at each level, one panel for each scenario."""
    errors = select(rows, metric="velocity_error", factor=None)
    scenarios = list(dict.fromkeys(r["scenario"] for r in errors))
    models = list(dict.fromkeys(r["model"] for r in errors if r["level"] != "ood" and r["n"] is not None))
    figure = Figure(figsize=(3.6 * len(scenarios), 3.4), layout="constrained")
    axes = figure.subplots(1, len(scenarios), sharey=True, squeeze=False)[0]
    for ax, scenario in zip(axes, scenarios):
        here = select(errors, scenario=scenario)
        levels = [lv for lv in LEVELS if select(here, level=lv)]
        for i, model in enumerate(models):
            mine = [r for lv in levels for r in select(here, model=model, level=lv)]
            at = [levels.index(r["level"]) + 0.6 * (i / max(len(models) - 1, 1) - 0.5) for r in mine]
            value = np.array([r["value"] for r in mine])
            spread = np.array([_reach(r) for r in mine]).reshape(-1, 2).T
            style = {"color": COLOURS[i % len(COLOURS)], "marker": MARKS[i % len(MARKS)]}
            ax.errorbar(at, value, spread, linestyle="", markersize=4, linewidth=1, label=model, **style)
        published = [r["model"] for r in select(here, level="ood")]
        for model, dashes in zip(published, (":", "--", "-.")):
            line = {"linewidth": 0.8, "linestyle": dashes, "color": "#555555"}
            [known], [beyond] = (select(here, model=model, level=level) for level in ("id", "ood"))
            ax.hlines(known["value"], -0.5, 0.5, **line, label=model)
            ax.hlines(beyond["value"], 0.5, len(levels) - 0.5, **line)
        ax.set(title=scenario, yscale="log", xticks=range(len(levels)))
        ax.set_xticklabels(levels, rotation=30, ha="right", fontsize=8)
    axes[0].set_ylabel("velocity error, m/s")
    handles, labels = axes[0].get_legend_handles_labels()
    for ax in axes[1:]:
        for handle, label in zip(*ax.get_legend_handles_labels()):
            if label not in labels:
                handles.append(handle)
                labels.append(label)
    figure.legend(
        handles, labels, loc="outside lower center", ncols=min(len(labels), 6), fontsize=8, frameon=False
    )
    return figure


def over_cost(rows: Sequence[Row]) -> Figure:
    """Error in distribution (filled) and at the worst level (hollow) over the operations of training."""
    flops = {(r["model"], r.get("seed")): r["value"] for r in select(rows, metric="training_flops")}
    models = list(dict.fromkeys(model for model, _ in flops))
    errors = [r for r in select(rows, metric="velocity_error") if r["model"] in models]
    scenarios = list(dict.fromkeys(r["scenario"] for r in errors))
    figure = Figure(figsize=(3.4 * len(scenarios), 3.0), layout="constrained")
    decades = 10 ** np.floor(np.log10(min(flops.values()))), 10 ** np.ceil(np.log10(max(flops.values())))
    for ax, scenario in zip(figure.subplots(1, len(scenarios), sharey=True, squeeze=False)[0], scenarios):
        for (model, seed), cost in flops.items():
            mine = select(errors, scenario=scenario, model=model, seed=seed)
            if mine:
                colour = COLOURS[models.index(model) % len(COLOURS)]
                low, high = select(mine, level="id")[0]["value"], worst(mine)
                again = model in ax.get_legend_handles_labels()[1]
                ax.plot([cost] * 2, [low, high], color=colour, linewidth=0.7)
                ax.plot(cost, low, "o", color=colour, label=None if again else model)
                ax.plot(cost, high, "o", color=colour, markerfacecolor="white")
        ax.set(title=scenario, xscale="log", yscale="log", xlabel="operations of training", xlim=decades)
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.legend(fontsize=7, frameon=False)
    figure.axes[0].set_ylabel("velocity error, m/s")
    return figure


def over_speed_and_radius(clips: Sequence[Mapping[str, Any]]) -> Figure:
    """Median velocity error over the speed and radius of clips, the range of the training clips outlined."""
    shown_in: dict[str, list[str]] = {}
    for clip in clips:
        models = shown_in.setdefault(clip["scenario"], [])
        if clip["model"] not in models and not clip["model"].startswith("tracker"):
            models.append(clip["model"])
    most = max(map(len, shown_in.values()), default=1)
    figure = Figure(figsize=(2.3 * most + 0.8, 2.1 * len(shown_in) + 0.3), layout="constrained")
    axes = figure.subplots(len(shown_in), most, squeeze=False, sharex=True, sharey=True)
    shown = None
    for line, (scenario, models) in zip(axes, shown_in.items()):
        for ax in line[len(models) :]:
            ax.set_visible(False)
        for ax, model in zip(line, models):
            mine = [c for c in clips if c["scenario"] == scenario and c["model"] == model]
            shown = ax.pcolormesh(*BINS, _median(mine).T, cmap="viridis", vmin=0, vmax=2)
            (r0, r1), (v0, v1) = TRAINED
            ax.add_patch(
                Rectangle((r0, v0), r1 - r0, v1 - v0, fill=False, edgecolor="#D55E00", linewidth=1.5)
            )
            ax.set_title(f"{model}, {scenario}", fontsize=8)
    figure.supxlabel("radius, m", fontsize=9)
    figure.supylabel("speed, m/s", fontsize=9)
    if shown is not None:
        figure.colorbar(shown, ax=axes, label="velocity error, m/s (median)", shrink=0.8)
    return figure


def _median(clips: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Median error in each bin of radius and speed, NaN where no clip lies."""
    radius = np.digitize([c["radius"] for c in clips], BINS[0]) - 1
    speed = np.digitize([c["speed"] for c in clips], BINS[1]) - 1
    error = np.array([c["error"] for c in clips])
    grid = np.full((len(BINS[0]) - 1, len(BINS[1]) - 1), np.nan)
    for i, j in {(i, j) for i, j in zip(radius, speed) if 0 <= i < grid.shape[0] and 0 <= j < grid.shape[1]}:
        grid[i, j] = np.median(error[(radius == i) & (speed == j)])
    return grid
