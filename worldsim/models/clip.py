"""`clip`: phyworld's model. A diffusion transformer that makes all frames of a clip at once.

Full attention over space and time in the latents of an autoencoder; the context frames and a mask of what is
given are joined to the noisy latents as channels; v-prediction with zero terminal signal, DDIM (Kang et al.,
"How Far is Video Generation from World Model", section 3). A token of these latents has more values than the
smaller sizes are wide, so that they cannot pass noise on: the transformer tells the clean latents, and v
follows (Li and He, "Back to Basics: Let Denoising Generative Models Denoise"). Every frame also has its
action. As an environment it makes the coming frames anew from the last K at each call, as many as it was
trained to make at once, whatever number is asked for: frames asked for one by one cost a whole clip each.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor

from worldsim.models.autoencoder import Autoencoder
from worldsim.models.base import check_context, gradients_where_asked
from worldsim.models.noise import keyed_noise, make_bank, make_scheduler
from worldsim.models.state import TensorState
from worldsim.models.transformer import VideoTransformer, leading

LEAST = 0.05  #: share of noise below which v is not told apart any more from what is left of it


@dataclass(frozen=True)
class ClipState(TensorState):
    """Latents of the last K frames [B, K, C, h, w], the actions that led to them [B, K, A] (zero for the
    first of all), keys [B] int64 and frames made so far [B]."""

    latents: Tensor
    actions: Tensor
    keys: Tensor
    count: Tensor


class ClipModel(ModelMixin, ConfigMixin):
    """A world model of the family `clip`.

    Parameters
    ----------
    action_size, action_scale : size A of an action and the magnitude (m/s) that counts as one
    controls : kinds of controls that have channels of their own in an action (see `channels`)
    resolution, context_frames : pictures H = W and how many of them are the context, K
    frames : length of a clip, K included
    size, patch : of the transformer, see `VideoTransformer`
    widths, latent_channels : of the autoencoder, see `Autoencoder`
    sampling_steps : denoising steps of a clip
    """

    name = "clip"
    differentiable = True
    max_frames = None
    _repeated_blocks = ["Block"]

    @register_to_config
    def __init__(
        self,
        action_size: int = 2,
        action_scale: float = 4.0,
        controls: tuple[str, ...] = (),
        resolution: int = 64,
        context_frames: int = 4,
        frames: int = 32,
        size: str = "tiny",
        patch: int = 4,
        widths: tuple[int, ...] = (48,),
        latent_channels: int = 40,
        sampling_steps: int = 10,
    ) -> None:
        super().__init__()
        self.action_size, self.resolution, self.context_frames = action_size, resolution, context_frames
        self.controls = tuple(controls)
        self.frames_per_call = frames - context_frames
        self.autoencoder = Autoencoder(resolution, widths=widths, latent_channels=latent_channels)
        self.autoencoder.requires_grad_(False)
        self.transformer = VideoTransformer(
            size, 2 * latent_channels + 1, latent_channels, patch, action_size
        )
        side = resolution // self.autoencoder.factor
        self.register_buffer("bank", make_bank(latent_channels, side), persistent=False)
        self.scheduler = make_scheduler("v_prediction")
        self.register_buffer("kept", self.scheduler.alphas_cumprod, persistent=False)

    def forward(self, noisy: Tensor, level: Tensor, given: Tensor, actions: Tensor) -> Tensor:
        """The velocity v [B, T, C, h, w] of the frames to be made.

        `noisy` [B, T, C, h, w] at noise `level` [B], `given` latents [B, K, C, h, w] before them, `actions`
        [B, K + T, A], the one that leads to each frame.
        """
        k, t = given.shape[1], noisy.shape[1]
        mask = torch.zeros_like(noisy[:, :, :1])
        known = torch.cat([given, given, mask[:, :1].expand(-1, k, -1, -1, -1) + 1], 2)
        asked = torch.cat([noisy, torch.zeros_like(noisy), mask], 2)
        levels = torch.cat([level.new_zeros(len(level), k), level[:, None].expand(-1, t)], 1)
        both = torch.cat([known, asked], 1)
        clean = self.transformer(both, levels, actions / self.config.action_scale)[0][:, k:]
        kept = self.kept[level.long()].view(-1, 1, 1, 1, 1)
        return (kept.sqrt() * noisy - clean.float()) / (1 - kept).sqrt().clamp(min=LEAST)

    @torch.no_grad()
    def init(self, frames: Tensor, actions: Tensor, keys: np.ndarray) -> ClipState:
        """See `WorldModel.init`; raises ValueError for shapes that do not fit."""
        words = check_context(self, frames, actions, keys)
        latents, led = self.autoencoder.encode_clips(frames), leading(actions)
        return ClipState(latents, led, words, torch.zeros_like(words))

    @gradients_where_asked
    def step(self, state: ClipState, actions: Tensor) -> tuple[ClipState, Tensor]:
        """See `WorldModel.step`; more than `frames_per_call` actions are answered call by call.

        Fewer are followed by no action up to that number, and frames that nobody asked for are dropped.
        """
        frames = []
        for some in actions.float().split(self.frames_per_call, 1):
            led = torch.cat([state.actions, some], 1)
            silent = self.frames_per_call - some.shape[1]
            made = self._sample(state, F.pad(led, (0, 0, 0, silent)))[:, : some.shape[1]]
            latents = torch.cat([state.latents, made], 1)[:, -self.context_frames :]
            count = state.count + some.shape[1]
            state = ClipState(latents, led[:, -self.context_frames :], state.keys, count)
            with torch.autocast(made.device.type, dtype=torch.bfloat16):
                pictures = self.autoencoder.decode(made.flatten(0, 1)).unflatten(0, made.shape[:2])
            frames.append(((pictures + 1) / 2).clamp(0, 1))
        return state, torch.cat(frames, 1)

    def _sample(self, state: ClipState, actions: Tensor) -> Tensor:
        """Latents [B, T, C, h, w] after the state's, under `actions` [B, K + T, A]."""
        coming = actions.shape[1] - self.context_frames
        x = torch.stack([keyed_noise(self.bank, state.keys, state.count + t) for t in range(coming)], 1)
        self.scheduler.set_timesteps(self.config.sampling_steps)
        with torch.autocast(x.device.type, dtype=torch.bfloat16):
            for t in self.scheduler.timesteps:
                velocity = self(x, t.to(x.device).expand(len(x)), state.latents, actions)
                x = self.scheduler.step(velocity.float(), t, x, eta=0.0).prev_sample
        return x
