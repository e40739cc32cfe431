"""`worldsim train`: train a recipe, or go on where it was interrupted."""

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

if TYPE_CHECKING:
    from worldsim.training.data import ClipSet
    from worldsim.training.recipes import Recipe

CARD_CLIPS = 50  #: clips of each level measured for a model's card; twice as many in distribution


@dataclass
class Args:
    """Train a world model from a recipe; a run that was interrupted goes on from its latest checkpoint."""

    recipe: Annotated[str, tyro.conf.Positional] = "table"
    """Name of the recipe."""
    list: bool = False
    """Show all recipes with their cost and the error of what they made, and do nothing else."""
    family: str | None = None
    """Family of the model; the recipe's own if not given."""
    size: str | None = None
    """Size of the model, for the families clip and causal: tiny, S, B, L or XL; tiny if not given."""
    resolution: int | None = None
    """Side of the pictures in pixels, 32, 64, 128 or 256, and that of the autoencoder; 64 if not given."""
    seed: int | None = None
    """Seed of the clips, of the first weights and of every draw; the recipe's own if not given."""
    autoencoder: str | None = None
    """Folder of the trained autoencoder that the families clip and causal work on."""
    pretrained: str | None = None
    """Shipped model, or folder of a checkpoint, whose weights training begins with."""
    forcing: Literal["rollout", "teacher", "diffusion"] | None = None
    """What stands before the frame that `causal` learns to predict."""
    steps: int | None = None
    """Optimiser steps; the recipe's own number if not given."""
    clips: int | None = None
    """Training clips; the recipe's own number if not given."""
    batch_frames: int | None = None
    """Predicted frames of a batch on each device; the family's own number if not given."""
    accumulate: int | None = None
    """Batches that a step learns from, one after the other; the recipe's own number if not given."""
    minutes: float = math.inf
    """Stop, resumable, after this long."""
    threads: int | None = None
    """CPU threads; all if not given."""
    compile: bool = False
    """Run the blocks of the model through torch.compile: faster, after a minute or more of compiling."""
    save_every: int = 500
    """Steps between checkpoints."""
    milestones: tuple[int, ...] = ()
    """Steps whose checkpoints are kept; of the others only the newest two and the best."""
    ship: str | None = None
    """When all steps are done, measure the model and put it among the weights that come with the package, by
    this name."""
    note: str = ""
    """A remark for the card of a shipped model."""
    out: Path | None = None
    """Folder of the run; runs/train/<recipe> if not given, and after it what sets the run apart from the
    recipe's own, like uniform-clip-S-seed1."""


def main(args: Args) -> None:
    """Entry point of the verb."""
    import torch
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from worldsim.training.data import make_clips
    from worldsim.training.rehearsal import rehearse
    from worldsim.training.trainer import Progress as Report
    from worldsim.training.trainer import train
    from worldsim.training.validate import validator

    if args.list:
        _show_recipes()
        return
    if args.threads:
        torch.set_num_threads(args.threads)
    recipe = recipe_of(args)
    folder = args.out or folder_of(recipe)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns) as bar:
        task = bar.add_task(f"train {recipe.name}", total=recipe.steps, note="rehearsing")

        def listen(report: Report) -> None:
            note = f"step {report.step} loss {report.loss:.2e} {report.frames_per_s:.0f} frames/s"
            bar.update(task, completed=report.step, note=note)
            if report.scores:
                bar.console.print(report.step, {k: round(v, 3) for k, v in report.scores.items()})

        rehearse(recipe, folder)
        bar.update(task, note="simulating clips")
        clips = make_clips(recipe)
        score = validator(recipe)
        last = train(
            recipe, clips, folder, listen, score, args.minutes, args.save_every, args.compile, args.milestones
        )
    print(last)
    if args.ship:
        _ship(args.ship, last, recipe, clips, args.note)


def recipe_of(args: Args) -> "Recipe":
    """The recipe that the options ask for. Raises ValueError for a size that its family lacks and for
    numbers below 1."""
    from worldsim.models.transformer import SIZES
    from worldsim.training.recipes import LATENT, get_recipe

    recipe = get_recipe(args.recipe)
    recipe = recipe.of_family(args.family or recipe.family)
    if args.size is not None and (recipe.family not in LATENT or args.size not in SIZES):
        raise ValueError(
            f"the family {recipe.family} has no size {args.size!r}; {' and '.join(LATENT)} have "
            f"{', '.join(SIZES)}"
        )

    def given(*names: str) -> dict[str, Any]:
        return {name: value for name in names if (value := getattr(args, name)) is not None}

    model = recipe.model | given("size", "resolution")
    numbers = given("steps", "clips", "batch_frames", "accumulate")
    if wrong := {name: value for name, value in numbers.items() if value < 1}:
        raise ValueError(f"expected at least 1, not {wrong}")
    return replace(recipe, model=model, **numbers, **given("autoencoder", "pretrained", "forcing", "seed"))


def folder_of(recipe: "Recipe") -> Path:
    """The folder of a run that is given none: the recipe's name and what sets it apart from the recipe's own.

    Runs that differ in steps, clips, the autoencoder or the pretrained model alone are not told apart and
    need an --out.
    """
    from worldsim.training.recipes import get_recipe

    named = get_recipe(recipe.name)
    own = named.of_family(recipe.family)
    told = (
        ("{}", recipe.family, named.family),
        ("{}", recipe.model.get("size"), own.model.get("size")),
        ("{}px", recipe.model.get("resolution"), own.model.get("resolution")),
        ("{}", recipe.forcing, own.forcing),
        ("batch{}", recipe.batch_frames, own.batch_frames),
        ("x{}", recipe.accumulate, own.accumulate),
        ("seed{}", recipe.seed, own.seed),
    )
    apart = [form.format(value) for form, value, usual in told if value != usual]
    return Path("runs/train") / "-".join([recipe.name, *apart])


def _show_recipes() -> None:
    """A table of all recipes."""
    from rich.console import Console
    from rich.table import Column, Table

    from worldsim.training.recipes import RECIPES

    shown = Table(
        Column("recipe and family", width=max(map(len, RECIPES))),
        "clips",
        "steps of frames",
        "cost",
        "error, m/s",
        show_lines=True,
    )
    for r in RECIPES.values():
        name, steps = f"[bold]{r.name}[/bold] {r.family}\n{r.about}", f"{r.steps:,} of {r.batch_frames}"
        shown.add_row(name, f"{r.clips:,}", steps, r.cost or "not measured", r.error or "not measured")
    Console().print(shown)


def _ship(name: str, last: Path, recipe: "Recipe", clips: "ClipSet", note: str) -> None:
    """Measure the best checkpoint of a finished run and copy it, with its card, to the package's weights."""
    import torch

    from benchmarks import results_io
    from benchmarks.learned.models import measure
    from worldsim.models import WEIGHTS, family
    from worldsim.training.card import ship, write_card
    from worldsim.training.checkpoint import best, steps_of

    steps = steps_of(last)
    if steps < recipe.steps:
        raise ValueError(f"the run stands at step {steps} of {recipe.steps}; finish it before shipping")
    chosen = best(last.parent)
    checkpoint = chosen[0] if chosen else last
    seconds = json.loads((last / "training.json").read_text())["seconds"]
    machine = results_io.meta("worldsim train", recipe.seed)
    cost = f"{seconds / 60:.0f} minutes on {machine['cpu']}, {torch.get_num_threads()} threads"
    errors = [row for rows in measure(str(checkpoint), CARD_CLIPS) for row in rows]
    parameters = sum(p.numel() for p in family(recipe.family).from_pretrained(checkpoint).parameters())
    card = write_card(name, recipe, clips, steps, parameters, cost, note, errors)
    ship(checkpoint, WEIGHTS / name, card)
