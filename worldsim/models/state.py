"""States that are nothing but tensors."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Self

import torch
from torch import Tensor


@dataclass(frozen=True)
class TensorState:
    """A `State` whose fields are tensors with the batch axis first, or such states; subclasses name them."""

    def select(self, index: Tensor) -> Self:
        """See `State.select`."""
        return self._map(lambda value: value[index])

    def repeat(self, n: int) -> Self:
        """See `State.repeat`."""
        return self._map(lambda value: value.repeat_interleave(n, 0))

    def detach(self) -> Self:
        """The same without the gradients of its past."""
        return self._map(Tensor.detach)

    def where(self, mask: Tensor, other: Self) -> Self:
        """See `State.where`."""

        def choose(mine: Any, theirs: Any) -> Any:
            if isinstance(mine, TensorState):
                return mine.where(mask, theirs)
            return torch.where(mask.view(-1, *[1] * (mine.ndim - 1)), mine, theirs)

        return type(self)(*(choose(getattr(self, f.name), getattr(other, f.name)) for f in fields(self)))

    def _map(self, function: Callable[[Tensor], Tensor]) -> Self:
        values = (getattr(self, f.name) for f in fields(self))
        return type(self)(*(v._map(function) if isinstance(v, TensorState) else function(v) for v in values))
