"""States that are nothing but tensors."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True)
class TensorState:
    """A `State` whose fields are tensors with the batch axis first; subclasses name the fields."""

    def select(self, index: Tensor) -> Self:
        """See `State.select`."""
        return self._map(lambda value: value[index])

    def repeat(self, n: int) -> Self:
        """See `State.repeat`."""
        return self._map(lambda value: value.repeat_interleave(n, 0))

    def where(self, mask: Tensor, other: Self) -> Self:
        """See `State.where`."""

        def choose(mine: Tensor, theirs: Tensor) -> Tensor:
            return torch.where(mask.view(-1, *[1] * (mine.ndim - 1)), mine, theirs)

        return type(self)(*(choose(getattr(self, f.name), getattr(other, f.name)) for f in fields(self)))

    def _map(self, function: Callable[[Tensor], Tensor]) -> Self:
        return type(self)(*(function(getattr(self, f.name)) for f in fields(self)))
