"""Does a run fit into memory? Told before it starts, from one and two rows of each horizon."""

from typing import TYPE_CHECKING

import psutil
import torch
from torch import Tensor

from worldsim.training.losses import LOSSES

if TYPE_CHECKING:
    from worldsim.training.trainer import Run

HELD = 5  #: copies of every trained weight: itself, gradient, two moments, running mean
SURPLUS = 1.3  #: what a step takes beyond what it keeps for the gradient, as measured
GIB = 2**30


class DoesNotFit(ValueError):
    """A step of a run needs more memory than is free."""


def check_fit(run: "Run") -> None:
    """Raise DoesNotFit, saying by how much, when a step of the run needs more memory than is free."""
    need, free = needed(run), free_memory(run.accelerator.device)
    if need > free:
        recipe = run.recipe
        raise DoesNotFit(
            f"a step of {recipe.name} ({recipe.family}) needs about {need / GIB:.1f} GiB and "
            f"{free / GIB:.1f} GiB are free, {(need - free) / GIB:.1f} GiB too little; lower --batch-frames "
            f"({recipe.batch_frames}) and raise --accumulate ({recipe.accumulate}) by as much"
        )


def needed(run: "Run") -> float:
    """Bytes beyond the weights that a step needs at the horizon that needs most."""
    weights = sum(p.nbytes for p in run.bare.parameters())
    most = max(_kept_by_step(run, horizon) for horizon in {frames for _, frames in run.recipe.horizons})
    return (HELD - 1) * weights + SURPLUS * most


def _kept_by_step(run: "Run", horizon: int) -> int:
    """Bytes that a batch of full size keeps for its gradient, told from one and two rows."""
    rows, one = max(1, run.recipe.batch_frames // horizon), _kept(run, horizon, 1)
    return one if rows == 1 else one + (rows - 1) * (_kept(run, horizon, 2) - one)


def _kept(run: "Run", horizon: int, rows: int) -> int:
    """Bytes that a batch of `rows` keeps for its gradient, weights left out."""
    recipe = run.recipe
    weights = {p.untyped_storage().data_ptr() for p in run.bare.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    frames, actions = run.batches.draw(0, horizon, rows)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        LOSSES[recipe.family](run.model, run.bare, frames, actions, recipe, 0)
    return sum(kept.values())


def free_memory(device: torch.device) -> int:
    """Bytes that are free on a device."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return psutil.virtual_memory().available
