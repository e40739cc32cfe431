"""Tables of the bridge: its measures by model, task and level, and the rows behind a figure."""

import base64
import csv
import io
from collections.abc import Callable, Sequence

from benchmarks.bridging.advice import Answer, advise
from benchmarks.reports.bridge_figures import models_of
from benchmarks.reports.figures import WORLDS
from benchmarks.reports.tables import Table, level_name, levels_of, number, percent, tasks_of
from benchmarks.results_io import COLUMNS, VALUES, Row, select

OVERALL = {  #: measures over policies by their heads
    "Mean gap": "gap",
    "Pearson r": "pearson",
    "the same, middle band": "pearson_band",
    "Spearman ρ": "spearman",
    "MMRV": "mmrv",
    "Regret": "regret",
    "Brier skill": "brier_skill",
    "Calibration error": "calibration_error",
    "Exploitation": "exploitation",
}
FORMULA = ("=", "+", "-", "@", "\t", "\r")  #: what a spreadsheet takes for the beginning of a formula


def advice(rows: Sequence[Row]) -> Table:
    """May I train in it, may I judge in it: the answers by model, task and level, and what they rest on."""
    lines = [
        [f"{one.task}, {level_name(one.level)}", one.model, *map(_answer, (one.train, one.judge))]
        for one in advise(rows)
    ]
    caption = "Losses and correlations [95 % intervals]"
    return Table(caption, ["Task and level", "Model", "May I train in it?", "May I judge in it?"], lines)


def measures(rows: Sequence[Row], engine: str) -> Table:
    """The measures over policies of every model, with those of two engines in the line below."""
    lines = []
    for task in tasks_of(rows):
        for level in levels_of(rows, task):
            here = [r for r in select(rows, task=task, level=level, world=engine) if "policy" not in r]
            place = f"{task}, {level_name(level)}"
            for model in models_of(rows, task):
                mine = select(here, model=model)
                for who, suffix in ((model, ""), (f"two engines, policies as for {model}", "_ceiling")):
                    line = [number(select(mine, metric=metric + suffix)) for metric in OVERALL.values()]
                    if any(cell != "–" for cell in line):
                        lines.append([place, who, _policies(mine, suffix), *line])
    head = ["Task and level", "Model", "Policies", *OVERALL]
    caption = f"Imagination against {_engine(engine)}, over policies [95 % interval]"
    return Table(caption, head, lines)


def by_policy(rows: Sequence[Row], engine: str) -> Table:
    """The 2x2 table of every policy that was prepared in a model, and what the model costs it."""
    lines = []
    for task in tasks_of(rows):
        for level in levels_of(rows, task):
            for model in models_of(rows, task):
                here = select(rows, task=task, level=level, model=model, world=engine, prepared_in="learned")
                for policy in dict.fromkeys(r["policy"] for r in select(here, metric="gap")):
                    mine = select(here, policy=policy)
                    lines.append([f"{task}, {level_name(level)}", model, policy, *_cells(mine)])
    head = ["Task and level", "Model", "Policy", "Gap", "Phantom", "Missed", "Planning gap", "Exploitation"]
    caption = (
        f"Policies prepared in a model, executed in it and in {_engine(engine)}, in % of starts [95 % "
        f"interval]. Planning gap: success of the same planner imagining in the engine, minus its own"
    )
    return Table(caption, head, lines)


def raw(rows: Sequence[Row], caption: str) -> Table:
    """Result rows as they are, without the columns that none of them has."""
    head = [c for c in (*COLUMNS, *VALUES) if any(r.get(c) is not None for r in rows)]
    return Table(caption, head, [[_plain(r.get(c)) for c in head] for r in rows])


def csv_uri(table: Table) -> str:
    """A table as a data: address of comma-separated values; no text in it is taken for a formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.head)
    writer.writerows([[_harmless(cell) for cell in line] for line in table.lines])
    return "data:text/csv;charset=utf-8;base64," + base64.b64encode(text.getvalue().encode()).decode()


def _answer(answer: Answer) -> str:
    return f"{answer.word}: {answer.why}"


def _cells(mine: Sequence[Row]) -> list[str]:
    planning = [r for r in mine if r["metric"] in ("planning_gap", "planning_gap_limited")]
    limited = " (limited)" * bool(planning and planning[0]["metric"].endswith("limited"))
    wanted = ("gap", "phantom_success", "missed_success")
    found = [percent(select(mine, metric=metric)) for metric in wanted]
    return [*found, percent(planning) + limited, percent(select(mine, metric="exploitation"))]


def _policies(rows: Sequence[Row], suffix: str = "") -> str:
    found = select(rows, metric=f"policies_in_band{suffix}")
    return f"{found[0]['n']}" if found else "–"


def _engine(name: str) -> str:
    return WORLDS[name][0] if name in WORLDS else name


def _plain(value: object) -> str:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def _harmless(cell: str) -> str:
    try:
        float(cell)
    except ValueError:
        return "'" + cell if cell.startswith(FORMULA) else cell
    return cell


BRIDGE_TABLES: dict[str, Callable[..., Table]] = {
    "advice": advice,
    "measures": measures,
    "by_policy": by_policy,
}
