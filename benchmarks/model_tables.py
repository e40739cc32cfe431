"""Tables about models, printed and in the README: laws, ideas, scaling, gaps, priority, throughput."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from benchmarks import tables
from benchmarks.figures import in_order
from benchmarks.laws.figures import LEVELS
from benchmarks.results_io import Row, select
from benchmarks.tables import Table

if TYPE_CHECKING:
    from rich.table import Table as RichTable

LINES = ("tracker", "autoencoder", "inertia", "retrieval")  #: before the models


def laws(rows: Sequence[Row], scenario: str) -> Table:
    """Velocity error of every model at every level of a scenario; what was published stands last."""
    found = select(rows, scenario=scenario, metric="velocity_error")
    levels = [lv for lv in LEVELS if any(r["level"] == lv and r["n"] is not None for r in found)]
    lines = []
    for model in in_order({r["model"] for r in found if r["n"] is not None}, LINES):
        mine = {r["level"]: r for r in select(found, model=model)}
        worst = max((r["value"] for r in mine.values()), default=0.0)
        ratio = f"{worst / mine['id']['value']:.1f}" if "id" in mine and model not in LINES else ""
        lines.append([model, *(interval(mine.get(lv)) for lv in levels), ratio])
    for model in dict.fromkeys(r["model"] for r in found if r["n"] is None):
        told = {r["level"]: r["value"] for r in select(found, model=model)}
        ood = f"{told['ood']:.3f} (all OOD)" if "ood" in told else ""
        ratio = f"{told['ood'] / told['id']:.1f}" if "ood" in told else ""
        lines.append([model, f"{told['id']:.3f}", ood, *[""] * (len(levels) - 2), ratio])
    caption = f"{scenario}: velocity error in m/s [95 % interval], {found[0]['n']} clips a level"
    return Table(caption, ["Model", *map(_level, levels), "Worst / ID"], lines)


def ideas(rows: Sequence[Row]) -> Table:
    """Each idea's error in distribution and at the worst level out of it."""
    from benchmarks.ideas import IDEAS

    lines = []
    for row in select(rows, metric="velocity_error", level="id"):
        where = {"scenario": row["scenario"], "model": row["model"]}
        ood = [r for r in select(rows, **where, metric="velocity_error") if r["level"] != "id"]
        worst = max(ood, key=lambda r: r["value"])
        [minutes] = select(rows, **where, metric="training_minutes")
        times = f"{worst['value'] / row['value']:.1f}"
        about = IDEAS[row["model"]].about
        told = (
            interval(row),
            f"{interval(worst)} ({_level(worst['level'])})",
            times,
            f"{minutes['value']:.0f}",
        )
        lines.append([*where.values(), about, *told])
    head = ["Scenario", "Model", "What is new", "ID", "Worst level", "Worst / ID", "Minutes"]
    return Table("Velocity error in m/s [95 % interval]; minutes of training on one core", head, lines)


def scaling(rows: Sequence[Row]) -> Table:
    """Error by size of the model and number of clips, the mean over training seeds, then the slopes."""
    errors = select(rows, metric="velocity_error")
    levels = list(dict.fromkeys(r["level"] for r in errors))
    lines = []
    for size, clips in dict.fromkeys((r["size"], r["clips"]) for r in errors):
        mine = select(rows, size=size, clips=clips)
        count, epochs = (select(mine, metric=m)[0]["value"] for m in ("parameters", "epochs"))
        cells = []
        for level in levels:
            values = [r["value"] for r in select(mine, metric="velocity_error", level=level)]
            spread = f" ({min(values):.3f} to {max(values):.3f})" if len(values) > 1 else ""
            cells.append(f"{sum(values) / len(values):.3f}{spread}")
        seeds = len({r["seed"] for r in mine})
        lines.append([f"{count:,}", f"{clips:,}", f"{epochs:.1f}", f"{seeds}", *cells])
    for metric, text in (("slope_clips", "clips"), ("slope_parameters", "parameters")):
        found = [select(rows, metric=metric, level=lv) for lv in levels]
        if all(found):
            cells = [f"{r['value']:+.2f} [{r['low']:+.2f}, {r['high']:+.2f}]" for [r] in found]
            lines.append([f"log10 of the error for 10 x {text}", "", "", "", *cells])
    caption = (
        f"{errors[0]['scenario']}, family {errors[0]['model']}: velocity error in m/s, mean over training "
        f"seeds (least to most); epochs are mean visits of a clip"
    )
    return Table(caption, ["Parameters", "Clips", "Epochs", "Seeds", *map(_level, levels)], lines)


def gaps(rows: Sequence[Row]) -> Table:
    """Nearness to memory, velocity error and balls turned round, by model, scenario and level."""
    lines = []
    for row in select(rows, metric="nearer_to_memory"):
        where = {c: row[c] for c in ("scenario", "level", "model")}
        cells = [select(rows, **where, metric=m) for m in ("nearer_to_memory", "velocity_error", "reversed")]
        near, error, turned = (interval(found[0]) if found else "–" for found in cells)
        lines.append([row["scenario"], _level(row["level"]), row["model"], near, error, turned])
    head = ["Scenario", "Level", "Model", "Nearer to memory", "Velocity error, m/s", "Turned round"]
    return Table("Shares of clips and velocity error [95 % interval]", head, lines)


def pairs(rows: Sequence[Row]) -> Table:
    """What is kept of two attributes whose pair was never seen."""
    lines = []
    for row in select(rows, metric="kept_both", level="swapped"):
        where = {c: row[c] for c in ("scenario", "level", "model")}
        _, first, second = row["scenario"].split("_")
        others = [select(rows, **where, metric=f"kept_{m}")[0] for m in (first, second, "neither")]
        counts = [f"{round(r['value'] * r['n'])}" for r in (row, *others)]
        lines.append([row["model"], f"{first}, {second}", *counts])
    head = ["Model", "Pair", "Kept both", "The first alone", "The second alone", "Neither"]
    return Table(f"Rollouts of {_asked(rows)} clips whose pair of attributes was never seen", head, lines)


def throughput(rows: Sequence[Row]) -> Table:
    """Frames per second by batch, seconds for a planner's decision, and what sharing saves."""
    lines = []
    for model in dict.fromkeys(r["model"] for r in rows):
        mine = select(rows, model=model)
        batches = sorted({r["batch"] for r in mine})
        most = select(mine, batch=batches[-1])
        cells = [f"{select(mine, batch=b, metric='frames_per_s')[0]['value']:.0f}" for b in batches]
        for metric in ("seconds_per_decision", "shared_context_speedup", "memory_speedup", "peak_memory_mib"):
            found = select(most, metric=metric)
            cells.append(" / ".join(f"{r['value']:.3g}" for r in found) or "–")
        lines.append([model, *cells])
    sizes = sorted({r["batch"] for r in rows})
    tasks = " / ".join(dict.fromkeys(r["task"] for r in select(rows, metric="seconds_per_decision")))
    head = ["Family", *(f"Batch {b}" for b in sizes), f"s a decision, {tasks}", "Shared context, x"]
    caption = f"Imagined frames per second; the other columns at batch {sizes[-1]}"
    return Table(caption, [*head, "Keys and values kept, x", "Peak memory, MiB"], lines)


def shown(table: Table) -> "RichTable":
    """A table for the terminal."""
    from rich.table import Table as RichTable

    made = RichTable(*table.head, title=table.caption)
    for line in table.lines:
        made.add_row(*line)
    return made


def interval(row: Row | None) -> str:
    """A value with its interval."""
    if row is None:
        return "–"
    return f"{row['value']:.3f} {tables.interval(row, 3)}"


def _level(level: str) -> str:
    return {"id": "ID"}.get(level, level)


def _asked(rows: Sequence[Row]) -> int:
    return max((r["n"] for r in select(rows, metric="kept_both")), default=0)


MODEL_TABLES: dict[str, Callable[..., Table]] = {
    "laws": laws,
    "ideas": ideas,
    "scaling": scaling,
    "gaps": gaps,
    "pairs": pairs,
    "throughput": throughput,
}
