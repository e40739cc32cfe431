"""Gaussian noise named by keys: the noise of a row is the same whatever its neighbours, device or batch size.

A fixed bank of noise frames is drawn once; a key chooses a frame of the bank and a cyclic shift of it. That
costs one gather per row, where seeding a generator for each row and step would cost more than the model.
"""

import numpy as np
import torch
from diffusers import DDIMScheduler
from torch import Tensor

from worldsim import keys as key

BANK = 256
TIMESTEPS = 1000  #: noise levels of a schedule


def make_scheduler(prediction_type: str) -> DDIMScheduler:
    """The schedule of all families: its last level holds no signal at all, and sampling begins there."""
    return DDIMScheduler(
        num_train_timesteps=TIMESTEPS,
        prediction_type=prediction_type,
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        clip_sample=False,
    )


def make_bank(channels: int, size: int) -> Tensor:
    """The bank [256, channels, size, size], the same on every machine."""
    draws = key.generator(key.make("noise bank", channels, size)).standard_normal(
        (BANK, channels, size, size)
    )
    return torch.from_numpy(draws.astype(np.float32))


def keyed_noise(bank: Tensor, keys: Tensor, step: Tensor) -> Tensor:
    """Standard normal noise [N, C, H, W] for keys [N] int64 at `step` [N] int64."""
    words = key.fold(keys.cpu().numpy().view(np.uint64) ^ step.cpu().numpy().astype(np.uint64), "frame")
    size = bank.shape[-1]
    which, down, right = (words >> np.uint64(s) for s in (0, 16, 32))
    index = torch.from_numpy((which % np.uint64(BANK)).astype(np.int64)).to(bank.device)
    line = torch.arange(size, device=bank.device)
    rows = (
        line + torch.from_numpy((down % np.uint64(size)).astype(np.int64)).to(bank.device)[:, None]
    ) % size
    columns = (
        line + torch.from_numpy((right % np.uint64(size)).astype(np.int64)).to(bank.device)[:, None]
    ) % size
    channels = torch.arange(bank.shape[1], device=bank.device)
    return bank[
        index[:, None, None, None],
        channels[None, :, None, None],
        rows[:, None, :, None],
        columns[:, None, None, :],
    ]
