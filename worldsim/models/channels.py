"""Which channels of a model's actions belong to which control.

A launch and a command can be the same two numbers, and do different things. A model that is taught both has
channels for each (its `controls`), so that it need not tell them apart by the looks of the body they move.
"""

from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from worldsim.scenes import Control


def channels(controls: Sequence[str], size: int, control: Control | None) -> slice:
    """The channels, of `size` in all, that the actions of a scene's control have in a model's.

    A model without `controls` has the same for all; else each kind has an equal share, in turn. Raises
    ValueError for a kind that is not among them.
    """
    if not controls or control is None:
        return slice(0, size)
    if control.kind not in controls:
        raise ValueError(
            f"this model answers controls of the kind {' and '.join(controls)}, not {control.kind}; take a "
            f"model that was taught it"
        )
    return channels_of(controls, size, control.kind)


def channels_of(controls: Sequence[str], size: int, kind: str) -> slice:
    """The channels, of `size` in all, of one kind of control; all of them where that has none of its own."""
    if kind not in controls:
        return slice(0, size)
    each = size // len(controls)
    first = each * list(controls).index(kind)
    return slice(first, first + each)


def laid_out(model: Any, actions: Tensor, control: Control | None) -> Tensor:
    """Actions [..., A] of a scene's control as the model takes them, [..., action_size]: zeros elsewhere.

    Raises ValueError for more than the control has channels, and as `channels` does.
    """
    own = channels(getattr(model, "controls", ()), model.action_size, control)
    most, size = own.stop - own.start, actions.shape[-1]
    if size > most:
        raise ValueError(
            f"actions have size {size}, but this model has {most} of {model.action_size} channels for them"
        )
    return F.pad(actions, (own.start, model.action_size - own.start - size))
