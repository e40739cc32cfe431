"""The stage `contrasts`: the five contrasts of docs/preregistration.md, from what the other stages recorded.

It plays nothing: (a) reads the stage `dose`, (b), (d) and (e) the stage `prediction`, (c) the records of
`worldsim bench bridge` on the levels out of distribution.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.bridging.panels import Panel, panel, spec_of
from benchmarks.contrasts import figure, pressure, types
from benchmarks.contrasts.horizon import horizon_predicts
from benchmarks.contrasts.pressure import exploited
from benchmarks.contrasts.ranking import ranks_differ
from benchmarks.contrasts.spread import within_range
from benchmarks.contrasts.types import types_differ
from benchmarks.contrasts.verdict import Judged, judge
from benchmarks.costing import dosed, tables
from benchmarks.costing.predictions import CASES
from benchmarks.costing.sweep import Findings, Sweep
from benchmarks.episodes import records
from benchmarks.episodes.records import EpisodeRecord
from benchmarks.episodes.specs import Spec
from benchmarks.episodes.workshop import Workshop
from benchmarks.prediction import cases
from benchmarks.prediction.cases import Place
from benchmarks.results_io import Row


@dataclass(frozen=True)
class Contrasts:
    """Options of the stage `contrasts`."""

    bridge: Path = Path("runs/bench/bridge")
    """folder in which `worldsim bench bridge` keeps its records"""


def run(sweep: Sweep, options: Contrasts, workshop: Workshop, console: Any) -> Findings:
    """Compute and judge all five; what lacks data is undecided, and a note says what it lacks."""
    bridge = records.read(options.bridge / "episodes").values()
    doses, models = dosed.rows_of(sweep.work), cases.read(sweep.work / CASES)
    solved = dosed.matched(doses, dosed.solved(doses, sweep), sweep.engine, types.DOSE)
    imagined, notes = panels(bridge, workshop)
    found = judge(
        [
            types_differ(solved),
            within_range(models, dosed.fits(sweep.work), dosed.furthest(doses)),
            exploited(imagined),
            ranks_differ(models),
            horizon_predicts(models),
        ]
    )
    told = [note for judged in found for note in (tell(judged), *judged.contrast.notes)]
    told_rows = rows(found)
    figures = {"contrasts": figure.draw(found)}
    return Findings(told_rows, told + notes, figures, [tables.contrasts(told_rows)])


def panels(
    found: Iterable[EpisodeRecord], workshop: Workshop
) -> tuple[dict[Place, tuple[Panel, Panel]], list[str]]:
    """Imagined and real panels of the policies that (c) compares, of the shipped models, by task and level;
    notes on those that cannot be paired."""
    specs = {Spec.parse(name) for name in pressure.POLICIES}
    mine = [r for r in found if spec_of(r) in specs and (r.task, r.level) in pressure.PLACES]
    paired: dict[Place, tuple[Panel, Panel]] = {}
    notes = []
    for task, level in dict.fromkeys((r.task, r.level) for r in mine):
        weights = workshop.weights("learned", workshop.task(task))
        here = [r for r in mine if set(r.weights.split("/")) <= {weights, ""}]
        try:
            paired[task, level] = panel(here, task, level, "learned"), panel(here, task, level, "box2d")
        except ValueError as error:
            notes.append(f"(c) {task} {level}: {error}")
    return paired, notes


def tell(judged: Judged) -> str:
    """A verdict in one line."""
    contrast = judged.contrast
    parts = "; ".join(f"{_called(part.name, part.where)} {part.at()}" for part in contrast.parts)
    p = "no p value" if contrast.p is None else f"p = {contrast.p:.2g}, Holm {judged.p_holm:.2g}"
    return f"({contrast.letter}) {judged.verdict}: {contrast.claim} ({p}{'; ' + parts if parts else ''})"


def rows(found: Sequence[Judged]) -> list[Row]:
    """Rows of every verdict (1 or 0 for supported and refuted), of every part with its 95 % interval, again
    with Holm's (`..._holm`), and of p values."""
    made: list[Row] = []
    for judged in found:
        contrast = judged.contrast
        for word in tables.VERDICTS:
            held = float(word in judged.verdict.split())
            made.append({"metric": f"contrast_{contrast.letter}_{word}", "value": held})
        for part in contrast.parts:
            where = dict(part.where) | {"metric": f"contrast_{contrast.letter}_{part.name}"}
            made.append(where | part.at().row())
            made.append(where | {"metric": where["metric"] + "_holm"} | part.at(judged.level).row())
        if contrast.p is not None:
            name = f"contrast_{contrast.letter}_p"
            made += [
                {"metric": name, "value": contrast.p},
                {"metric": f"{name}_holm", "value": judged.p_holm},
            ]
    return made


def _called(name: str, where: Row) -> str:
    return " ".join([*map(str, where.values()), name.replace("_", " ")])
