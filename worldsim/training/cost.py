"""What a training run costs in operations, whatever the machine."""

from collections.abc import Callable
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from worldsim.training.losses import LOSSES
from worldsim.training.recipes import LATENT, Recipe
from worldsim.training.schedule import horizon_at

BACKWARD = 2  #: a gradient takes about twice the operations of what it is the gradient of


def training_flops(model: Any, recipe: Recipe, steps: int) -> float:
    """Floating-point operations of the first `steps` of a recipe that trains `model`.

    Multiplications and additions of convolutions and matrix products, forward and backward.
    """
    horizons = [horizon_at(recipe, step) for step in range(steps)]
    each = {horizon: row_flops(model, recipe, horizon) for horizon in set(horizons)}
    rows = (max(1, recipe.batch_frames // horizon) * each[horizon] for horizon in horizons)
    return float(recipe.accumulate * sum(rows))


def row_flops(model: Any, recipe: Recipe, horizon: int) -> int:
    """Operations of the loss of one row and of its gradient; what a frozen autoencoder encodes has none."""
    frames = model.context_frames + horizon
    side, device = model.resolution, next(model.parameters()).device
    actions = int(getattr(model, "action_size", 0))
    seen = torch.ones(1, frames, 3, side, side, device=device)
    done = torch.zeros(1, frames - 1, actions, device=device)
    whole = _count(lambda: LOSSES[recipe.family](model, model, seen, done, recipe, 0))
    frozen = _count(lambda: model.autoencoder.encode_clips(seen)) if recipe.family in LATENT else 0
    return (1 + BACKWARD) * (whole - frozen) + frozen


def _count(work: Callable[[], Any]) -> int:
    """Operations of some work. Attention is made of products: its kernel for the CPU is not counted."""
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()
