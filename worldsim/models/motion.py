"""`motion`: the next frame is the last one moved by a field of motion that the model carries along.

A convolutional model of pixels reads every speed from the offset between frames again at each step, so a
small misreading, at a speed or size it has never seen, grows over a rollout. Here motion is part of the
state: `look` finds it by comparing context frames, correcting the moved last frame against the present one
as often as needed (as Lucas and Kanade's registration does), and `act` changes it only where something
happens. `act` sees the present frame, the action and differences of motion between places, but not motion
itself: what does not depend on a common velocity of everything (Galileo) need not be learned at every
speed. Motion belongs to things: where the picture is even, it is filled in from the nearest contrast, so
that a body of any size moves as one piece.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn

from worldsim.models.base import check_context
from worldsim.models.convolutional import move
from worldsim.models.state import TensorState

REACH = (1, 2, 4)  #: cells over which differences of motion are taken
UNIT = 4.0  #: pixels per frame that count as one
EVEN = 1e-4  #: weight of a place without contrast, in squared grey levels of [-1, 1]
OWN = 0.5  #: cells; a place is as near to itself as this


@dataclass(frozen=True)
class MotionState(TensorState):
    """The last frame [B, 3, H, W] in [-1, 1] and its motion [B, 2, h, w], (right, down) pixels per frame."""

    frame: Tensor
    motion: Tensor


class MotionModel(ModelMixin, ConfigMixin):
    """A world model of the family `motion`.

    Parameters
    ----------
    action_size, action_scale : size A of an action and the magnitude (m/s) that counts as one
    resolution, context_frames : pictures H = W and how many of them are the context, K
    patch : side of the squares that space-to-depth folds into channels; cells of the motion
    widths, blocks : channels and residual blocks at the two resolutions of `act`
    look_widths, look_blocks : the same of `look`
    looks : comparisons of each pair of context frames
    detail : channels of the three convolutions that sharpen the picture at full resolution
    relative : `act` sees differences of motion alone; else motion itself too
    filled : fill motion in from the nearest contrast
    """

    name = "motion"
    max_frames = None

    @register_to_config
    def __init__(
        self,
        action_size: int = 2,
        action_scale: float = 4.0,
        resolution: int = 64,
        context_frames: int = 4,
        patch: int = 4,
        widths: tuple[int, int] = (48, 96),
        blocks: tuple[int, int] = (1, 3),
        look_widths: tuple[int, int] = (32, 64),
        look_blocks: tuple[int, int] = (1, 2),
        looks: int = 2,
        detail: int = 8,
        relative: bool = True,
        filled: bool = True,
    ) -> None:
        super().__init__()
        self.action_size, self.resolution, self.context_frames = action_size, resolution, context_frames
        self.patch, self.looks = patch, looks
        self.register_buffer("nearness", nearness(resolution // patch) if filled else None, persistent=False)
        pixels = 3 * patch**2
        self.look = Trunk(2 * pixels, look_widths, look_blocks)
        self.correct = _silent(nn.Conv2d(look_widths[0], 2, 3, padding=1))
        told = 8 * len(REACH) + (0 if relative else 2)
        self.act = Trunk(pixels + told + action_size, widths, blocks)
        self.leave = _silent(nn.Conv2d(widths[0], pixels + 4, 3, padding=1))
        self.guide = nn.Conv2d(widths[0], 4 * patch**2, 1)
        self.sharpen = nn.Sequential(
            nn.Conv2d(3 + 4, detail, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(detail, detail, 3, padding=1),
            nn.SiLU(),
            _silent(nn.Conv2d(detail, 3, 3, padding=1)),
        )

    def forward(self, frames: Tensor, actions: Tensor, truncate: int | None = None) -> tuple[Tensor, Tensor]:
        """The frames [B, T, 3, H, W] after `frames` [B, K, 3, H, W] in [-1, 1] under `actions` [B, T, A].

        Also the context's frames from the second on, [B, K - 1, 3, H, W], as the motion found explains them.
        Gradients reach back over at most `truncate` frames.
        """
        motion, explained = self.watch(frames)
        frame, predicted = frames[:, -1], []
        for t, action in enumerate(actions.unbind(1)):
            if truncate and t and t % truncate == 0:
                frame, motion = frame.detach(), motion.detach()
            frame, motion = self.advance(frame, motion, action)
            predicted.append(frame)
            frame = frame.clamp(-1, 1)
        return torch.stack(predicted, 1), explained

    def watch(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """The motion [B, 2, h, w] at the last of the frames [B, K, 3, H, W], and the explained frames."""
        cells = self.resolution // self.patch
        motion = frames.new_zeros(len(frames), 2, cells, cells)
        explained = []
        for before, now in zip(frames[:, :-1].unbind(1), frames[:, 1:].unbind(1)):
            motion, weight = self._carried(motion, motion), contrast(now, self.patch)
            for _ in range(self.looks):
                seen = torch.cat([self._fold(self._moved(before, motion) - now), self._fold(now)], 1)
                motion = self._filled(motion + _precisely(self.correct, self.look(seen)), weight)
            explained.append(self._moved(before, motion))
        return motion, torch.stack(explained, 1)

    def advance(self, frame: Tensor, motion: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        """The next frame, not yet clamped, and its motion."""
        pushed = (action / self.config.action_scale)[..., None, None].expand(-1, -1, *motion.shape[-2:])
        told = [differences(motion)] if self.config.relative else [differences(motion), motion]
        seen = torch.cat([self._fold(frame), *(x / UNIT for x in told), pushed], 1)
        features = self.act(seen.contiguous(memory_format=torch.channels_last))
        change = _precisely(self.leave, features)
        leaving = torch.cat([motion + change[:, :2], contrast(frame, self.patch)], 1)
        arriving = self._carried(leaving, leaving[:, :2])
        travel = self._filled(arriving[:, :2], arriving[:, 2:])
        rough = self._moved(frame, travel) + F.pixel_shuffle(change[:, 4:], self.patch)
        guide = F.pixel_shuffle(self.guide(features), self.patch)
        sharp = rough + self.sharpen(torch.cat([rough.to(guide.dtype), guide], 1)).float()
        return sharp, self._filled(travel + change[:, 2:4], contrast(sharp.clamp(-1, 1), self.patch))

    @torch.no_grad()
    def init(self, frames: Tensor, actions: Tensor, keys: np.ndarray) -> MotionState:
        """See `WorldModel.init`; raises ValueError for shapes that do not fit. Nothing here is random."""
        check_context(self, frames, actions, keys)
        frames = frames * 2 - 1
        with torch.autocast(frames.device.type, dtype=torch.bfloat16):
            motion, _ = self.watch(frames)
        return MotionState(frames[:, -1], motion)

    @torch.no_grad()
    def step(self, state: MotionState, actions: Tensor) -> tuple[MotionState, Tensor]:
        """See `WorldModel.step`."""
        frame, motion, frames = state.frame, state.motion, []
        with torch.autocast(frame.device.type, dtype=torch.bfloat16):
            for action in actions.unbind(1):
                frame, motion = self.advance(frame, motion, action)
                frame = frame.clamp(-1, 1)
                frames.append(frame)
        return MotionState(frame, motion), (torch.stack(frames, 1) + 1) / 2

    def _filled(self, motion: Tensor, weight: Tensor) -> Tensor:
        """Motion as a mean over all places, each with its `weight` [B, 1, h, w] and its nearness."""
        if self.nearness is None:
            return motion
        weight = weight.clamp(min=0) + EVEN
        both = torch.cat([weight * motion, weight], 1).flatten(2)
        with torch.autocast(both.device.type, enabled=False):
            spread = (both @ self.nearness).unflatten(2, motion.shape[2:])
        return spread[:, :2] / spread[:, 2:]

    def _carried(self, field: Tensor, motion: Tensor) -> Tensor:
        """A field of cells after one step of a motion."""
        return move(field, motion / self.patch)

    def _moved(self, frame: Tensor, motion: Tensor) -> Tensor:
        """A frame moved by a motion of its cells."""
        return move(frame, F.interpolate(motion, scale_factor=self.patch, mode="bilinear"))

    def _fold(self, frame: Tensor) -> Tensor:
        return F.pixel_unshuffle(frame, self.patch).contiguous(memory_format=torch.channels_last)


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
        self.layers = nn.ModuleList((first, _silent(last)))

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
        weight = self.weight.to(x.dtype)
        return F.rms_norm(x.movedim(1, -1), weight.shape, weight, 1e-5).movedim(-1, 1)


def nearness(cells: int) -> Tensor:
    """Weights [N, N] of the N = cells² places for each other: the inverse fourth power of their distance."""
    at = torch.stack(torch.meshgrid(torch.arange(cells), torch.arange(cells), indexing="ij"), -1).view(-1, 2)
    squared = (at[:, None] - at[None]).square().sum(-1).float()
    return (squared + OWN**2) ** -2


def contrast(frame: Tensor, patch: int) -> Tensor:
    """Variance [B, 1, h, w] of a frame [B, 3, H, W] around each cell, over twice its side."""
    wide = F.pad(frame, (patch // 2,) * 4, mode="replicate")
    mean, square = (F.avg_pool2d(x, 2 * patch, patch) for x in (wide, wide.square()))
    return (square - mean.square()).clamp(min=0).sum(1, keepdim=True)


def differences(motion: Tensor) -> Tensor:
    """Motion [B, 2, h, w] `REACH` cells away in four directions, less that here: [B, 24, h, w]."""
    h, w = motion.shape[-2:]
    found = []
    for d in REACH:
        wide = F.pad(motion, (d, d, d, d), mode="replicate")
        for down, right in ((0, d), (2 * d, d), (d, 0), (d, 2 * d)):
            found.append(wide[..., down : down + h, right : right + w] - motion)
    return torch.cat(found, 1)


def _precisely(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """In single precision: half a percent of a motion, all that bfloat16 holds, is seen in a rollout."""
    with torch.autocast(x.device.type, enabled=False):
        return layer(x.float())


def _silent(layer: nn.Conv2d) -> nn.Conv2d:
    """A layer that says nothing until it has learned: at first, everything moves on as it did."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer
