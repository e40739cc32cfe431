"""Tables of `worldsim bench cost`, as it prints them and as they stand in the README."""

import re
from collections.abc import Callable, Iterable, Sequence

from agents.repair.parts import PARTS, Repair
from benchmarks.contrasts.types import DOSE
from benchmarks.costing.horizon_figures import kind
from benchmarks.prediction.figure import NAMES
from benchmarks.reports import tables
from benchmarks.reports.tables import Table
from benchmarks.results_io import Row, select
from worldsim.engines import PERTURBED

VERDICTS = ("supported", "refuted")
JUDGED = re.compile(r"contrast_(\w)_supported")


def doses(rows: Sequence[Row]) -> Table:
    """What each law error costs where all leave bodies as far from the truth, and the dose that halves
    success: a line for each error, two columns for each task and level."""
    wrong = [r for r in rows if str(r.get("prepared_in", "")).startswith(PERTURBED) and "model" not in r]
    measured = [r for r in wrong if r["metric"] in ("position_error", "half_dose")]
    places = list(dict.fromkeys((r["task"], r["level"]) for r in measured))
    lines = []
    for law in dict.fromkeys(r["prepared_in"] for r in measured):
        line = [law.removeprefix(PERTURBED).replace("_", " ")]
        for task, level in places:
            mine = select(wrong, task=task, level=level, prepared_in=law)
            line += [_at_dose(mine), _bounds(select(mine, metric="half_dose"))]
        lines.append(line)
    head = ["Law error"]
    for task, level in places:
        place = f"{task}, {tables.level_name(level)}"
        head += [f"{place}: fall at {DOSE:g} m", "halved at, m"]
    caption = (
        "Fall of CEM's success, in % points, when it imagines in an engine with one wrong law that leaves "
        f"bodies {DOSE:g} m from the truth on average; the dose that halves success [95 % intervals]"
    )
    return Table(caption, head, lines)


def _at_dose(rows: Sequence[Row]) -> str:
    """The fall at the strength whose dose is the common one, to a tenth."""
    near = [r for r in select(rows, metric="position_error") if abs(r["value"] - DOSE) <= DOSE / 10]
    return tables.percent(select(rows, metric="success_fall", factor=near[0]["factor"])) if near else "–"


def repair(rows: Sequence[Row]) -> Table:
    """Success without and with all repairs, and what each part brings back, a line for each place."""
    lines = []
    for row in select(rows, metric="recovered"):
        here = select(rows, **{k: row[k] for k in ("task", "level", "policy", "world")})
        whole = Repair.parse(row["prepared_in"])
        ends = [_repaired(here, whole, parts, "success") for parts in ((), PARTS)]
        credits = [_repaired(here, whole, (part,), "credit") for part in PARTS]
        lines.append([f"{row['task']}, {tables.level_name(row['level'])}", whole.world, *ends, *credits])
    head = ["Task and level", "World", "As it is", "All repaired", *(p.capitalize() for p in PARTS)]
    caption = (
        "Success of CEM in %, as it imagines by itself and with everything repaired by the truth, and the % "
        "points that each part brings back, by Shapley's value [95 % intervals]"
    )
    return Table(caption, head, lines)


def _repaired(rows: Sequence[Row], whole: Repair, parts: Iterable[str], metric: str) -> str:
    """A measure of the same planner with some parts repaired."""
    name = str(Repair.of(parts, whole.engine, whole.world))
    return tables.percent(select(rows, prepared_in=name, metric=metric))


def horizon(rows: Sequence[Row]) -> Table:
    """The logistic curves over planning horizon / divergence horizon of all types of errors, a line each."""
    lines = []
    for row in select(rows, metric="horizon_slope"):
        mine = select(rows, **{k: row[k] for k in ("task", "level", "world", "policy", "prepared_in")})
        even = [_bounds(select(mine, metric=f"{what}_even")) for what in ("horizon", "kept")]
        place = f"{row['task']}, {tables.level_name(row['level'])}"
        lines.append([place, kind(row).replace("_", " "), _bounds([row]), *even])
    head = [
        "Task and level",
        "Error",
        "Slope",
        "H / D at one half",
        "The same, of starts right physics solves",
    ]
    caption = "Success over planning horizon H / divergence horizon D, a logistic curve [95 % intervals]"
    return Table(caption, head, lines)


def prediction(rows: Sequence[Row]) -> Table:
    """The errors of each means of prediction."""
    lines = [
        [text.replace("\n", " "), tables.number([row], 3), str(row["n"])]
        for name, text in NAMES.items()
        for row in select(rows, metric=f"prediction_error_{name}")
    ]
    caption = "Success of learned models predicted from elsewhere: mean absolute error [95 % interval]"
    return Table(caption, ["Predicted from", "Error", "Models"], lines)


def contrasts(rows: Sequence[Row]) -> Table:
    """The verdicts of the five contrasts with their quantities."""
    lines = []
    for letter in (found[1] for row in rows if (found := JUDGED.fullmatch(row["metric"]))):
        name = f"contrast_{letter}_"
        mine = [{**r, "metric": r["metric"].removeprefix(name)} for r in rows if r["metric"].startswith(name)]
        held = [word for word in VERDICTS if select(mine, metric=word)[0]["value"]]
        p = [f"{r['value']:.2g}" for what in ("p", "p_holm") for r in select(mine, metric=what)] or ["–", "–"]
        parts = [r for r in mine if "low" in r and not r["metric"].endswith("_holm")]
        told = "; ".join(f"{_part(r)} {tables.number([r])}" for r in parts)
        lines.append([f"({letter})", " and ".join(held) or "undecided", *p, told or "–"])
    head = ["Contrast", "Verdict", "p", "Holm", "Quantities [95 % intervals]"]
    return Table("The five contrasts that were written down beforehand", head, lines)


def _part(row: Row) -> str:
    where = [str(row[k]) for k in ("task", "level") if k in row]
    return " ".join([*where, row["metric"].replace("_", " ")])


def _bounds(rows: Sequence[Row]) -> str:
    if not rows:
        return "–"
    low, high = ("?" if rows[0].get(end) is None else f"{rows[0][end]:.2g}" for end in ("low", "high"))
    return f"{rows[0]['value']:.2g} [{low}, {high}]"


COST_TABLES: dict[str, Callable[..., Table]] = {
    "doses": doses,
    "repair": repair,
    "horizon": horizon,
    "prediction": prediction,
    "contrasts": contrasts,
}
