"""Tables about models, printed and in the README: laws, ideas, scaling, gaps, priority, throughput."""

from collections.abc import Callable, Sequence

from benchmarks.learned.laws.figures import LEVELS, worst
from benchmarks.reports import tables
from benchmarks.reports.figures import in_order
from benchmarks.reports.tables import Table
from benchmarks.results_io import Row, select

RANKED = 3  #: training seeds without which families are not ranked
NEEDED = "memory_needed_mib"  #: in place of what was not measured for lack of memory
SHARED = (  #: metrics, what to divide them by, and how they are told
    ("shared_context_speedup", 1, ".3g"),
    ("memory_speedup", 1, ".3g"),
    ("peak_memory_mib", 1024, ".1f"),
)
LINES = ("tracker", "autoencoder", "inertia", "retrieval")  #: before the models, on pictures of any size


def laws(rows: Sequence[Row], scenario: str) -> Table:
    """Velocity error of every model at every level of a scenario, the mean over its training seeds; what was
    published stands last."""
    found = select(rows, scenario=scenario, metric="velocity_error")
    whole = [r for r in found if r["n"] is not None]
    levels = [lv for lv in LEVELS if select(whole, level=lv)]
    lines = []
    for model in _models(whole):
        mine = select(whole, model=model)
        cells = [_over_seeds(select(mine, level=lv, factor=None)) for lv in levels]
        count, ratio = "", ""
        if _kind(model) not in LINES:
            count = f"{seeds(mine)}"
            [inside] = _means(select(mine, level="id"))
            ratio = f"{worst(_means(mine)) / inside['value']:.1f}"
        lines.append([model, count, *cells, ratio])
    for model in dict.fromkeys(r["model"] for r in found if r["n"] is None):
        told = {r["level"]: r["value"] for r in select(found, model=model)}
        ood = f"{told['ood']:.3f} (all OOD)" if "ood" in told else ""
        ratio = f"{told['ood'] / told['id']:.1f}" if "ood" in told else ""
        lines.append([model, "", f"{told['id']:.3f}", ood, *[""] * (len(levels) - 2), ratio])
    caption = f"{scenario}: velocity error in m/s [95 % interval], {found[0]['n']} clips a level"
    if any("factor" in row for row in found):
        caption += "; the worst is that of a level or of the fast clips of one"
    learned = [r for r in whole if _kind(r["model"]) not in LINES]
    return Table(caption + unranked(learned), ["Model", "Seeds", *map(_level, levels), "Worst / ID"], lines)


def law_parts(rows: Sequence[Row], scenario: str) -> Table:
    """Velocity error of every model on the fast and the slow clips of each level of other speeds."""
    found = [r for r in select(rows, scenario=scenario, metric="velocity_error") if "factor" in r]
    kinds = [
        (lv, part) for lv in LEVELS for part in dict.fromkeys(r["factor"] for r in select(found, level=lv))
    ]
    lines = [
        [model, *(_over_seeds(select(found, model=model, level=lv, factor=part)) for lv, part in kinds)]
        for model in _models(found)
    ]
    caption = (
        f"{scenario}: velocity error in m/s [95 % interval]; fast are the clips in which a ball begins "
        f"faster than any in training, slow the others: training clips show balls as slow after impacts"
    )
    return Table(caption, ["Model", *(f"{_level(lv)}, {part}" for lv, part in kinds)], lines)


def _models(rows: Sequence[Row]) -> list[str]:
    """The models of rows, what stands beside them first."""
    names = {r["model"] for r in rows}
    beside = [name for name in names if _kind(name) in LINES]
    return in_order(names, sorted(beside, key=lambda n: (LINES.index(_kind(n)), n)))


def _kind(model: str) -> str:
    """What a line is about, whatever the size of its pictures."""
    return model.partition(" ")[0]


def seeds(rows: Sequence[Row]) -> int:
    """How many training seeds stand behind a model's rows; a checkpoint that tells none is one run."""
    return len({row.get("seed") for row in rows})


def unranked(rows: Sequence[Row]) -> str:
    """What a caption adds where models are of too few training seeds to be ranked."""
    fewest = min((seeds(select(rows, model=m)) for m in {r["model"] for r in rows}), default=RANKED)
    return "" if fewest >= RANKED else f"; models of fewer than {RANKED} training seeds are not ranked"


def _means(rows: Sequence[Row]) -> list[Row]:
    """Rows of several training seeds as one row of their mean at each level and part of it."""
    kinds = dict.fromkeys((r["level"], r.get("factor")) for r in rows)
    grouped = [select(rows, level=level, factor=factor) for level, factor in kinds]
    return [some[0] | {"value": sum(r["value"] for r in some) / len(some)} for some in grouped]


def _over_seeds(rows: Sequence[Row]) -> str:
    """The error of one training seed with its interval; of several the mean, the least and the most."""
    if len(rows) < 2:
        return interval(rows[0] if rows else None)
    values = [r["value"] for r in rows]
    return f"{sum(values) / len(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def ideas(rows: Sequence[Row]) -> Table:
    """Each idea's error in distribution and at the worst level out of it."""
    from benchmarks.learned.ideas import IDEAS

    lines = []
    for row in select(rows, metric="velocity_error", level="id"):
        where = {"scenario": row["scenario"], "model": row["model"]}
        ood = [r for r in select(rows, **where, metric="velocity_error") if r["level"] != "id"]
        most = max(ood, key=lambda r: r["value"])
        [minutes] = select(rows, **where, metric="training_minutes")
        times = f"{most['value'] / row['value']:.1f}"
        about = IDEAS[row["model"]].about
        told = (
            interval(row),
            f"{interval(most)} ({_level(most['level'])})",
            times,
            f"{minutes['value']:.0f}",
        )
        lines.append([*where.values(), about, *told])
    head = ["Scenario", "Model", "What is new", "ID", "Worst level", "Worst / ID", "Minutes"]
    caption = "Velocity error in m/s [95 % interval]; minutes of training on one core" + unranked(rows)
    return Table(caption, head, lines)


def scaling(rows: Sequence[Row]) -> Table:
    """Error by size of the model and number of clips, the mean over training seeds, then the slopes."""
    errors = select(rows, metric="velocity_error")
    levels = list(dict.fromkeys(r["level"] for r in errors))
    lines = []
    for size, clips in dict.fromkeys((r["size"], r["clips"]) for r in errors):
        mine = select(rows, size=size, clips=clips)
        count, epochs, never = (
            select(mine, metric=m)[0]["value"] for m in ("parameters", "epochs", "never_met")
        )
        cells = []
        for level in levels:
            values = [r["value"] for r in select(mine, metric="velocity_error", level=level)]
            spread = f" ({min(values):.3f} to {max(values):.3f})" if len(values) > 1 else ""
            cells.append(f"{sum(values) / len(values):.3f}{spread}")
        seeds = len({r["seed"] for r in mine})
        lines.append([f"{count:,}", f"{clips:,}", f"{epochs:.1f}", f"{never:.1%}", f"{seeds}", *cells])
    for metric, text in (("slope_clips", "clips"), ("slope_parameters", "parameters")):
        found = [select(rows, metric=metric, level=lv) for lv in levels]
        if all(found):
            cells = [f"{r['value']:+.2f} [{r['low']:+.2f}, {r['high']:+.2f}]" for [r] in found]
            lines.append([f"log10 of the error for 10 x {text}", "", "", "", "", *cells])
    caption = (
        f"{errors[0]['scenario']}, family {errors[0]['model']}: velocity error in m/s, mean over training "
        f"seeds (least to most); epochs are mean visits of a clip"
    )
    head = ["Parameters", "Clips", "Epochs", "Never met", "Seeds", *map(_level, levels)]
    return Table(caption, head, lines)


def gaps(rows: Sequence[Row]) -> Table:
    """Nearness to memory, velocity error and balls turned round, by model, scenario and level."""
    lines = []
    for row in select(rows, metric="nearer_to_memory"):
        where = {c: row[c] for c in ("scenario", "level", "model")}
        cells = [select(rows, **where, metric=m) for m in ("nearer_to_memory", "velocity_error", "reversed")]
        near, error, turned = (interval(found[0]) if found else "–" for found in cells)
        lines.append([row["scenario"], _level(row["level"]), row["model"], near, error, turned])
    head = ["Scenario", "Level", "Model", "Nearer to memory", "Velocity error, m/s", "Turned round"]
    return Table("Shares of clips and velocity error [95 % interval]" + unranked(rows), head, lines)


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
    caption = f"Rollouts of {_asked(rows)} clips whose pair of attributes was never seen" + unranked(rows)
    return Table(caption, head, lines)


def throughput(rows: Sequence[Row]) -> Table:
    """Frames per second by batch, seconds for a planner's decision, and what sharing saves."""
    lines = []
    sizes = sorted({r["batch"] for r in rows if "batch" in r})
    tasks = list(dict.fromkeys(r["task"] for r in rows if "task" in r))
    for model in dict.fromkeys(r["model"] for r in rows):
        mine = select(rows, model=model)
        rates = {r["batch"]: f"{r['value']:.0f}" for r in select(mine, metric="frames_per_s")}
        needs = {r["batch"]: f"needs {r['value'] / 1024:.0f} GiB" for r in select(mine, metric=NEEDED)}
        cells = [(rates | needs).get(size, "–") for size in sizes]
        cells.append(" / ".join(_decision(select(mine, task=task)) for task in tasks))
        most = select(mine, batch=max(rates, default=None))
        for metric, unit, form in SHARED:
            found = select(most, metric=metric)
            cells.append(f"{found[0]['value'] / unit:{form}}" if found else "–")
        lines.append([model, *cells])
    head = ["Family", *(f"Batch {b}" for b in sizes), f"s a decision, {' / '.join(tasks)}"]
    caption = (
        "Imagined frames per second; first decision of an episode, planned by CEM (about: projected); and, "
        "at the largest batch that fits into memory, how much sooner rollouts begin that share one context, "
        "how much sooner a frame comes with keys and values kept, and the peak of memory"
    )
    return Table(caption, [*head, "One context, x", "Keys and values kept, x", "Peak memory, GiB"], lines)


def _decision(rows: Sequence[Row]) -> str:
    """Seconds of a task's decision."""
    for metric, told in (("seconds_per_decision", ""), ("seconds_per_decision_projected", "about ")):
        if found := select(rows, metric=metric):
            return f"{told}{found[0]['value']:.3g}"
    return "–"


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
    "law_parts": law_parts,
    "ideas": ideas,
    "scaling": scaling,
    "gaps": gaps,
    "pairs": pairs,
    "throughput": throughput,
}
