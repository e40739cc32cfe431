"""Frames to latents and back: the autoencoder of `diffusers` on pictures folded by space-to-depth.

It is deterministic. The channels of a latent have a root mean square of one at every place, which takes the
part of the usual scaling factor, so that nothing has to be measured after training.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn


class Autoencoder(ModelMixin, ConfigMixin):
    """Pictures [N, 3, H, W] in [-1, 1] to latents [N, C, H / f, W / f], f = patch * 2^(levels - 1), and back.

    Parameters
    ----------
    resolution : pictures H = W
    patch : side of the squares that space-to-depth folds into channels
    widths : channels at each level of the folded picture
    layers : residual blocks at each level
    latent_channels : C
    detail : channels of the three convolutions that sharpen the picture at full resolution
    """

    context_frames = 0  #: a training window is the picture alone
    _repeated_blocks = ["ResnetBlock2D"]

    @register_to_config
    def __init__(
        self,
        resolution: int = 64,
        patch: int = 4,
        widths: tuple[int, ...] = (48,),
        layers: int = 1,
        latent_channels: int = 16,
        detail: int = 16,
    ) -> None:
        super().__init__()
        self.resolution, self.patch, self.latent_channels = resolution, patch, latent_channels
        self.factor = patch * 2 ** (len(widths) - 1)
        self.inner = AutoencoderKL(
            in_channels=3 * patch**2,
            out_channels=3 * patch**2,
            down_block_types=("DownEncoderBlock2D",) * len(widths),
            up_block_types=("UpDecoderBlock2D",) * len(widths),
            block_out_channels=widths,
            layers_per_block=layers,
            latent_channels=latent_channels,
            norm_num_groups=8,
            mid_block_add_attention=False,
        )
        self.sharpen = nn.Sequential(
            nn.Conv2d(3, detail, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(detail, detail, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(detail, 3, 3, padding=1),
        )
        for parameter in self.sharpen[-1].parameters():
            nn.init.zeros_(parameter)

    def encode(self, frames: Tensor) -> Tensor:
        """Latents of pictures [N, 3, H, W] in [-1, 1]."""
        folded = F.pixel_unshuffle(frames, self.patch).contiguous(memory_format=torch.channels_last)
        latents = self.inner.encode(folded).latent_dist.mode().float()
        return F.rms_norm(latents.movedim(1, -1), (self.latent_channels,), eps=1e-6).movedim(-1, 1)

    def encode_clips(self, frames: Tensor) -> Tensor:
        """Latents [B, T, C, h, w] of frames [B, T, 3, H, W] in [0, 1]."""
        return self.encode(frames.flatten(0, 1) * 2 - 1).unflatten(0, frames.shape[:2])

    def decode(self, latents: Tensor) -> Tensor:
        """Pictures [N, 3, H, W], not clamped, of latents."""
        rough = F.pixel_shuffle(self.inner.decode(latents).sample, self.patch)
        return rough.float() + self.sharpen(rough).float()

    def forward(self, frames: Tensor) -> Tensor:
        """Pictures [N, 3, H, W] as they come back."""
        return self.decode(self.encode(frames))


def load_autoencoder(folder: str | Path) -> Autoencoder:
    """An autoencoder from a `save_pretrained` folder. Raises ValueError, naming it, if it cannot be read."""
    try:
        return Autoencoder.from_pretrained(folder, use_safetensors=True, local_files_only=True).eval()
    except Exception as error:  # diffusers and safetensors raise a dozen types for broken files
        raise ValueError(f"the autoencoder in {folder} cannot be read: {error}") from error
