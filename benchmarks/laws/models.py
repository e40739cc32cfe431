"""What the models of the study are called, were taught and cost, and the memory that knows clips alone."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from benchmarks import results_io
from benchmarks.laws.published import SCENARIOS
from benchmarks.results_io import Row

if TYPE_CHECKING:
    from worldsim.models import WorldModel


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
