"""What a training run costs in operations, whatever the machine."""

from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from worldsim.training.losses import LOSSES
from worldsim.training.recipes import Recipe
from worldsim.training.schedule import horizon_at

BACKWARD = 2  #: a gradient takes about twice the operations of what it is the gradient of


def training_flops(model: Any, recipe: Recipe, steps: int) -> float:
    """Floating-point operations of the first `steps` of a recipe that trains `model`.

    Multiplications and additions of convolutions and matrix products, forward and backward.
    """
    horizons = [horizon_at(recipe, step) for step in range(steps)]
    each = {horizon: row_flops(model, recipe, horizon) for horizon in set(horizons)}
    rows = (max(1, recipe.batch_frames // horizon) * each[horizon] for horizon in horizons)
    return float((1 + BACKWARD) * recipe.accumulate * sum(rows))


def row_flops(model: Any, recipe: Recipe, horizon: int) -> int:
    """Operations of the loss of one row, without its gradient."""
    frames = model.context_frames + horizon
    side, device = model.resolution, next(model.parameters()).device
    actions = int(getattr(model, "action_size", 0))
    seen = torch.ones(1, frames, 3, side, side, device=device)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        done = torch.zeros(1, frames - 1, actions, device=device)
        LOSSES[recipe.family](model, model, seen, done, recipe, 0)
    return counter.get_total_flops()
