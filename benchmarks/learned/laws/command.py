"""`worldsim bench laws`: has a model learned the law, or the clips? Errors by scenario and level.

Beside the learned models stand the tracker on true pictures (the floor of every figure), the same pictures
through an autoencoder (the floor of the families that work on its latents), constant velocities
(`inertia`), the nearest training clip replayed (`retrieval`), and what phyworld's authors published.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import results_io
from benchmarks.learned.laws.cell import NULLS, PIXELS, Cell, measure
from benchmarks.learned.laws.models import called, cost, scenarios_of, seed_of
from benchmarks.learned.laws.parts import make_rows
from benchmarks.learned.laws.published import SCENARIOS, published


@dataclass
class Args:
    """Velocity error, drift of momentum and energy, and permanence of every model at every level."""

    models: tuple[str, ...] = ("uniform", "collision", "parabola", "table", "drop")
    """Shipped names or checkpoint folders; each is measured on the scenarios that its recipe trains on."""
    autoencoders: tuple[str, ...] = ()
    """Folders of trained autoencoders, each for pictures of another size, whose floors are asked for too."""
    clips: int = 500
    """Clips of each scenario and level."""
    memory: int = 10_000
    """Training clips that `retrieval` remembers."""
    workers: int = os.cpu_count() or 1
    """Processes, one thread each."""
    work: Path = Path("runs/bench/laws")
    """Folder for what is measured so far; run again to go on."""
    out: Path = results_io.RESULTS / "laws.json"
    """Result file; figures of the same name lie beside it."""


def main(args: Args) -> None:
    """Measure what is missing, then write the rows and the figures."""
    from rich.console import Console
    from rich.progress import track

    from benchmarks.learned.laws import figures
    from worldsim.processes import SPAWN, follow_parent

    console = Console()
    cells = plan(args)
    missing = [cell for cell in cells if not cell.file(args.work).exists()]
    results_io.write_text(args.work / "config.json", results_io.to_json(args))
    with ProcessPoolExecutor(args.workers, SPAWN, follow_parent) as pool:
        jobs = [pool.submit(measure, cell, args.work) for cell in missing]
        try:
            for job in track(as_completed(jobs), "measuring", len(jobs), console=console):
                job.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    found = [results_io.read(cell.file(args.work)) for cell in cells]
    rows = [
        {**row, **({} if cell.model in NULLS else seed_of(cell.model))}
        for cell, (meta, some) in zip(cells, found)
        for row in (*some, *make_rows(cell, meta["clips"]))
    ]
    rows += published()
    rows += [row for model in args.models for row in cost(model)]
    results_io.write(args.out, results_io.meta(results_io.command("bench laws", args), 0), rows)
    clips = [clip for meta, _ in found for clip in meta["clips"]]
    for name, figure in figures.draw(rows, clips).items():
        figure.savefig(args.out.with_name(f"laws-{name}.png"), dpi=150)
    console.print(figures.table(rows))


def plan(args: Args) -> list[Cell]:
    """All cells: every model on its scenarios, the nulls and autoencoders on all, level by level. With an
    autoencoder of pictures of another size the tracker is measured on those too.

    Raises ValueError for a model that cannot be read or that no scenario of the study fits, and for two whose
    rows could not be told apart.
    """
    from worldsim.models.autoencoder import load_autoencoder
    from worldsim.scenarios import get_scenario

    sides = [load_autoencoder(folder).resolution for folder in args.autoencoders]
    if again := [side for side in sides if sides.count(side) > 1]:
        raise ValueError(f"two autoencoders are both of pictures of {again[0]} pixels")
    names = [(called(model), seed_of(model).get("seed")) for model in args.models]
    if twice := [name for name, seed in names if names.count((name, seed)) > 1]:
        raise ValueError(f"two models of one training seed are both called {twice[0]}")
    asked: list[tuple[str, Sequence[str], dict[str, Any]]] = [(null, SCENARIOS, {}) for null in NULLS]
    for folder, side in zip(args.autoencoders, sides):
        asked += [("tracker", SCENARIOS, {"pixels": side})] * (side != PIXELS)
        asked.append((folder, SCENARIOS, {"pixels": side, "autoencoder": True}))
    asked += [(model, scenarios_of(model), {}) for model in args.models]
    return [
        Cell(model, scenario, level, args.clips, args.memory, **more)
        for model, scenarios, more in asked
        for scenario in scenarios
        for level in get_scenario(scenario).levels
    ]
