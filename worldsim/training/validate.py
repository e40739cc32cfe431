"""Validation: the tracked velocity error of rollouts on development clips."""

from collections.abc import Callable
from typing import Any

from worldsim.metrics.rollouts import Clips, evaluate, make_clips, reconstruct, score_batches
from worldsim.training.recipes import Recipe


def validator(recipe: Recipe, clips: int = 16) -> Callable[[Any], dict[str, float]]:
    """A function that scores a model on `clips` in-distribution clips of each scenario of the recipe.

    It returns the velocity error in m/s by scenario, and their mean as "velocity_error": of rollouts of a
    world model, of pictures that come back from an autoencoder.
    """
    sets = [make_clips(name, "id", clips, "development") for name, _ in recipe.mixture]

    def validate(model: Any) -> dict[str, float]:
        errors = {s.scenario: _error(recipe, model, s) for s in sets}
        return {**errors, "velocity_error": sum(errors.values()) / len(errors)}

    return validate


def _error(recipe: Recipe, model: Any, clips: Clips) -> float:
    if recipe.family == "autoencoder":
        return score_batches(clips, lambda some, _: reconstruct(model, some)).velocity_error.mean()
    return evaluate(model, clips).velocity_error.mean()
