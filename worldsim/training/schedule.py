"""How the rollout horizon and the learning rate change with the step."""

import math

from worldsim.training.recipes import Recipe


def horizon_at(recipe: Recipe, step: int) -> int:
    """How many frames are predicted in a row at this step."""
    return [h for share, h in recipe.horizons if step >= share * recipe.steps][-1]


def rows_at(recipe: Recipe, step: int) -> int:
    """How many windows a batch of this step has."""
    return max(1, recipe.batch_frames // horizon_at(recipe, step))


def learning_rate_at(recipe: Recipe, step: int) -> float:
    """A cosine to 2 % of the rate, with a linear warm-up at the start and after each change of horizon."""
    changed = max(
        math.ceil(share * recipe.steps) for share, _ in recipe.horizons if step >= share * recipe.steps
    )
    warm = min(1.0, (step - changed + 1) / recipe.warmup)
    return recipe.learning_rate * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / recipe.steps)))
