"""Worlds: what answers the actions. An engine whose states are rendered, or a model that imagines frames."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from worldsim.scenes import Scene


class Context(Protocol):
    """What a world needs to start at the present moment of a running episode."""

    frames: Tensor  #: [N, K, 3, H, W], the last K frames
    actions: Tensor  #: [N, K-1, A], the actions between them


class World(Protocol):
    """N episodes side by side; all frames are float32 in [0, 1], rounded to uint8 levels, on `device`."""

    name: str
    resolution: int
    context_frames: int  #: K
    device: torch.device

    def reset(self, scenes: Sequence[Scene], keys: np.ndarray, rows: Sequence[int] | None = None) -> Tensor:
        """Start scenes in the given rows (all rows when None, which sets N) and return context frames.

        The K context frames [n, K, 3, H, W] were simulated under the no-op action; the next `step` leads to
        frame K.
        """
        ...

    def begin(self, context: Context, keys: np.ndarray) -> None:
        """Start N rows at the present moment of running episodes: only what was seen is used, no true state."""
        ...

    def step(self, actions: np.ndarray | Tensor) -> Tensor:
        """Answer actions [N, A] with the next frames [N, 3, H, W]."""
        ...

    def fork(self, rows: Sequence[int], copies: int) -> "World":
        """A new world with each of the rows `copies` times in a row, exactly as they stand."""
        ...

    @property
    def states(self) -> np.ndarray | None:
        """True states [N, B, 6] of the present frame, None where there is no truth behind the frames."""
        ...
