"""What the models of the study are called, were taught and cost, and the memory that knows clips alone."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from benchmarks import results_io
from benchmarks.learned.laws.published import SCENARIOS
from benchmarks.results_io import Row

if TYPE_CHECKING:
    from worldsim.models import WorldModel
    from worldsim.training.recipes import Recipe


def called(model: str) -> str:
    """How a model is called in rows: by its folder, and its family unless the folder already tells.

    Runs that differ in their seed alone are called alike.
    """
    from worldsim.models import family_of

    name, family = results_io.model_name(model), family_of(model)
    if seed := seed_of(model):
        name = name.removesuffix(f"-seed{seed['seed']}")
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


def recipe_of(model: str) -> "Recipe | None":
    """The recipe that a checkpoint was trained by, None where it does not tell."""
    from worldsim.models import training_of
    from worldsim.training.recipes import Recipe

    told = training_of(model)
    return Recipe(about="", **told["recipe"]) if told else None


def seed_of(model: str) -> dict[str, int]:
    """The seed of a model's training as a column of its rows, no column where it does not tell."""
    recipe = recipe_of(model)
    return {"seed": recipe.seed} if recipe else {}


def cost(model: str) -> Iterator[Row]:
    """The operations of a model's training, if it tells how it was trained."""
    from worldsim.models import load_model, training_of
    from worldsim.training.cost import training_flops

    if recipe := recipe_of(model):
        steps = int(training_of(model)["step"])
        value = training_flops(load_model(model), recipe, steps)
        where = {"model": called(model), "seed": recipe.seed, "metric": "training_flops"}
        yield {**where, "value": value, "low": None, "high": None, "n": steps}


def make_memory(
    scenario: str, clips: int, resolution: int = 64, recipe: "Recipe | None" = None
) -> "WorldModel":
    """The family `retrieval` with at most `clips` clips of a scenario: of those that `recipe` trains on, else
    of the recipe of that scenario alone."""
    from dataclasses import replace

    import torch

    from worldsim.models.retrieval import RetrievalModel
    from worldsim.training.data import make_clips
    from worldsim.training.recipes import get_recipe

    if recipe is None:
        recipe = replace(get_recipe("uniform"), name=scenario, mixture=((scenario, 1.0),), clips=clips)
    # a scenario's clips are numbered by themselves: the first ones are the same without the others
    share = dict(recipe.mixture)[scenario]
    some = min(clips, round(share * recipe.clips))
    known = make_clips(replace(recipe, mixture=((scenario, 1.0),), clips=some))
    n, frames = known.states.shape[:2]
    memory = RetrievalModel(scenario, n, frames, known.actions.shape[2], resolution)
    memory.remember(known.states, known.looks.size, torch.as_tensor(known.actions))
    return memory
