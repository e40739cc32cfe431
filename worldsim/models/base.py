"""The protocol of a world model: prediction only, no reward, no episode, no reset."""

from itertools import chain
from typing import Protocol, TypeVar

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
    """A video model that answers actions with frames."""

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
