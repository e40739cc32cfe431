"""Blocks of the transformers over video latents: 3D rotary positions, conditioning by frame, one attention.

Sizes are phyworld's (Kang et al., "How Far is Video Generation from World Model", section 3). The parameter
counts printed there fit blocks whose modulation comes from one shared layer (Chen et al., "PixArt-α",
adaLN-single), not from one in each block.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from diffusers.models.embeddings import TimestepEmbedding, Timesteps
from torch import Tensor, nn

from worldsim.models.state import TensorState

FEATURES = 256  #: sinusoids of a noise level


@dataclass(frozen=True)
class Size:
    """Layers, width and attention heads."""

    layers: int
    width: int
    heads: int


SIZES = {
    "tiny": Size(4, 192, 3),
    "S": Size(12, 384, 6),
    "B": Size(12, 768, 12),
    "L": Size(24, 1024, 16),
    "XL": Size(28, 1152, 16),
}


@dataclass(frozen=True)
class Memory(TensorState):
    """What the frames before the present left: keys and values [B, L, heads, frames * N, head width], not
    rotated yet, and which of the places are `filled` [B, frames] bool."""

    keys: Tensor
    values: Tensor
    filled: Tensor

    def push(self, other: "Memory") -> "Memory":
        """The places of `other` after these, as many forgotten at the front."""

        def shift(mine: Tensor, theirs: Tensor, axis: int) -> Tensor:
            return torch.cat([mine, theirs], axis).narrow(axis, theirs.shape[axis], mine.shape[axis])

        return Memory(
            shift(self.keys, other.keys, 3),
            shift(self.values, other.values, 3),
            shift(self.filled, other.filled, 1),
        )


class VideoTransformer(nn.Module):
    """Latents [B, T, C, H, W] to predictions [B, T, out, H, W], every frame with its own condition.

    Parameters
    ----------
    size : name of one of `SIZES`
    inputs, outputs : channels of the latents that come in and of what is predicted
    patch : side of the squares of latents that make a token
    action_size : of the action that leads to a frame
    """

    def __init__(self, size: str, inputs: int, outputs: int, patch: int, action_size: int) -> None:
        super().__init__()
        if size not in SIZES:
            raise ValueError(f"unknown size {size!r}; sizes are {', '.join(SIZES)}")
        layers, width, heads = SIZES[size].layers, SIZES[size].width, SIZES[size].heads
        self.patch, self.heads = patch, heads
        self.enter = nn.Linear(inputs * patch**2, width)
        self.level_features = Timesteps(FEATURES, flip_sin_to_cos=True, downscale_freq_shift=0)
        self.level = TimestepEmbedding(FEATURES, width)
        self.action = nn.Linear(action_size, width)
        self.modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.last = nn.Parameter(torch.zeros(2, width))
        self.leave = nn.Linear(width, outputs * patch**2)
        for parameter in (*self.leave.parameters(), *self.modulation[1].parameters()):
            nn.init.zeros_(parameter)

    def forward(
        self,
        latents: Tensor,
        levels: Tensor,
        actions: Tensor,
        memory: Memory | None = None,
        causal: bool = False,
    ) -> tuple[Tensor, Memory]:
        """Predictions [B, T, out, H, W], and what a memory needs to know of these frames.

        `latents` [B, T, C, H, W]; `levels` [B, T] noise levels; `actions` [B, T, A], the one that leads to
        each frame; `memory` holds the frames before these. With `causal`, a frame sees itself and what came
        before it, else all frames see each other.
        """
        b, t, _, h, w = latents.shape
        p = self.patch
        x = F.pixel_unshuffle(latents.flatten(0, 1), p).flatten(2).transpose(1, 2)
        per_frame = x.shape[1]
        x = self.enter(x).view(b, t * per_frame, -1)
        condition = self.level(self.level_features(levels.flatten()).to(x.dtype)).view(b, t, -1)
        condition = condition + self.action(actions.to(x.dtype))
        shared = self.modulation(condition).view(b, t, 6, -1)
        before = 0 if memory is None else memory.filled.shape[1]
        turn = rotations(before + t, h // p, w // p, x.shape[-1] // self.heads, x.device)
        mask = visible(t, per_frame, memory, causal, x.device)
        keys, values = [], []
        for i, block in enumerate(self.blocks):
            past = None if memory is None else (memory.keys[:, i], memory.values[:, i])
            x, k, v = block(x, shared, turn, mask, past)
            keys.append(k)
            values.append(v)
        shift, scale = (self.last + condition[:, :, None]).repeat_interleave(per_frame, 1).unbind(2)
        x = self.leave(self.norm(x) * (1 + scale) + shift)
        x = x.view(b * t, per_frame, -1).transpose(1, 2).unflatten(2, (h // p, w // p))
        filled = torch.ones(b, t, dtype=torch.bool, device=x.device)
        told = Memory(torch.stack(keys, 1), torch.stack(values, 1), filled)
        return F.pixel_shuffle(x, p).unflatten(0, (b, t)), told


class Block(nn.Module):
    """Attention and a perceptron, both modulated by frame."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.table = nn.Parameter(torch.randn(6, width) / math.sqrt(width))
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.attend, self.join = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.think = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(approximate="tanh"), nn.Linear(4 * width, width)
        )

    def forward(
        self,
        x: Tensor,
        shared: Tensor,
        turn: tuple[Tensor, Tensor],
        mask: Tensor | None,
        past: tuple[Tensor, Tensor] | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """`x` [B, T * N, width], `shared` [B, T, 6, width]; returns x, and its own keys and values."""
        b, tokens, width = x.shape
        spread = (self.table + shared).repeat_interleave(tokens // shared.shape[1], 1)
        shift, scale, gate, shift2, scale2, gate2 = spread.unbind(2)
        y = self.norm(x) * (1 + scale) + shift
        q, k, v = self.attend(y).view(b, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        own = k, v
        if past is not None:
            k, v = torch.cat([past[0].to(k.dtype), k], 2), torch.cat([past[1].to(v.dtype), v], 2)
        q, k = rotate(q, tuple(angles[-tokens:] for angles in turn)), rotate(k, turn)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + gate * self.join(y.transpose(1, 2).reshape(b, tokens, width))
        return x + gate2 * self.think(self.norm(x) * (1 + scale2) + shift2), *own


def leading(actions: Tensor) -> Tensor:
    """The action that leads to each frame [B, T, A], from those between [B, T-1, A]; zero for the first."""
    return torch.cat([torch.zeros_like(actions[:, :1]), actions], 1).float()


def visible(
    frames: int, per_frame: int, memory: Memory | None, causal: bool, device: torch.device
) -> Tensor | None:
    """[B or 1, 1, T * N, all tokens] bool: which tokens each token may attend to; None for all."""
    if memory is None and not (causal and frames > 1):
        return None
    frame = torch.arange(frames, device=device)
    own = (
        frame[:, None] >= frame[None]
        if causal
        else torch.ones(frames, frames, dtype=torch.bool, device=device)
    )
    if memory is None:
        seen = own[None]
    else:
        past = memory.filled[:, None].expand(-1, frames, -1)
        seen = torch.cat([past, own.expand(len(past), -1, -1)], 2)
    return seen.repeat_interleave(per_frame, 1).repeat_interleave(per_frame, 2)[:, None]


def rotations(
    frames: int, rows: int, columns: int, width: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Cosines and sines [frames * rows * columns, width / 2] of rotary positions in time, height and width.

    Half of the pairs of a head turn with time, a quarter each with the two places (Su et al., "RoFormer").
    """
    pairs = width // 2
    share = (pairs - 2 * (pairs // 4), pairs // 4, pairs // 4)
    axes = (torch.arange(n, device=device) for n in (frames, rows, columns))
    places = torch.meshgrid(*axes, indexing="ij")
    angles = [
        place.flatten()[:, None] * 100.0 ** (-torch.arange(n, device=device) / n)
        for place, n in zip(places, share)
    ]
    angle = torch.cat(angles, 1)
    return angle.cos(), angle.sin()


def rotate(x: Tensor, turn: tuple[Tensor, ...]) -> Tensor:
    """Pairs of channels of `x` [B, heads, tokens, width] turned by their tokens' angles."""
    cos, sin = (part.to(x.dtype) for part in turn)
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)
