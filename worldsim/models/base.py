"""The protocol of a world model: prediction only, no reward, no episode, no reset."""

from collections.abc import Callable
from functools import wraps
from itertools import chain
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

S = TypeVar("S", bound="State")


class State(Protocol):
    """What a model carries between steps; every tensor and cache has the batch axis first."""

    def select(self: S, index: Tensor) -> S:
        """The rows named by `index` [M] int64."""
        ...

    def repeat(self: S, n: int) -> S:
        """Each row n times in a row, as `torch.repeat_interleave`."""
        ...

    def where(self: S, mask: Tensor, other: S) -> S:
        """Rows of this state where `mask` [B] is true, else rows of `other`."""
        ...


class WorldModel(Protocol):
    """A video model that answers actions with frames.

    A model may also say `differentiable = True`: its `step` then answers actions that require gradients with
    frames that have them. It may name `controls`, kinds of `Control` that have an equal share of its actions
    each (see `worldsim.models.channels`), and `frames_per_call`, how many frames it makes at once: planners
    then ask for so many at a time.
    """

    name: str
    context_frames: int  #: K, at least 2
    action_size: int  #: A
    resolution: int  #: H = W
    max_frames: int | None  #: how far it may roll out; None: without end

    def init(self, frames: Tensor, actions: Tensor, keys: np.ndarray) -> State:
        """State from context frames [B, K, 3, H, W] in [0, 1] and the actions [B, K-1, A] between them.

        `keys` [B] uint64 name each row's noise.
        """
        ...

    def step(self, state: State, actions: Tensor) -> tuple[State, Tensor]:
        """Answer actions [B, T, A] with frames [B, T, 3, H, W] in [0, 1]; action t leads to frame t."""
        ...


def device_of(model: WorldModel) -> torch.device:
    """Where a model computes: the device of its first tensor, the CPU if it has none."""
    if not isinstance(model, torch.nn.Module):
        return torch.device("cpu")
    return next((t.device for t in chain(model.parameters(), model.buffers())), torch.device("cpu"))


def check_frames(model: WorldModel, frames: int) -> None:
    """Raise ValueError where `frames` frames after the context are more than the model allows."""
    if model.max_frames is not None and frames > model.max_frames:
        raise ValueError(
            f"{model.name} rolls out at most {model.max_frames} frames (its max_frames), not {frames}; "
            f"take a shorter horizon or another model"
        )


def check_context(model: WorldModel, frames: Tensor, actions: Tensor, keys: np.ndarray) -> Tensor:
    """Keys [B] int64 on the frames' device, once frames and actions were found to be a context of the model.

    Raises ValueError for shapes that do not fit.
    """
    rows, k = len(frames), model.context_frames
    seen = (rows, k, 3, model.resolution, model.resolution)
    done = (rows, k - 1, model.action_size)
    if frames.shape != seen or actions.shape != done:
        raise ValueError(
            f"context frames {tuple(frames.shape)} and actions {tuple(actions.shape)} do not fit this model; "
            f"expected {seen} and {done}"
        )
    return torch.from_numpy(np.asarray(keys, dtype=np.uint64).view(np.int64)).to(frames.device)


def gradients_where_asked(step: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator of `WorldModel.step`: gradients are kept where the actions require them, and nowhere else."""

    @wraps(step)
    def stepping(self: Any, state: Any, actions: Tensor) -> Any:
        with torch.set_grad_enabled(torch.is_grad_enabled() and actions.requires_grad):
            return step(self, state, actions)

    return stepping
