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
class Memory:
    """Keys and values of frames seen before, by layer: [L, B, heads, tokens, head width] each."""

    keys: Tensor
    values: Tensor


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
        first: int = 0,
        causal: bool = False,
        memory: Memory | None = None,
    ) -> tuple[Tensor, Memory]:
        """Predictions, and the memory with these frames added.

        `latents` [B, T, C, H, W]; `levels` [B, T] noise levels; `actions` [B, T, A], the one that leads to
        each frame; `first` is the place of the first frame in time. With `causal`, a frame attends to itself
        and to what came before it; `memory` holds frames before these.
        """
        b, t, _, h, w = latents.shape
        p = self.patch
        x = F.pixel_unshuffle(latents.flatten(0, 1), p).flatten(2).transpose(1, 2)
        x = self.enter(x).view(b, t * x.shape[1], -1)
        condition = self.level(self.level_features(levels.flatten()).to(x.dtype)).view(b, t, -1)
        condition = condition + self.action(actions.to(x.dtype))
        shared = self.modulation(condition).view(b, t, 6, -1)
        turn = rotations(first, t, h // p, w // p, x.shape[-1] // self.heads, x.device)
        per_frame = x.shape[1] // t
        mask = frame_mask(t, per_frame, memory, x.device) if causal and t > 1 else None
        keys, values = [], []
        for i, block in enumerate(self.blocks):
            before = None if memory is None else (memory.keys[i], memory.values[i])
            x, k, v = block(x, shared, turn, mask, before)
            keys.append(k)
            values.append(v)
        shift, scale = (self.last + condition[:, :, None]).repeat_interleave(per_frame, 1).unbind(2)
        x = self.norm(x) * (1 + scale) + shift
        x = self.leave(x).view(b * t, per_frame, -1).transpose(1, 2).unflatten(2, (h // p, w // p))
        return F.pixel_shuffle(x, p).unflatten(0, (b, t)), Memory(torch.stack(keys), torch.stack(values))


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
        before: tuple[Tensor, Tensor] | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """`x` [B, T * N, width], `shared` [B, T, 6, width]; returns x, and keys and values with `before`."""
        b, tokens, width = x.shape
        frames = shared.shape[1]

        def spread(m: Tensor) -> Tensor:
            return m.repeat_interleave(tokens // frames, 1)

        shift, scale, gate, shift2, scale2, gate2 = map(spread, (self.table + shared).unbind(2))
        y = self.norm(x) * (1 + scale) + shift
        q, k, v = self.attend(y).view(b, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        q, k = rotate(q, turn), rotate(k, turn)
        if before is not None:
            k, v = torch.cat([before[0], k], 2), torch.cat([before[1], v], 2)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + gate * self.join(y.transpose(1, 2).reshape(b, tokens, width))
        return x + gate2 * self.think(self.norm(x) * (1 + scale2) + shift2), k, v


def frame_mask(frames: int, per_frame: int, memory: Memory | None, device: torch.device) -> Tensor:
    """[T * N, M + T * N] bool: tokens of a frame see those of the same frame, of earlier ones, and memory."""
    frame = torch.arange(frames, device=device).repeat_interleave(per_frame)
    own = frame[:, None] >= frame[None]
    remembered = 0 if memory is None else memory.keys.shape[3]
    return torch.cat([own.new_ones(len(own), remembered), own], 1)


def rotations(
    first: int, frames: int, rows: int, columns: int, width: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Cosines and sines [T * rows * columns, width / 2] of rotary positions in time, height and width.

    Half of the pairs of a head turn with time, a quarter each with the two places (Su et al., "RoFormer").
    """
    pairs = width // 2
    share = (pairs - 2 * (pairs // 4), pairs // 4, pairs // 4)
    t, y, x = torch.meshgrid(
        torch.arange(first, first + frames, device=device),
        torch.arange(rows, device=device),
        torch.arange(columns, device=device),
        indexing="ij",
    )
    angles = [
        place.flatten()[:, None] * 100.0 ** (-torch.arange(n, device=device) / n)
        for place, n in zip((t, y, x), share)
    ]
    angle = torch.cat(angles, 1)
    return angle.cos(), angle.sin()


def rotate(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """Pairs of channels of `x` [B, heads, tokens, width] turned by their tokens' angles."""
    cos, sin = (part.to(x.dtype) for part in turn)
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)
