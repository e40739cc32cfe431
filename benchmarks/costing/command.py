"""`worldsim bench cost`: what a physics error costs an agent, in stages that can be interrupted.

dose        success against the dose of each type of law error, see `benchmarks.costing.doses`
repair      success that comes back when parts of a model are repaired, see `benchmarks.costing.repairs`
horizon     success against planning horizon over divergence horizon, see `benchmarks.costing.horizons`
prediction  success of learned models, predicted from their errors, see `benchmarks.costing.predictions`
contrasts   the five contrasts of docs/preregistration.md, see `benchmarks.costing.verdicts`

Each stage keeps what it found in its own file; the result file holds all that any stage has found so far.
What cannot come out, for want of models or records, is told before anything is played.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from benchmarks import results_io
from benchmarks.costing import doses, horizons, outlook, predictions, repairs, verdicts
from benchmarks.costing.sweep import Findings, Sweep
from benchmarks.episodes.workshop import Workshop
from benchmarks.reports.tables import shown
from benchmarks.results_io import Row

Stage = Literal["dose", "repair", "horizon", "prediction", "contrasts"]


@dataclass(frozen=True)
class Args(Sweep):
    """Make benchmarks/results/cost.json; run again to go on from what is recorded."""

    stages: tuple[Stage, ...] = ("dose", "repair", "horizon", "prediction", "contrasts")
    """stages to run, in this order"""
    dose: doses.Doses = field(default_factory=doses.Doses)
    """options of the stage `dose`"""
    repair: repairs.Repairs = field(default_factory=repairs.Repairs)
    """options of the stage `repair`"""
    horizon: horizons.Horizons = field(default_factory=horizons.Horizons)
    """options of the stage `horizon`"""
    prediction: predictions.Prediction = field(default_factory=predictions.Prediction)
    """options of the stage `prediction`"""
    contrasts: verdicts.Contrasts = field(default_factory=verdicts.Contrasts)
    """options of the stage `contrasts`"""
    out: Path = results_io.RESULTS / "cost.json"
    """result file; figures of the same name lie beside it"""


STAGES: dict[Stage, Callable[[Sweep, Any, Workshop, Any], Findings]] = {
    "dose": doses.run,
    "repair": repairs.run,
    "horizon": horizons.run,
    "prediction": predictions.run,
    "contrasts": verdicts.run,
}  #: each is given its own options, the attribute of `Args` of its name


def main(args: Args) -> None:
    """Run the stages; each plays what is missing, then writes its rows and figures.

    Raises ChildProcessError, after all stages have been run, where cells failed.
    """
    from rich.console import Console

    console = Console()
    workshop = Workshop()
    results_io.write_text(args.work / "config.json", results_io.to_json(args))
    for told in outlook.of(args, args.stages, args.prediction, args.contrasts, workshop):
        console.print(told, markup=False)
    missing = []
    for stage in args.stages:
        console.rule(stage)
        found = STAGES[stage](args, getattr(args, stage), workshop, console)
        results_io.write(args.work / f"{stage}.json", _meta(stage, args, found), found.rows)
        for name, figure in found.figures.items():
            figure.savefig(args.out.with_name(f"{args.out.stem}-{name}.png"), dpi=150, facecolor="white")
        for table in found.tables:
            console.print(shown(table))
        for note in found.notes:
            console.print(note, markup=False)
        missing += [f"{stage}: {line}" for line in found.missing]
        rows = gather(args)
        console.print(f"{len(found.rows)} rows of {stage}, {len(rows)} in all: {args.out}", soft_wrap=True)
    if missing:
        raise ChildProcessError("some cells failed; run again to go on:\n" + "\n".join(missing))


def _meta(stage: Stage, args: Args, found: Findings) -> dict[str, Any]:
    options = json.loads(results_io.to_json(getattr(args, stage)))  # folders are told as text
    options |= {"first": args.first, "engine": args.engine}
    command = f"worldsim bench cost --stages {stage}"
    return results_io.meta(command, 0, options=options, notes=[*found.notes, *found.missing])


def gather(args: Args) -> list[Row]:
    """Write what every stage has found so far as one result file, and return its rows."""
    rows: list[Row] = []
    notes: list[str] = []
    stages = {}
    for stage in STAGES:
        kept = args.work / f"{stage}.json"
        if kept.exists():
            meta, more = results_io.read(kept)
            notes += meta.pop("notes")
            rows += more
            stages[stage] = meta
    results_io.write(args.out, results_io.meta("worldsim bench cost", 0, notes=notes, stages=stages), rows)
    return rows
