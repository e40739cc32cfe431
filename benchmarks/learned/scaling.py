"""`worldsim bench scaling`: does more data, or a larger model, close the gap between the laws and the clips?

Models of several sizes are trained on one scenario alone, from nested sets of clips that take turns, for an
equal number of gradient steps, and asked about clips in distribution and out of it. A slope is the change of
the error's logarithm for tenfold data or parameters: -1 means that ten times as much leaves a tenth of the
error.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from benchmarks import results_io
from benchmarks.learned import studies
from benchmarks.results_io import Row, select

if TYPE_CHECKING:
    from worldsim.training.recipes import Recipe

SIZES: dict[str, dict[str, dict[str, Any]]] = {  #: settings of the model by family and size
    **{
        family: {str(w): {"widths": (w, 2 * w)} for w in (16, 32, 64)}
        for family in ("convolutional", "direct")
    },
    "motion": {str(w): {"widths": (w, 2 * w)} for w in (12, 24, 48)},
    "clip": {size: {"size": size} for size in ("tiny", "S", "B")},
    "causal": {size: {"size": size} for size in ("tiny", "S", "B")},
}
RESAMPLES = 2000


@dataclass
class Args:
    """Velocity error over the number of training clips and the size of the model; slopes with intervals."""

    recipe: Literal["uniform", "collision", "parabola"] = "uniform"
    """The scenario that models are trained on and asked about."""
    family: str = "convolutional"
    """Family of the models."""
    clips: tuple[int, ...] = (300, 1_000, 10_000)
    """Training clips; on a GPU 30000 300000 3000000."""
    seeds: int = 3
    """Training seeds of the middle size; the others have one."""
    steps: int = 2_000
    """Gradient steps of every model."""
    resolution: int = 32
    """Side of the pictures; 32 is a quarter of the work of 64."""
    autoencoder: str = ""
    """Folder of the trained autoencoder that the families clip and causal work on."""
    asked: int = 200
    """Clips of each level."""
    workers: int = os.cpu_count() or 1
    """Models trained side by side, one thread each."""
    work: Path = studies.WORK
    """Folder for what is trained so far; run again to go on."""
    out: Path = results_io.RESULTS / "scaling.json"
    """Result file; a figure of the same name lies beside it."""


@dataclass(frozen=True)
class Model:
    """A trained model: its size's name and parameters, data, seed, and each clip's error by level, [N]."""

    size: str
    parameters: int
    clips: int
    seed: int
    epochs: float
    errors: Mapping[str, np.ndarray]


def main(args: Args) -> None:
    """Train what is missing, then write the rows and the figure."""
    from rich.console import Console

    from benchmarks.learned import tables as model_tables
    from benchmarks.reports import tables

    recipes = plan(args)
    found = studies.run([r for _, r in recipes], partial(measured, clips=args.asked), args.work, args.workers)
    models = [_model(size, recipe, part) for (size, recipe), part in zip(recipes, found)]
    rows = list(make_rows(args, models))
    results_io.write(args.out, results_io.meta(results_io.command("bench scaling", args), 0), rows)
    draw(rows).savefig(args.out.with_suffix(".png"), dpi=150)
    Console().print(tables.shown(model_tables.scaling(rows)))


def plan(args: Args) -> list[tuple[str, "Recipe"]]:
    """Size and recipe of every model to be trained. Raises ValueError for a family without sizes."""
    if args.family not in SIZES:
        raise ValueError(f"no sizes of the family {args.family!r}; there are those of {', '.join(SIZES)}")
    sizes = SIZES[args.family]
    middle = list(sizes)[len(sizes) // 2]
    return [
        (
            size,
            studies.small(
                args.recipe,
                args.family,
                args.resolution,
                args.steps,
                model=model,
                clips=clips,
                seed=seed,
                autoencoder=args.autoencoder,
                in_turn=True,
            ),
        )
        for size, model in sizes.items()
        for clips in args.clips
        for seed in range(args.seeds if size == middle else 1)
    ]


def measured(checkpoint: Path, recipe: "Recipe", clips: int) -> dict[str, Any]:
    """Errors by level as `studies.velocity_errors` tells them, and the number of parameters."""
    from worldsim.training.checkpoint import trainable
    from worldsim.training.trainer import make_model

    [(scenario, _)] = recipe.mixture
    errors = studies.velocity_errors(checkpoint, scenario, clips)
    return {"parameters": sum(p.numel() for p in trainable(make_model(recipe))), "errors": errors}


def make_rows(args: Args, models: Sequence[Model]) -> Iterator[Row]:
    """Errors of every model at every level, parameters, epochs and the share of its clips that it never met,
    then the slopes."""
    from benchmarks.statistics import mean

    for m in models:
        where = {"scenario": args.recipe, "model": args.family, "size": m.size, "clips": m.clips}
        where["seed"] = m.seed
        for level, errors in m.errors.items():
            known = errors[~np.isnan(errors)]
            if len(known):
                yield {**where, "level": level, "metric": "velocity_error", **mean(known).row()}
        never = max(0.0, 1 - m.epochs)  # clips take turns
        for metric, value in (("parameters", m.parameters), ("epochs", m.epochs), ("never_met", never)):
            yield {**where, "metric": metric, "value": value, "low": None, "high": None, "n": 1}
    for level in models[0].errors:
        for metric, estimate in slopes(models, level).items():
            value, low, high = estimate
            where = {"scenario": args.recipe, "model": args.family, "level": level, "metric": metric}
            yield {**where, "value": value, "low": low, "high": high, "n": len(models)}


def slopes(models: Sequence[Model], level: str) -> dict[str, tuple[float, float, float]]:
    """Slopes of log10 error over log10 clips and log10 parameters, each with the ends of its 95 % interval.

    Least squares over all models with an intercept; the bootstrap draws training seeds within each pair of
    size and clips, and the clips that models are asked about, the same for all models.
    """
    x = np.array([[1.0, np.log10(m.clips), np.log10(m.parameters)] for m in models])
    errors = np.stack([m.errors[level] for m in models])  # [M, N]
    errors = errors[:, ~np.isnan(errors).any(0)]
    groups = [
        [i for i, m in enumerate(models) if (m.size, m.clips) == pair]
        for pair in dict.fromkeys((m.size, m.clips) for m in models)
    ]
    rng = np.random.Generator(np.random.Philox(key=0))

    def fit(rows: np.ndarray, mean_error: np.ndarray) -> np.ndarray:
        known = [c for c in (1, 2) if len(set(x[:, c])) > 1]
        found = np.full(3, np.nan)
        found[[0, *known]] = np.linalg.lstsq(x[rows][:, [0, *known]], np.log10(mean_error), rcond=None)[0]
        return found

    value = fit(np.arange(len(models)), errors.mean(1))
    drawn = []
    for _ in range(RESAMPLES):
        rows = np.concatenate([rng.choice(group, len(group)) for group in groups])
        some = rng.integers(errors.shape[1], size=errors.shape[1])
        drawn.append(fit(rows, errors[rows][:, some].mean(1)))
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    names = {"slope_clips": 1, "slope_parameters": 2}
    return {
        name: (float(value[c]), float(low[c]), float(high[c]))
        for name, c in names.items()
        if np.isfinite(value[c])
    }


def draw(rows: Sequence[Row]) -> Any:
    """Figure: error over training clips, a panel for each level, a line for each size."""
    from matplotlib.figure import Figure

    errors = select(rows, metric="velocity_error")
    levels, sizes = (list(dict.fromkeys(r[c] for r in errors)) for c in ("level", "size"))
    figure = Figure(figsize=(2.6 * len(levels), 2.8), layout="constrained")
    axes = figure.subplots(1, len(levels), sharey=True, squeeze=False)[0]
    for ax, level in zip(axes, levels):
        for size in sizes:
            mine = select(errors, level=level, size=size)
            clips = sorted({r["clips"] for r in mine})
            value = [np.mean([r["value"] for r in select(mine, clips=n)]) for n in clips]
            ax.plot(clips, value, linewidth=1)
            ax.scatter([r["clips"] for r in mine], [r["value"] for r in mine], s=12, label=size)
        ax.set(title=level, xscale="log", yscale="log", xlabel="training clips")
    axes[0].set_ylabel("velocity error, m/s")
    axes[-1].legend(title="size", fontsize=7, title_fontsize=7, frameon=False)
    return figure


def _model(size: str, recipe: "Recipe", found: Mapping[str, Any]) -> Model:
    errors = {
        level: np.array([np.nan if e is None else e for e in values])
        for level, values in found["errors"].items()
    }
    return Model(size, found["parameters"], recipe.clips, recipe.seed, _epochs(recipe), errors)


def _epochs(recipe: "Recipe") -> float:
    """How often a clip is met on average."""
    from worldsim.training.schedule import rows_at

    rows = sum(rows_at(recipe, step) for step in range(recipe.steps))
    return round(recipe.accumulate * rows / recipe.clips, 3)
