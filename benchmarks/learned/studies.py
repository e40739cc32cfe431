"""Studies: many small models are trained from recipes, side by side, and each is measured when it is done.

A run has a folder of its own, named after everything that determines it, so a study goes on where it was
stopped and shares what another one has trained.
"""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import results_io
from benchmarks.episodes.records import text_hash

if TYPE_CHECKING:
    from worldsim.training.recipes import Recipe

WORK = Path("runs/bench/studies")  #: where studies keep their runs
STREAM = "study"  #: names the clips that models are asked about; none is trained on
CHECKPOINTS = 10  #: of each run

Measure = Callable[[Path, "Recipe"], Any]


def small(recipe: str, family: str, resolution: int, steps: int, **changes: Any) -> "Recipe":
    """A recipe cut to the size of a study: its family's schedule at another resolution and length.

    `model` among the changes adds to the model's settings.
    """
    from worldsim.training.recipes import get_recipe

    found = get_recipe(recipe).of_family(family)
    model = {**found.model, "resolution": resolution, **changes.pop("model", {})}
    return replace(found, steps=steps, model=model, **changes)


def run(
    recipes: Sequence["Recipe"], measure: "Measure | partial[Any]", work: Path, workers: int
) -> list[Any]:
    """Train every recipe to its end and return what `measure(checkpoint, recipe)` finds, in order.

    Equal recipes are trained once. `measure` is a function of a module, or one with keywords bound, and
    returns JSON types. Each run has one thread.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from worldsim.processes import SPAWN, follow_parent

    files = [_result(recipe, measure, work) for recipe in recipes]
    missing = {file: recipe for recipe, file in zip(recipes, files) if not file.exists()}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with ProcessPoolExecutor(workers, SPAWN, follow_parent) as pool, Progress(*columns) as bar:
        jobs = [pool.submit(train_and_measure, recipe, measure, work) for recipe in missing.values()]
        line = bar.add_task("models", total=len(jobs))
        try:
            for job in as_completed(jobs):
                job.result()
                bar.advance(line)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return [json.loads(file.read_text(encoding="utf-8")) for file in files]


def train_and_measure(recipe: "Recipe", measure: "Measure | partial[Any]", work: Path) -> None:
    """One run from its latest checkpoint to its result."""
    import torch

    from worldsim.training.data import make_clips
    from worldsim.training.trainer import train

    torch.set_num_threads(1)
    folder, every = folder_of(recipe, work), max(1, recipe.steps // CHECKPOINTS)
    checkpoint = train(recipe, make_clips(recipe), folder, save_every=every)
    found = measure(checkpoint, recipe)
    results_io.write_text(_result(recipe, measure, work), json.dumps(found, allow_nan=False) + "\n")


def folder_of(recipe: "Recipe", work: Path) -> Path:
    """The folder of a recipe's run; another recipe has another one."""
    return work / f"{recipe.name}-{recipe.family}-{text_hash(json.dumps(recipe.settings(), sort_keys=True))}"


def velocity_errors(checkpoint: Path, scenario: str, clips: int) -> dict[str, list[float | None]]:
    """Velocity error of each clip, m/s, None where no frame counts, by level of a scenario.

    For collisions only frames after the impact count, as in the laws benchmark.
    """
    from worldsim.metrics.rollouts import evaluate, make_clips
    from worldsim.models import load_model
    from worldsim.scenarios import get_scenario

    model, found = load_model(checkpoint), {}
    for level in get_scenario(scenario).levels:
        some = make_clips(scenario, level, clips, STREAM)
        error = evaluate(model, some, after_impact(scenario)).velocity_error
        pairs = zip(error.value.tolist(), error.count.tolist())
        found[level] = [round(value, 6) if count else None for value, count in pairs]
    return found


def after_impact(scenario: str) -> bool:
    """Only frames after the impact count, as phyworld scores 1D collisions."""
    return scenario.startswith("collision")


def _result(recipe: "Recipe", measure: "Measure | partial[Any]", work: Path) -> Path:
    bound = measure.keywords if isinstance(measure, partial) else {}
    function = measure.func if isinstance(measure, partial) else measure
    return (
        folder_of(recipe, work) / f"{function.__name__}-{text_hash(json.dumps(bound, sort_keys=True))}.json"
    )
