"""What a world is: something that answers actions with frames."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from worldsim.scenes import Scene
from worldsim.tracking import Track

CONTEXT_FRAMES = 4  #: K of simulated worlds


class Context(Protocol):
    """What a world needs to start at the present moment of a running episode."""

    @property
    def frames(self) -> Tensor:
        """[N, K, 3, H, W], the last K frames."""
        ...

    @property
    def actions(self) -> Tensor:
        """[N, K-1, A], the actions between them."""
        ...

    @property
    def track(self) -> Track:
        """What the tracker reads from them."""
        ...


class World(Protocol):
    """N episodes side by side; all frames are float32 in [0, 1], rounded to uint8 levels, on `device`."""

    name: str
    resolution: int
    context_frames: int  #: K
    device: torch.device
    differentiable: bool  #: actions that require gradients are answered with frames that have them

    def reset(self, scenes: Sequence[Scene], keys: np.ndarray, rows: Sequence[int] | None = None) -> Tensor:
        """Start scenes in the given rows (all rows when None, which sets N) and return context frames.

        The K context frames [n, K, 3, H, W] were simulated under the no-op action; the next `step` leads to
        frame K. `keys` [n] uint64 name the noise of each row.
        """
        ...

    def begin(self, context: Context, keys: np.ndarray) -> None:
        """Start N rows at the present moment of running episodes, from what was seen, no true state."""
        ...

    def step(self, actions: np.ndarray | Tensor) -> Tensor:
        """Answer actions [N, A] with the next frames [N, 3, H, W].

        Where the world is differentiable and the actions require gradients, frames have them: those of the
        frames before rounding.
        """
        ...

    def fork(self, rows: Sequence[int], copies: int) -> "World":
        """A new world with each of the rows `copies` times in a row, exactly as they stand."""
        ...

    @property
    def states(self) -> np.ndarray | None:
        """True states [N, B, 6] of the present frame, None where there is no truth behind the frames."""
        ...


PARTS = ("name", "resolution", "context_frames", "device", "reset", "begin", "step", "fork", "states")
