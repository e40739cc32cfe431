"""`worldsim bench laws`: has a model learned the law, or the clips? Errors by scenario and level.

Beside the learned models stand the tracker on true pictures (the floor of every figure), the same pictures
through an autoencoder (the floor of the families that work on its latents), constant velocities
(`inertia`), the nearest training clip replayed (`retrieval`), and what phyworld's authors published.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import results_io, studies
from benchmarks.results_io import Row

if TYPE_CHECKING:
    from worldsim.metrics.rollouts import Clips, RolloutScores
    from worldsim.models import WorldModel

SCENARIOS = ("uniform", "collision", "parabola")  #: those of the study
NULLS = ("tracker", "inertia", "retrieval")  #: no model of their own stands behind these names
STREAM = "laws"  #: names the clips: neither trained on nor used for choosing checkpoints
FRAMES = (7, 15, 23, 31)  #: of which the position error is reported
METRICS = {
    "uniform": ("velocity_error", "velocity_error_public", "permanence", "momentum_drift", "energy_drift"),
    "collision": ("velocity_error", "velocity_error_public", "permanence", "momentum_drift", "energy_drift"),
    "parabola": ("velocity_error", "velocity_error_public", "permanence", "energy_drift"),
}


@dataclass
class Args:
    """Velocity error, drift of momentum and energy, and permanence of every model at every level."""

    models: tuple[str, ...] = ("table", "drop")
    """Shipped names or checkpoint folders; each is measured on the scenarios that its recipe trains on."""
    autoencoder: str = ""
    """Folder of a trained autoencoder, if its floor is asked for too."""
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


@dataclass(frozen=True)
class Cell:
    """One model at one level of one scenario."""

    model: str
    scenario: str
    level: str
    clips: int
    memory: int
    autoencoder: bool = False

    @property
    def name(self) -> str:
        """How the model is called in rows."""
        if self.autoencoder:
            return "autoencoder"
        return self.model if self.model in NULLS else called(self.model)

    def file(self, work: Path) -> Path:
        """Where this cell's result lies; other weights or numbers have another file."""
        from benchmarks.records import file_hash, text_hash
        from worldsim.models import checkpoint_folder

        weights = "" if self.model in NULLS else file_hash(checkpoint_folder(self.model))
        settings = text_hash(self.clips, self.memory * (self.model == "retrieval"), weights)
        return work / f"{self.name}-{self.scenario}-{self.level}-{settings}.json"


def main(args: Args) -> None:
    """Measure what is missing, then write the rows and the figures."""
    from rich.console import Console
    from rich.progress import track

    from benchmarks import laws_figures
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
    rows = [row for _, some in found for row in some] + list(published())
    rows += [row for model in args.models for row in cost(model)]
    results_io.write(args.out, results_io.meta("worldsim bench laws", 0, models=list(args.models)), rows)
    clips = [clip for meta, _ in found for clip in meta["clips"]]
    for name, figure in laws_figures.draw(rows, clips).items():
        figure.savefig(args.out.with_name(f"laws-{name}.png"), dpi=150)
    console.print(laws_figures.table(rows))


def plan(args: Args) -> list[Cell]:
    """All cells: every model on its scenarios, the nulls and an autoencoder on all, level by level.

    Raises ValueError for a model that cannot be read or that no scenario of the study fits.
    """
    from worldsim.models.autoencoder import load_autoencoder
    from worldsim.scenarios import get_scenario

    asked: list[tuple[str, Sequence[str], bool]] = [(null, SCENARIOS, False) for null in NULLS]
    if args.autoencoder:
        load_autoencoder(args.autoencoder)
        asked.append((args.autoencoder, SCENARIOS, True))
    asked += [(model, scenarios_of(model), False) for model in args.models]
    return [
        Cell(model, scenario, level, args.clips, args.memory, autoencoder)
        for model, scenarios, autoencoder in asked
        for scenario in scenarios
        for level in get_scenario(scenario).levels
    ]


def called(model: str) -> str:
    """How a model is called in rows: by its folder, and its family unless the folder already tells."""
    from worldsim.models import family_of

    name, family = results_io.model_name(model), family_of(model)
    return name if family in name.split("-") else f"{name}-{family}"


def scenarios_of(model: str) -> list[str]:
    """The study's scenarios that a model's recipe trains on. Raises ValueError when there are none."""
    trained = trained_on(model)
    found = [name for name in SCENARIOS if name in trained]
    if not found:
        raise ValueError(f"{model} was trained on {', '.join(trained)}, not on {' or '.join(SCENARIOS)}")
    return found


def trained_on(model: str) -> tuple[str, ...]:
    """The scenarios that a model's recipe trains on.

    Raises ValueError for a model that cannot be read or does not tell.
    """
    from worldsim.models import load_model, shipped_models, taught
    from worldsim.training.recipes import RECIPES

    load_model(model)
    if found := taught(model):
        return found
    if model in shipped_models() and model in RECIPES:
        return tuple(scenario for scenario, _ in RECIPES[model].mixture)
    raise ValueError(f"{model} does not tell what it was trained on: it has no training.json")


def cost(model: str) -> Iterator[Row]:
    """The operations of a model's training, if it tells how it was trained."""
    from worldsim.models import load_model, training_of
    from worldsim.training.cost import training_flops
    from worldsim.training.recipes import Recipe

    if told := training_of(model):
        steps, recipe = int(told["step"]), Recipe(about="", **told["recipe"])
        value = training_flops(load_model(model), recipe, steps)
        where = {"model": called(model), "metric": "training_flops"}
        yield {**where, "value": value, "low": None, "high": None, "n": steps}


def measure(cell: Cell, work: Path) -> None:
    """Measure one cell and write its rows and, in the meta, radius, speed and error of each clip."""
    import torch

    from worldsim.metrics import rollouts
    from worldsim.models.autoencoder import load_autoencoder

    torch.set_num_threads(1)
    clips = rollouts.make_clips(cell.scenario, cell.level, cell.clips, STREAM)
    after_impact = studies.after_impact(cell.scenario)
    if cell.model == "tracker":
        scores = rollouts.score_batches(clips, lambda some, _: rollouts.truth(some, 64), 4, after_impact)
    elif cell.autoencoder:
        floor = load_autoencoder(cell.model)
        scores = rollouts.score_batches(
            clips, lambda some, _: rollouts.reconstruct(floor, some), 4, after_impact
        )
    else:
        scores = rollouts.evaluate(make_model(cell), clips, after_impact)
    meta = results_io.meta("worldsim bench laws", 0, clips=list(_clips(cell, clips, scores)))
    results_io.write(cell.file(work), meta, _rows(cell, scores))


def make_model(cell: Cell) -> "WorldModel":
    """The model of a cell."""
    from worldsim.models import load_model
    from worldsim.models.physics import PhysicsModel

    if cell.model == "inertia":
        return PhysicsModel("inertia", cell.scenario)
    return make_memory(cell.scenario, cell.memory) if cell.model == "retrieval" else load_model(cell.model)


def make_memory(scenario: str, clips: int, resolution: int = 64) -> "WorldModel":
    """The family `retrieval` with the first `clips` training clips of a scenario alone."""
    from dataclasses import replace

    import torch

    from worldsim.models.retrieval import RetrievalModel
    from worldsim.training.data import make_clips
    from worldsim.training.recipes import get_recipe

    alone: dict[str, Any] = {"name": scenario, "mixture": ((scenario, 1.0),), "clips": clips}
    known = make_clips(replace(get_recipe("uniform"), **alone))
    n, frames = known.states.shape[:2]
    memory = RetrievalModel(scenario, n, frames, known.actions.shape[2], resolution)
    memory.remember(known.states, known.looks.size, torch.as_tensor(known.actions))
    return memory


def _rows(cell: Cell, scores: "RolloutScores") -> Iterator[Row]:
    from benchmarks.statistics import mean

    where = {"scenario": cell.scenario, "level": cell.level, "model": cell.name}
    for metric in METRICS[cell.scenario]:
        scored = getattr(scores, metric)
        values = scored.value[scored.count > 0].numpy()
        if len(values):
            yield {**where, "metric": metric, **mean(values).row()}
        frames = int(scored.count.sum())
        yield {
            **where,
            "metric": f"{metric}_frames",
            "value": frames,
            "low": None,
            "high": None,
            "n": len(values),
        }
    for frame in FRAMES:
        errors = scores.position_error[:, frame].numpy()
        errors = errors[~np.isnan(errors)]
        if len(errors):
            yield {**where, "metric": "position_error", "frame": frame, **mean(errors).row()}


def _clips(cell: Cell, clips: "Clips", scores: "RolloutScores") -> Iterator[dict[str, Any]]:
    """Largest deviation counts: the radius and speed of the body that is furthest from the training range."""
    for scene, value, count in zip(clips.scenes, scores.velocity_error.value, scores.velocity_error.count):
        if count:
            radius, speed = max(
                ((b.radius, float(np.hypot(*b.velocity))) for b in scene.bodies if b.motion == "dynamic"),
                key=lambda body: abs(body[0] - 1.1) / 0.4 + abs(body[1] - 2.5) / 1.5,
            )
            yield {
                "model": cell.name,
                "scenario": cell.scenario,
                "radius": round(radius, 4),
                "speed": round(speed, 4),
                "error": round(float(value), 4),
            }


def published() -> Iterator[Row]:
    """Velocity errors printed in Kang et al., "How Far is Video Generation from World Model"."""
    figures = {
        ("phyworld parser", "id"): (0.0099, 0.0117, 0.0210),
        ("phyworld VAE", "id"): (0.0105, 0.0131, 0.0212),
        ("phyworld DiT-S, 30K videos", "id"): (0.022, None, None),
        ("phyworld DiT-L, 3M videos", "id"): (0.012, None, None),
        ("phyworld DiT-L, 3M videos", "ood"): (0.427, None, None),
        ("phyworld SVD, fine-tuned", "id"): (0.0505, None, None),
        ("phyworld SVD, fine-tuned", "ood"): (0.9081, None, None),
    }
    for (model, level), values in figures.items():
        for scenario, value in zip(SCENARIOS, values):
            if value is not None:
                where = {"scenario": scenario, "level": level, "model": model, "metric": "velocity_error"}
                yield {**where, "value": value, "low": None, "high": None, "n": None}
