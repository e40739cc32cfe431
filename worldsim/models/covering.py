"""Inks that hide each other: what is seen of things in layers, and what is known of them behind others."""

from itertools import permutations

import torch
from torch import Tensor

from worldsim.models.inks import INKS

OVER = tuple(permutations(range(INKS), 2))  #: which ink may hide which


def shown(inks: Tensor, hidden: Tensor | None) -> Tensor:
    """What is seen of inks [B, 3, H, W], full ones of which hide a share of others: `hidden`, [B, 6, H, W] or
    what broadcasts to it, in the order of `OVER`; None: nothing."""
    if hidden is None:
        return inks
    there, seen = inks.clamp(0, 1).unbind(1), list(inks.unbind(1))
    for share, (above, below) in zip(hidden.unbind(1), OVER):
        seen[below] = torch.addcmul(seen[below], seen[below] * share, there[above], value=-1)
    return torch.stack(seen, 1)


def whole(seen: Tensor, expected: Tensor, hidden: Tensor | None) -> Tensor:
    """Inks [B, 3, H, W] of which `seen` is seen: what is hidden of them is as expected [B, 3, H, W]."""
    if hidden is None:
        return seen
    there, behind, inks = seen.clamp(0, 1).unbind(1), expected.unbind(1), list(seen.unbind(1))
    for share, (above, below) in zip(hidden.unbind(1), OVER):
        inks[below] = torch.addcmul(inks[below], behind[below] * share, there[above])
    return torch.stack(inks, 1)
