"""What each family of models is trained on: the error of frames predicted one after the other."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from worldsim import keys as key
from worldsim.models.convolutional import TIMESTEPS
from worldsim.training.recipes import Recipe

EXPLAIN = 0.3  #: weight of the context's frames in the loss of `motion`
FLAT = 3e-4  #: mean squared error of a frame up to which its loss is about quadratic


def frame_loss(squared: Tensor) -> Tensor:
    """√(mean squared error + c) - √c of frames, from their mean squared errors [...].

    Quadratic for small errors, but linear in how far a body is off for large ones, lest the few rollouts that
    went another way at a contact outweigh all others.
    """
    return (squared + FLAT).sqrt() - FLAT**0.5


def denoising(
    model: nn.Module, bare: Any, frames: Tensor, actions: Tensor, recipe: Recipe, draw: int
) -> Tensor:
    """Clean frames predicted from noisy ones, each with the model's own past as context; mean `frame_loss`.

    `frames` [B, K + horizon, 3, H, W] in [0, 1], `actions` [B, K + horizon - 1, A]. Gradients flow through
    the whole rollout. Noise levels are the pure end of the schedule with the recipe's odds, else uniform.
    """
    k = bare.context_frames
    frames = frames * 2 - 1
    generator = torch.Generator(frames.device).manual_seed(int(key.make("noise", recipe.seed, draw)) >> 1)

    def normal(shape: torch.Size) -> Tensor:
        return torch.randn(shape, generator=generator, device=frames.device)

    def uniform(n: int) -> Tensor:
        return torch.rand(n, generator=generator, device=frames.device)

    rows = len(frames)
    context = frames[:, :k]
    context = context + recipe.context_noise * uniform(rows).view(-1, 1, 1, 1, 1) * normal(context.shape)
    losses = []
    for h in range(frames.shape[1] - k):
        target = frames[:, k + h]
        level = (uniform(rows) * TIMESTEPS).long()
        level = torch.where(uniform(rows) < recipe.pure_noise, TIMESTEPS - 1, level)
        noisy = bare.scheduler.add_noise(target, normal(target.shape), level)
        clean = model(noisy, level, context, actions[:, h : h + k])
        losses.append(frame_loss((clean.float() - target).square().mean((1, 2, 3))).mean())
        context = torch.cat([context[:, 1:], clean.float().clamp(-1, 1)[:, None]], 1)
    return torch.stack(losses).mean()


def explaining(
    model: nn.Module, bare: Any, frames: Tensor, actions: Tensor, recipe: Recipe, draw: int
) -> Tensor:
    """`frame_loss` of a rollout, and of the context frames as the motion found explains them; shapes as in
    `denoising`."""
    k = bare.context_frames
    frames = frames * 2 - 1
    predicted, explained = model(frames[:, :k], actions[:, k - 1 :])
    rollout = frame_loss((predicted - frames[:, k:]).square().mean((2, 3, 4))).mean()
    context = frame_loss((explained - frames[:, 1:k]).square().mean((2, 3, 4))).mean()
    return rollout + EXPLAIN * context


Loss = Callable[[nn.Module, Any, Tensor, Tensor, Recipe, int], Tensor]
LOSSES: dict[str, Loss] = {"convolutional": denoising, "direct": denoising, "motion": explaining}
