"""Validation: the tracked velocity error of rollouts on development clips."""

from collections.abc import Callable

from worldsim.metrics.rollouts import evaluate, make_clips
from worldsim.models.base import WorldModel
from worldsim.training.recipes import Recipe


def validator(recipe: Recipe, clips: int = 16) -> Callable[[WorldModel], dict[str, float]]:
    """A function that scores a model on `clips` in-distribution clips of each scenario of the recipe.

    It returns the velocity error in m/s by scenario, and their mean as "velocity_error".
    """
    sets = [make_clips(name, "id", clips, "development") for name, _ in recipe.mixture]

    def validate(model: WorldModel) -> dict[str, float]:
        errors = {s.scenario: evaluate(model, s).velocity_error.mean() for s in sets}
        return {**errors, "velocity_error": sum(errors.values()) / len(errors)}

    return validate
