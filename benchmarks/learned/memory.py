"""`worldsim bench memory`: where the training data do not reach, does a model follow the law or a memory?

Three questions after Kang et al., "How Far is Video Generation from World Model". Of any model: is a rollout
nearer to the continuation of the nearest training clip (the family `retrieval`) than to the truth? Of models
trained for the purpose: what do they make of speeds that their training data leave out (`scenarios.bands`),
and which of two attributes do they keep when the pair was never seen (`scenarios.pairs`)?
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import results_io
from benchmarks.episodes.records import file_hash, text_hash
from benchmarks.learned import studies
from benchmarks.learned.laws.cell import STREAM
from benchmarks.learned.laws.models import called, make_memory, recipe_of, seed_of, trained_on
from benchmarks.results_io import Row

if TYPE_CHECKING:
    from worldsim.models import WorldModel
    from worldsim.training.recipes import Recipe

CONTEXT = 4  #: frames that are given
FRESH = " (beside fresh clips)"  #: after the name of a model that does not tell what it was trained on


@dataclass
class Args:
    """Rollouts nearer to a training clip than to the truth; gaps in the training data; attribute priority."""

    models: tuple[str, ...] = ("table", "drop")
    """Shipped names or checkpoint folders; each is measured on the scenarios that its recipe trains on."""
    families: tuple[str, ...] = ("convolutional", "direct", "motion")
    """Families of the models that are trained on data with gaps and on pairs of attributes."""
    steps: int = 2_000
    """Gradient steps of each of them."""
    train_clips: int = 3_000
    """Training clips of each of them."""
    resolution: int = 32
    """Side of their pictures."""
    autoencoder: str = ""
    """Folder of the trained autoencoder that the families clip and causal work on."""
    clips: int = 200
    """Clips of each scenario and level."""
    memory: int = 10_000
    """Training clips among which the nearest is sought."""
    workers: int = os.cpu_count() or 1
    """Models trained side by side, one thread each."""
    work: Path = studies.WORK
    """Folder for what is trained so far; run again to go on."""
    out: Path = results_io.RESULTS / "memory.json"
    """Result file."""


def main(args: Args) -> None:
    """Measure, print and write."""
    from rich.console import Console

    from benchmarks.learned import tables as model_tables
    from benchmarks.reports import tables

    rows = of_models(args) + with_gaps(args) + with_pairs(args)
    console = Console()
    for made in (model_tables.gaps(rows), model_tables.pairs(rows)):
        console.print(tables.shown(made))
    results_io.write(args.out, results_io.meta(results_io.command("bench memory", args), 0), rows)


def of_models(args: Args) -> list[Row]:
    """Measure each model on each scenario that it was trained on, unless that is done."""
    from worldsim.models import checkpoint_folder, load_model

    rows: list[Row] = []
    for model in args.models:
        recipe = recipe_of(model)
        where = {"model": called(model) + FRESH * (recipe is None), **seed_of(model)}
        settings = text_hash(args.clips, args.memory, file_hash(checkpoint_folder(model)))
        for scenario in trained_on(model):
            file = args.work / f"nearness-{called(model)}-{scenario}-{settings}.json"
            if not file.exists():
                found = nearness(load_model(model), [scenario], args.clips, args.memory, recipe)
                results_io.write_text(file, json.dumps(found, allow_nan=False) + "\n")
            rows += [{**row, **where} for row in json.loads(file.read_text(encoding="utf-8"))]
    return rows


def with_gaps(args: Args) -> list[Row]:
    """Train each family on each of `scenarios.bands` and measure it inside and outside the gaps."""
    from worldsim.scenarios.bands import BANDED

    recipes = [_small(args, banded.name, family) for family in args.families for banded in BANDED]
    measure = partial(measured_nearness, clips=args.clips, memory=min(args.memory, args.train_clips))
    found = studies.run(recipes, measure, args.work, args.workers)
    return [{**row, "model": r.family, "seed": r.seed} for r, some in zip(recipes, found) for row in some]


def with_pairs(args: Args) -> list[Row]:
    """Train each family on each pair of attributes and count what it keeps when the pair is swapped."""
    from worldsim.scenarios.pairs import PAIRED

    recipes = [
        _within(
            _small(args, "uniform", family, name=paired.name, mixture=((paired.name, 1.0),)),
            paired.frames - CONTEXT,
        )
        for family in args.families
        for paired in PAIRED
    ]
    found = studies.run(recipes, partial(measured_priority, clips=args.clips), args.work, args.workers)
    return [{**row, "model": r.family, "seed": r.seed} for r, some in zip(recipes, found) for row in some]


def measured_nearness(checkpoint: Path, recipe: "Recipe", clips: int, memory: int) -> list[Row]:
    """`nearness` of a recipe's model."""
    from worldsim.models import load_model

    return nearness(load_model(checkpoint), [name for name, _ in recipe.mixture], clips, memory, recipe)


def nearness(
    model: "WorldModel", scenarios: Sequence[str], clips: int, memory: int, recipe: "Recipe | None" = None
) -> list[Row]:
    """Of clips, the share nearer to memory and that of single balls turned round; velocity error.

    Remembered are at most `memory` clips of each scenario: those that `recipe` trains on, or fresh ones.
    """
    from worldsim.scenarios import get_scenario

    rows: list[Row] = []
    for scenario in scenarios:
        recalled = make_memory(scenario, memory, model.resolution, recipe)
        for level in get_scenario(scenario).levels:
            where = {"scenario": scenario, "level": level}
            rows += [{**where, **row} for row in _nearness(model, recalled, scenario, level, clips)]
    return rows


def _nearness(model: "WorldModel", memory: "WorldModel", scenario: str, level: str, clips: int) -> list[Row]:
    from benchmarks.statistics import mean, proportion
    from worldsim.metrics.rollouts import make_clips, roll_out, score
    from worldsim.metrics.scoring import in_view
    from worldsim.scenarios import get_scenario
    from worldsim.tracking import Tracker, track_clip

    some = make_clips(scenario, level, clips, STREAM)
    tracker = Tracker(get_scenario(scenario).template, model.resolution)
    predicted, recalled = (roll_out(m, some) for m in (model, memory))
    mine, theirs = (track_clip(tracker, f, CONTEXT).position.numpy() for f in (predicted, recalled))
    mask = in_view(some.states, some.scenes).numpy()
    mask[:, :CONTEXT] = False
    true = some.states[..., :2]
    errors = score(some, predicted, CONTEXT, studies.after_impact(scenario)).velocity_error
    rows: list[Row] = []
    if len(nearer := nearer_to_memory(mine, theirs, true, mask)):
        rows.append({"metric": "nearer_to_memory", **proportion(nearer).row()})
    if len(error := errors.value[errors.count > 0].numpy()):
        rows.append({"metric": "velocity_error", **mean(error).row()})
    if true.shape[2] == 1:
        rows.append({"metric": "reversed", **proportion(reversals(mine, true)).row()})
    return rows


def nearer_to_memory(
    predicted: np.ndarray, recalled: np.ndarray, true: np.ndarray, mask: np.ndarray
) -> np.ndarray:
    """[M] bool for the clips with scored frames: predicted places are on average nearer to recalled than to
    true ones; places [N, T, B, 2] m, `mask` [N, T, B]."""

    def distance(other: np.ndarray) -> np.ndarray:
        apart = np.linalg.norm(predicted - other, axis=-1)
        return (apart * mask).sum((1, 2)) / np.maximum(mask.sum((1, 2)), 1)

    scored = mask.any((1, 2))
    return (distance(recalled) < distance(true))[scored]


def reversals(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """[N] bool: over all predicted frames, a ball moves against its true way; places [N, T, 1, 2] m."""
    way, truth = (places[:, -1, 0, 0] - places[:, CONTEXT - 1, 0, 0] for places in (predicted, true))
    return way * truth < 0


def measured_priority(checkpoint: Path, recipe: "Recipe", clips: int) -> list[Row]:
    """How often a rollout keeps both attributes of a pair, the first alone, the second alone, or neither."""
    from benchmarks.learned.attributes import read
    from benchmarks.statistics import proportion
    from worldsim.metrics.rollouts import make_clips, roll_out, truth
    from worldsim.models import load_model
    from worldsim.scenarios import get_scenario
    from worldsim.scenarios.pairs import Paired

    [(name, _)] = recipe.mixture
    scenario, model = get_scenario(name), load_model(checkpoint)
    assert isinstance(scenario, Paired)
    first, second = scenario.pair
    rows: list[Row] = []
    for level in scenario.levels:
        some = make_clips(name, level, clips, STREAM)
        seen, true = read(roll_out(model, some)), read(truth(some, model.resolution))
        one, other = (seen[attribute] == true[attribute] for attribute in (first, second))
        kept = {
            "kept_both": one & other,
            f"kept_{first}": one & ~other,
            f"kept_{second}": ~one & other,
            "kept_neither": ~one & ~other,
        }
        where = {"scenario": name, "level": level}
        rows += [{**where, "metric": metric, **proportion(flags).row()} for metric, flags in kept.items()]
    return rows


def _within(recipe: "Recipe", frames: int) -> "Recipe":
    """The recipe with rollouts of at most so many frames, and clips that long of what makes them at once."""
    horizons: list[tuple[float, int]] = []
    for share, horizon in recipe.horizons:
        if not horizons or horizons[-1][1] < frames:
            horizons.append((share, min(horizon, frames)))
    model = recipe.model | ({"frames": CONTEXT + frames} if recipe.family == "clip" else {})
    return replace(recipe, horizons=tuple(horizons), model=model)


def _small(args: Args, recipe: str, family: str, **changes: Any) -> "Recipe":
    changes |= {"clips": args.train_clips, "autoencoder": args.autoencoder}
    return studies.small(recipe, family, args.resolution, args.steps, **changes)
