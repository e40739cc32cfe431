"""Held-out prediction as a figure: errors of each means with intervals, and prediction against success."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from benchmarks.results_io import Row, select

NAMES = {
    "typed": "typed errors",
    "scalar": "best single number",
    "mean": "training mean",
    "wrong_engines": "typed errors,\nlearned from wrong engines",
    "curves": "dose-response curves",
}
STYLES = {"Strike": ("#0072B2", "o"), "Catch": ("#E69F00", "s")}


def draw(rows: Sequence[Row]) -> Figure:
    """Mean absolute errors with 95 % intervals; real success over what typed errors predict."""
    figure = Figure(figsize=(8.6, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.2, 1))
    found = [(name, r) for name in NAMES for r in select(rows, metric=f"prediction_error_{name}")]
    for y, (_, row) in enumerate(reversed(found)):
        if row["low"] is not None:
            left.plot([row["low"], row["high"]], [y, y], color="#0072B2", linewidth=1.6)
        left.plot([row["value"]], [y], "o", color="#0072B2")
    left.set_yticks(range(len(found)), [NAMES[name] for name, _ in reversed(found)])
    for row in select(rows, metric="prediction_error_floor"):
        left.axvline(row["value"], color="#777777", linestyle=":", label="true rates, so many starts")
        left.legend(frameon=False, fontsize=7)
    models = found[0][1]["n"] if found else 0
    left.set(xlabel="mean absolute error of success", ylim=(-0.6, len(found) - 0.4))
    left.set_title(f"{models} models, held out by training run", fontsize=9)
    left.set_xlim(left=0)
    right.plot([0, 1], [0, 1], color="#999999", linewidth=0.8)
    for task, (color, marker) in STYLES.items():
        said = select(rows, task=task, metric="predicted_success_typed")
        pairs = [(r["value"], real[0]["value"]) for r in said if (real := _real(rows, r))]
        if pairs:
            right.plot(*zip(*pairs), marker, color=color, markersize=4, label=task, linestyle="")
    right.set(
        xlabel="predicted from typed errors", ylabel="real success", xlim=(-0.03, 1.03), ylim=(-0.03, 1.03)
    )
    right.legend(frameon=False, fontsize=8)
    for axis in (left, right):
        axis.spines[["top", "right"]].set_visible(False)
    return figure


def _real(rows: Sequence[Row], row: Row) -> list[Row]:
    return select(rows, metric="success", **{k: row[k] for k in ("task", "level", "model")})
