"""Convolutions at two resolutions that leave what they are given as it is until they have learned."""

from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Layer = TypeVar("Layer", bound=nn.Module)


class Trunk(nn.Module):
    """Features at two resolutions, joined again: [B, C, h, w] -> [B, widths[0], h, w]."""

    def __init__(self, inputs: int, widths: tuple[int, int], blocks: tuple[int, int]) -> None:
        super().__init__()
        narrow, wide = widths
        self.enter = nn.Conv2d(inputs, narrow, 1)
        self.fine_in = nn.Sequential(*(Block(narrow) for _ in range(blocks[0])))
        self.down = nn.Conv2d(narrow, wide, 3, stride=2, padding=1)
        self.coarse = nn.Sequential(*(Block(wide) for _ in range(blocks[1])))
        self.up = nn.Conv2d(wide, 4 * narrow, 1)
        self.fine_out = nn.Sequential(*(Block(narrow) for _ in range(blocks[0])))
        self.norm = ChannelNorm(narrow)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        x = self.fine_in(self.enter(x))
        x = x + F.pixel_shuffle(self.up(self.coarse(self.down(x))), 2)
        return F.silu(self.norm(self.fine_out(x)))


class Block(nn.Module):
    """Two convolutions beside the identity, which alone it is at first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(ChannelNorm(width) for _ in range(2))
        first, last = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        self.layers = nn.ModuleList((first, silent(last)))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        y = x
        for norm, layer in zip(self.norms, self.layers):
            y = layer(F.silu(norm(y)))
        return x + y


class ChannelNorm(nn.Module):
    """Root-mean-square normalisation over the channels of each place: what is far away has no say."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] to the same."""
        x = x.movedim(1, -1)  # as they lie in memory; faster than F.rms_norm on a CPU
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.float32)
        scale = (length.square() / x.shape[-1] + 1e-5).rsqrt()
        return (x * scale.to(x.dtype) * self.weight.to(x.dtype)).movedim(-1, 1)


def silent(layer: Layer) -> Layer:
    """A layer that says nothing until it has learned: at first, everything moves on as it did."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


def precisely(layer: nn.Module, x: Tensor) -> Tensor:
    """In single precision: bfloat16 holds a number to half a percent, and so much of a motion is seen."""
    with torch.autocast(x.device.type, enabled=False):
        return layer(x.float()).contiguous()
