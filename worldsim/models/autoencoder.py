"""Frames to latents and back: what a matrix does for each cell of a picture, and what the autoencoder of
`diffusers` adds.

The matrices begin as principal components. Pictures of a few inks have fewer of them than a cell has values,
so they lose little of where edges are; a deep network alone, behind normalisations that undo how much there
is of anything, tells it less exactly. Nothing is random. Training keeps each channel near a mean of zero and
a variance of one, which takes the part of the usual scaling factor: nothing has to be measured afterwards.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn

from worldsim.models.trunk import precisely, silent

LEAST = 1e-6  #: of the largest variance, below which a component is not scaled up further


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
        latent_channels: int = 40,
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
        values = 3 * self.factor**2
        self.into, self.out = nn.Conv2d(values, latent_channels, 1), nn.Conv2d(latent_channels, values, 1)
        for layer in (self.inner.quant_conv, self.inner.decoder.conv_out, self.sharpen[-1]):
            silent(layer)

    @torch.no_grad()
    def begin(self, frames: Tensor) -> None:
        """Make the matrices the principal components of the cells of frames [B, T, 3, H, W] in [0, 1], and
        back, each scaled to a variance of one."""
        ink = F.pixel_unshuffle(frames.flatten(0, 1) * 2 - 2, self.factor)
        cells = ink.movedim(1, -1).flatten(0, -2).double()
        mean = cells.mean(0)
        variances, components = torch.linalg.eigh(torch.cov((cells - mean).T))
        size = variances.clamp(min=LEAST * float(variances[-1]))[-self.latent_channels :].sqrt()
        basis = components[:, -self.latent_channels :]
        forth, back = (basis / size).T, basis * size
        self.into.load_state_dict({"weight": forth[..., None, None], "bias": -(forth @ mean)})
        self.out.load_state_dict({"weight": back[..., None, None], "bias": mean})

    def encode(self, frames: Tensor) -> Tensor:
        """Latents of pictures [N, 3, H, W] in [-1, 1]."""
        ink = frames - 1  # none is where a picture is white
        folded = F.pixel_unshuffle(ink, self.patch).contiguous(memory_format=torch.channels_last)
        added = self.inner.encode(folded).latent_dist.mode().float()
        return precisely(self.into, F.pixel_unshuffle(ink, self.factor)) + added

    def encode_clips(self, frames: Tensor) -> Tensor:
        """Latents [B, T, C, h, w] of frames [B, T, 3, H, W] in [0, 1]."""
        return self.encode(frames.flatten(0, 1) * 2 - 1).unflatten(0, frames.shape[:2])

    def decode(self, latents: Tensor) -> Tensor:
        """Pictures [N, 3, H, W], not clamped, of latents."""
        added = F.pixel_shuffle(self.inner.decode(latents).sample.float(), self.patch)
        rough = 1 + F.pixel_shuffle(precisely(self.out, latents), self.factor) + added
        return rough + self.sharpen(rough).float()

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures [N, 3, H, W] as they come back, and their latents."""
        latents = self.encode(frames)
        return self.decode(latents), latents


def load_autoencoder(folder: str | Path) -> Autoencoder:
    """An autoencoder from a `save_pretrained` folder. Raises ValueError, naming it, if it cannot be read."""
    try:
        return Autoencoder.from_pretrained(folder, use_safetensors=True, local_files_only=True).eval()
    except Exception as error:  # diffusers and safetensors raise a dozen types for broken files
        raise ValueError(f"the autoencoder in {folder} cannot be read: {error}") from error
