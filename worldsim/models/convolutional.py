"""`convolutional`: action-conditioned next-frame diffusion with a small convolutional denoiser.

The denoiser sees the noisy next frame, the K context frames and their actions, all folded by space-to-depth,
and predicts the clean frame as the last frame moved by a smooth displacement field, plus a correction, then
sharpened at full resolution: moving a picture by parts of a pixel blurs its edges, and blur accumulates. The
data are deterministic, so one sampling step from pure noise is the default.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.models.embeddings import TimestepEmbedding, Timesteps
from diffusers.models.resnet import Downsample2D, ResnetBlock2D
from torch import Tensor, nn

from worldsim.models.base import check_context, gradients_where_asked
from worldsim.models.fields import move
from worldsim.models.noise import keyed_noise, make_bank, make_scheduler
from worldsim.models.state import TensorState

GROUPS = 8


@dataclass(frozen=True)
class ConvolutionalState(TensorState):
    """Context frames [B, K, 3, H, W], actions [B, K-1, A], keys [B] int64, frames rolled out so far [B]."""

    frames: Tensor
    actions: Tensor
    keys: Tensor
    count: Tensor


class ConvolutionalModel(ModelMixin, ConfigMixin):
    """A world model of the family `convolutional`.

    Parameters
    ----------
    action_size, action_scale : size A of an action and the magnitude (m/s) that counts as one
    controls : kinds of controls that have channels of their own in an action (see `channels`)
    resolution, context_frames : pictures H = W and how many of them are the context, K
    patch : side of the squares that space-to-depth folds into channels
    widths, blocks : channels and residual blocks at the two resolutions of the denoiser
    detail : channels of the three convolutions that sharpen the picture at full resolution
    displaced : move the last frame by a displacement field; else the next frame is its correction alone
    sampling_steps : denoising steps per frame
    """

    name = "convolutional"
    differentiable = True
    max_frames = None
    _repeated_blocks = ["ResnetBlock2D"]

    @register_to_config
    def __init__(
        self,
        action_size: int = 2,
        action_scale: float = 4.0,
        controls: tuple[str, ...] = (),
        resolution: int = 64,
        context_frames: int = 4,
        patch: int = 4,
        widths: tuple[int, int] = (64, 128),
        blocks: tuple[int, int] = (1, 3),
        detail: int = 8,
        displaced: bool = True,
        sampling_steps: int = 1,
    ) -> None:
        super().__init__()
        self.action_size, self.resolution, self.context_frames = action_size, resolution, context_frames
        self.controls = tuple(controls)
        self.patch, self.sampling_steps = patch, sampling_steps
        narrow, wide = widths
        embedding = 4 * narrow
        pixels = 3 * patch**2

        def block(width: int) -> ResnetBlock2D:
            made = ResnetBlock2D(
                in_channels=width, out_channels=width, temb_channels=embedding, groups=GROUPS
            )
            made.norm1, made.norm2 = PlanarGroupNorm(GROUPS, width), PlanarGroupNorm(GROUPS, width)
            return made

        self.time_features = Timesteps(narrow, flip_sin_to_cos=True, downscale_freq_shift=0)
        self.time_embedding = TimestepEmbedding(narrow, embedding)
        self.enter = nn.Conv2d(pixels * (context_frames + 1) + action_size * context_frames, narrow, 1)
        self.fine_in = nn.ModuleList(block(narrow) for _ in range(blocks[0]))
        self.down = Downsample2D(narrow, use_conv=True, out_channels=wide, name="op")
        self.coarse = nn.ModuleList(block(wide) for _ in range(blocks[1]))
        self.up = nn.Conv2d(wide, 4 * narrow, 1)
        self.fine_out = nn.ModuleList(block(narrow) for _ in range(blocks[0]))
        self.norm = PlanarGroupNorm(GROUPS, narrow)
        self.leave = nn.Conv2d(narrow, pixels + 2, 3, padding=1)
        self.guide = nn.Conv2d(narrow, 4 * patch**2, 1)
        self.sharpen = nn.Sequential(
            nn.Conv2d(3 + 4, detail, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(detail, detail, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(detail, 3, 3, padding=1),
        )
        for parameter in (*self.leave.parameters(), *self.sharpen[-1].parameters()):
            nn.init.zeros_(parameter)  # at first, the next frame is the last one
        self.register_buffer("bank", make_bank(3, resolution), persistent=False)
        self.scheduler = make_scheduler("sample")

    def forward(self, noisy: Tensor, timestep: Tensor, frames: Tensor, actions: Tensor) -> Tensor:
        """The clean next frame [B, 3, H, W] in [-1, 1].

        `noisy` [B, 3, H, W], `timestep` [B], context `frames` [B, K, 3, H, W] in [-1, 1] and `actions`
        [B, K, A]: the last one leads to the frame to be predicted.
        """
        pictures = torch.cat([noisy, frames.flatten(1, 2)], 1)
        x = fold(self.enter, pictures, actions.flatten(1) / self.config.action_scale, self.patch)
        time = self.time_embedding(self.time_features(timestep).to(x.dtype))
        for block in self.fine_in:
            x = block(x, time)
        deep = self.down(x)
        for block in self.coarse:
            deep = block(deep, time)
        x = x + F.pixel_shuffle(self.up(deep), 2)
        for block in self.fine_out:
            x = block(x, time)
        features = F.silu(self.norm(x))
        x = self.leave(features).float()
        last = frames[:, -1].float()
        if self.config.displaced:
            last = move(last, F.interpolate(x[:, -2:], last.shape[-2:], mode="bilinear"))
        rough = last + F.pixel_shuffle(x[:, :-2], self.patch)
        guide = F.pixel_shuffle(self.guide(features), self.patch)
        return rough + self.sharpen(torch.cat([rough.to(guide.dtype), guide], 1)).float()

    @torch.no_grad()
    def init(self, frames: Tensor, actions: Tensor, keys: np.ndarray) -> ConvolutionalState:
        """See `WorldModel.init`; raises ValueError for shapes that do not fit."""
        words = check_context(self, frames, actions, keys)
        return ConvolutionalState(frames, actions.to(frames.dtype), words, torch.zeros_like(words))

    @gradients_where_asked
    def step(self, state: ConvolutionalState, actions: Tensor) -> tuple[ConvolutionalState, Tensor]:
        """See `WorldModel.step`."""
        frames = []
        for t in range(actions.shape[1]):
            past = torch.cat([state.actions, actions[:, t : t + 1].to(state.actions.dtype)], 1)
            frame = self._sample(state, past)
            window = torch.cat([state.frames[:, 1:], frame[:, None]], 1)
            state = ConvolutionalState(window, past[:, 1:], state.keys, state.count + 1)
            frames.append(frame)
        return state, torch.stack(frames, 1)

    def _sample(self, state: ConvolutionalState, actions: Tensor) -> Tensor:
        x = keyed_noise(self.bank, state.keys, state.count)
        context = state.frames * 2 - 1
        self.scheduler.set_timesteps(self.sampling_steps)
        with torch.autocast(x.device.type, dtype=torch.bfloat16):
            for t in self.scheduler.timesteps:
                clean = self(x, t.to(x.device).expand(len(x)), context, actions)
                x = (
                    self.scheduler.step(clean, t, x, eta=0.0).prev_sample
                    if self.sampling_steps > 1
                    else clean
                )
        return ((x.float() + 1) / 2).clamp(0, 1)


def fold(layer: nn.Conv2d, pictures: Tensor, quantities: Tensor, patch: int) -> Tensor:
    """A 1x1 convolution of pictures [N, C, H, W] after space-to-depth and of `quantities` [N, Q], the same at
    every place, as one strided convolution and one matrix product: several times faster.

    `layer` has C * patch² + Q inputs; returns [N, its outputs, H / patch, W / patch].
    """
    folded = pictures.shape[1] * patch**2
    kernel = layer.weight[:, :folded].view(-1, pictures.shape[1], patch, patch)
    everywhere = F.linear(quantities, layer.weight[:, folded:, 0, 0])
    x = F.conv2d(pictures, kernel, layer.bias, stride=patch) + everywhere[..., None, None]
    return x.contiguous(memory_format=torch.channels_last)


class PlanarGroupNorm(nn.GroupNorm):
    """Group normalisation on the planar layout: on a CPU, torch's channels-last kernel takes six times as
    long where a group has fewer channels than a vector register."""

    def forward(self, x: Tensor) -> Tensor:
        """See `torch.nn.GroupNorm`."""
        if x.device.type != "cpu":
            return super().forward(x)
        return super().forward(x.contiguous()).contiguous(memory_format=torch.channels_last)
