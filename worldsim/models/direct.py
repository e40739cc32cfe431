"""`direct`: the denoiser of `convolutional` trained as plain regression of the next frame."""

import torch
from torch import Tensor

from worldsim.models.convolutional import ConvolutionalModel
from worldsim.models.noise import TIMESTEPS


class DirectModel(ConvolutionalModel):
    """A world model of the family `direct`; parameters as of `ConvolutionalModel`. It never sees noise."""

    name = "direct"

    def forward(self, noisy: Tensor, timestep: Tensor, frames: Tensor, actions: Tensor) -> Tensor:
        """See `ConvolutionalModel.forward`; `noisy` and `timestep` are not read."""
        last = torch.full_like(timestep, TIMESTEPS - 1)
        return super().forward(torch.zeros_like(noisy), last, frames, actions)
