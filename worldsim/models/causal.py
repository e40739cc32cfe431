"""`causal`: a diffusion transformer that makes frame after frame and remembers keys and values of the past.

Block-causal attention with a noise level of its own for every frame (Chen et al., "Diffusion Forcing"). The
context is encoded once; a step costs the denoising of one frame against the memory of the last `window`
frames, whatever the length of the rollout.
"""

from dataclasses import dataclass

import numpy as np
import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor

from worldsim.models.autoencoder import Autoencoder
from worldsim.models.base import check_context, gradients_where_asked
from worldsim.models.noise import keyed_noise, make_bank, make_scheduler
from worldsim.models.state import TensorState
from worldsim.models.transformer import Memory, VideoTransformer, leading


@dataclass(frozen=True)
class CausalState(TensorState):
    """What is remembered of the last frames, keys [B] int64 and frames made so far [B]."""

    memory: Memory
    keys: Tensor
    count: Tensor


class CausalModel(ModelMixin, ConfigMixin):
    """A world model of the family `causal`.

    Parameters
    ----------
    action_size, action_scale : size A of an action and the magnitude (m/s) that counts as one
    controls : kinds of controls that have channels of their own in an action (see `channels`)
    resolution, context_frames : pictures H = W and how many of them are the context, K
    window : frames that are remembered, at least K
    size, patch : of the transformer, see `VideoTransformer`
    widths, latent_channels : of the autoencoder, see `Autoencoder`
    sampling_steps : denoising steps of a frame
    """

    name = "causal"
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
        window: int = 12,
        size: str = "tiny",
        patch: int = 4,
        widths: tuple[int, ...] = (48,),
        latent_channels: int = 40,
        sampling_steps: int = 1,
    ) -> None:
        super().__init__()
        if window < context_frames:
            raise ValueError(f"a window of {window} frames cannot hold a context of {context_frames}")
        self.action_size, self.resolution, self.context_frames = action_size, resolution, context_frames
        self.controls = tuple(controls)
        self.window = window
        self.autoencoder = Autoencoder(resolution, widths=widths, latent_channels=latent_channels)
        self.autoencoder.requires_grad_(False)
        self.transformer = VideoTransformer(size, latent_channels, latent_channels, patch, action_size)
        side = resolution // self.autoencoder.factor
        self.register_buffer("bank", make_bank(latent_channels, side), persistent=False)
        self.scheduler = make_scheduler("sample")

    def forward(
        self, noisy: Tensor, levels: Tensor, actions: Tensor, memory: Memory | None = None
    ) -> tuple[Tensor, Memory]:
        """Clean latents of `noisy` ones [B, T, C, h, w], and what a memory needs to know of them.

        `levels` [B, T], `actions` [B, T, A], the one that leads to each frame.
        """
        return self.transformer(noisy, levels, actions / self.config.action_scale, memory, causal=True)

    def remember(self, memory: Memory | None, latents: Tensor, actions: Tensor) -> Memory:
        """A memory [.., `window` frames] that ends with clean `latents` [B, T, C, h, w]."""
        level = torch.zeros(latents.shape[:2], device=latents.device)
        _, told = self(latents, level, actions, memory)
        if memory is None:
            tokens = told.keys.shape[3] // latents.shape[1]
            missing = self.window - latents.shape[1]
            blank = told.keys.new_zeros(*told.keys.shape[:3], missing * tokens, told.keys.shape[4])
            filled = torch.zeros(len(latents), missing, dtype=torch.bool, device=latents.device)
            return Memory(
                torch.cat([blank, told.keys], 3),
                torch.cat([blank, told.values], 3),
                torch.cat([filled, told.filled], 1),
            )
        return memory.push(told)

    @torch.no_grad()
    def init(self, frames: Tensor, actions: Tensor, keys: np.ndarray) -> CausalState:
        """See `WorldModel.init`; raises ValueError for shapes that do not fit."""
        words = check_context(self, frames, actions, keys)
        latents, led = self.autoencoder.encode_clips(frames), leading(actions)
        with torch.autocast(frames.device.type, dtype=torch.bfloat16):
            return CausalState(self.remember(None, latents, led), words, torch.zeros_like(words))

    @gradients_where_asked
    def step(self, state: CausalState, actions: Tensor) -> tuple[CausalState, Tensor]:
        """See `WorldModel.step`."""
        frames = []
        for action in actions.float().split(1, 1):
            noise = keyed_noise(self.bank, state.keys, state.count)[:, None]
            with torch.autocast(noise.device.type, dtype=torch.bfloat16):
                made = self.sample(noise, action, state.memory)
                memory = self.remember(state.memory, made, action)
                picture = self.autoencoder.decode(made[:, 0])
            state = CausalState(memory, state.keys, state.count + 1)
            frames.append(((picture + 1) / 2).clamp(0, 1))
        return state, torch.stack(frames, 1)

    def sample(self, noise: Tensor, action: Tensor, memory: Memory) -> Tensor:
        """The next frame's latents [B, 1, C, h, w] from noise of that shape."""
        x = noise
        self.scheduler.set_timesteps(self.config.sampling_steps)
        for t in self.scheduler.timesteps:
            clean = self(x, t.to(x.device).expand(len(x), 1), action, memory)[0].float()
            x = (
                self.scheduler.step(clean, t, x, eta=0.0).prev_sample
                if len(self.scheduler.timesteps) > 1
                else clean
            )
        return x
