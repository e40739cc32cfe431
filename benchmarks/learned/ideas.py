"""`worldsim bench ideas`: which ideas bring the error out of distribution down, each one's effect by itself.

Every model is trained on one scenario alone, at ID radii and speeds, from frames and actions, on as many
predicted frames as every other one; what that took is told. Failures stay in the table.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import results_io
from benchmarks.learned import studies
from benchmarks.results_io import Row

if TYPE_CHECKING:
    from worldsim.training.recipes import Recipe


@dataclass(frozen=True)
class Idea:
    """A model and how it is trained, beside what it is to be compared with."""

    about: str
    family: str
    model: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    contacts: bool = False  #: it is about what bodies do to each other, and not asked of one alone


SHORT: dict[str, Any] = {"horizons": ((0.0, 4),)}
IDEAS = {
    "direct, plain": Idea(
        "regression of the next frame, one frame at a time",
        "direct",
        {"displaced": False},
        {"horizons": ((0.0, 1),)},
    ),
    "direct, rolled out": Idea(
        "trained on its own rollouts of up to 8 frames", "direct", {"displaced": False}
    ),
    "direct": Idea("moves the last frame by a displacement field", "direct"),
    "convolutional": Idea("denoises instead of regression", "convolutional"),
    "motion, absolute": Idea(
        "carries the field of motion along and sees it",
        "motion",
        {"relative": False, "filled": False, "transfer": False, "covers": False},
    ),
    "motion, relative": Idea(
        "sees its differences alone", "motion", {"filled": False, "transfer": False, "covers": False}
    ),
    "motion, filled": Idea(
        "fills it in from the nearest contrast", "motion", {"transfer": False, "covers": False}
    ),
    "motion, passed on": Idea(
        "passes its differences from one ink to another", "motion", {"covers": False}, contacts=True
    ),
    "motion": Idea("keeps what another ink hides", "motion"),
    "motion, meeting": Idea(
        "sees where inks would come to overlap, not pixels", "motion", {"meets": True}, contacts=True
    ),
    "motion, aligned": Idea(
        "passes differences on along the normals of contacts",
        "motion",
        {"meets": True, "aligned": True},
        contacts=True,
    ),
    "motion, weighed": Idea(
        "passes on more, the larger the other's share of the ink",
        "motion",
        {"meets": True, "weighed": True},
        contacts=True,
    ),
    "motion, inert": Idea("changes motion by nothing but what is passed on", "motion", {"falls": False}),
    "motion, short": Idea("rollouts of 4 frames instead of 28", "motion", training=SHORT),
    "motion, one field": Idea("moves all inks by one field", "motion", {"layered": False}),
    "motion, one look": Idea("compares each pair of context frames once", "motion", {"looks": 1}),
    "motion, guessing": Idea(
        "learns to look from a random first guess at the motion", "motion", {"looks": 3}, {"guess": 3.0}
    ),
}


@dataclass
class Args:
    """Velocity error in and out of distribution with and without each idea."""

    recipes: tuple[str, ...] = ("uniform", "collision")
    """Scenarios; one model is trained on each, but ideas about contacts need two bodies."""
    ideas: tuple[str, ...] = tuple(IDEAS)
    """Names of ideas."""
    frames: int = 100_000
    """Predicted frames that each model is trained on."""
    clips: int = 3_000
    """Training clips."""
    resolution: int = 32
    """Side of the pictures."""
    asked: int = 200
    """Clips of each level."""
    workers: int = os.cpu_count() or 1
    """Models trained side by side, one thread each."""
    work: Path = studies.WORK
    """Folder for what is trained so far; run again to go on."""
    out: Path = results_io.RESULTS / "ideas.json"
    """Result file."""


def main(args: Args) -> None:
    """Train and measure what is missing, print and write."""
    from rich.console import Console

    from benchmarks.learned import tables as model_tables
    from benchmarks.reports import tables

    trials = plan(args)
    found = studies.run([r for *_, r in trials], partial(measured, clips=args.asked), args.work, args.workers)
    rows = [row for trial, some in zip(trials, found) for row in _rows(*trial, some)]
    Console().print(tables.shown(model_tables.ideas(rows)))
    results_io.write(args.out, results_io.meta(results_io.command("bench ideas", args), 0), rows)


def plan(args: Args) -> list[tuple[str, str, "Recipe"]]:
    """Idea, scenario and recipe of every model. Raises ValueError for an unknown idea."""
    from worldsim.scenarios import get_scenario

    if unknown := set(args.ideas) - set(IDEAS):
        raise ValueError(f"unknown ideas {sorted(unknown)}; there are {', '.join(IDEAS)}")
    return [
        (name, scenario, _recipe(args, IDEAS[name], scenario))
        for scenario in args.recipes
        for name in args.ideas
        if len(get_scenario(scenario).template.bodies) > 1 or not IDEAS[name].contacts
    ]


def _recipe(args: Args, idea: Idea, scenario: str) -> "Recipe":
    """Of the scenario's own model only the actions are taken over: what else it is made of are ideas."""
    from dataclasses import replace

    from worldsim.training.recipes import ACTIONS

    small = studies.small(scenario, idea.family, args.resolution, 1, clips=args.clips, **idea.training)
    model = {name: small.model[name] for name in (*ACTIONS, "resolution") if name in small.model}
    model |= {"patch": args.resolution // 16, **idea.model}
    return replace(small, steps=max(1, args.frames // small.batch_frames), model=model)


def measured(checkpoint: Path, recipe: "Recipe", clips: int) -> dict[str, Any]:
    """Errors of each clip by level of the recipe's scenario, and seconds of training."""
    import json

    [(scenario, _)] = recipe.mixture
    seconds = json.loads((checkpoint / "training.json").read_text())["seconds"]
    return {"seconds": seconds, "errors": studies.velocity_errors(checkpoint, scenario, clips)}


def _rows(idea: str, scenario: str, recipe: "Recipe", found: dict[str, Any]) -> Iterator[Row]:
    from benchmarks.statistics import mean

    where = {"scenario": scenario, "model": idea, "seed": recipe.seed}
    for level, errors in found["errors"].items():
        values = [e for e in errors if e is not None]
        if values:
            yield {**where, "level": level, "metric": "velocity_error", **mean(values).row()}
    yield {
        **where,
        "metric": "training_minutes",
        "value": found["seconds"] / 60,
        "low": None,
        "high": None,
        "n": 1,
    }
