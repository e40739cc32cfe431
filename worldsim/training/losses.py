"""What each family of models is trained on: the error of frames predicted one after the other."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from worldsim import keys as key
from worldsim.models.noise import TIMESTEPS
from worldsim.models.transformer import leading
from worldsim.training.recipes import Recipe

EXPLAIN = 0.3  #: weight of the context's frames in the loss of `motion`
NORMAL = 2e-3  #: weight of the distribution of latents in the loss of `autoencoder`
FLAT = 3e-4  #: mean squared error of a frame up to which its loss is about quadratic
FINE = 1e-6  #: the same of `autoencoder`, whose errors are small, and must count beside the latents'


def frame_loss(squared: Tensor, flat: float = FLAT) -> Tensor:
    """√(mean squared error + c) - √c of frames, from their mean squared errors [...]; c = `flat`.

    Quadratic for small errors, but linear in how far a body is off for large ones, lest the few rollouts that
    went another way at a contact outweigh all others.
    """
    return (squared + flat).sqrt() - flat**0.5


def denoising(
    model: nn.Module, bare: Any, frames: Tensor, actions: Tensor, recipe: Recipe, draw: int
) -> Tensor:
    """Clean frames predicted from noisy ones, each with the model's own past as context; mean `frame_loss`.

    `frames` [B, K + horizon, 3, H, W] in [0, 1], `actions` [B, K + horizon - 1, A]. Gradients flow through
    the whole rollout. Noise levels are the pure end of the schedule with the recipe's odds, else uniform.
    """
    k = bare.context_frames
    frames = frames * 2 - 1
    normal, uniform = _streams(recipe, draw, frames.device)
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
    guess = None
    if recipe.guess:
        normal, _ = _streams(recipe, draw, frames.device)
        guess = recipe.guess * normal(torch.Size((len(frames), 2 * bare.carrier.fields, 1, 1)))
    predicted, explained = model(frames[:, :k], actions, recipe.truncate, guess)
    rollout = frame_loss((predicted - frames[:, k:]).square().mean((2, 3, 4))).mean()
    context = frame_loss((explained - frames[:, 1:k]).square().mean((2, 3, 4))).mean()
    return rollout + EXPLAIN * context


def velocity(
    model: nn.Module, bare: Any, frames: Tensor, actions: Tensor, recipe: Recipe, draw: int
) -> Tensor:
    """Mean squared error of v in the latents of the frames after the context, see `counted`; shapes as in
    `denoising`."""
    k, latents = bare.context_frames, _encoded(bare, frames)
    normal, uniform = _streams(recipe, draw, latents.device)
    clean = latents[:, k:]
    level = (uniform(len(clean)) * TIMESTEPS).long()
    noise = normal(clean.shape)
    noisy = bare.scheduler.add_noise(clean, noise, level)
    target = bare.scheduler.get_velocity(clean, noise, level)
    found = model(noisy, level.float(), latents[:, :k], leading(actions))
    return counted(bare, found - target).mean()


def forcing(
    model: nn.Module, bare: Any, frames: Tensor, actions: Tensor, recipe: Recipe, draw: int
) -> Tensor:
    """Mean squared error of clean latents, see `counted`; shapes as in `denoising`. `recipe.forcing` says
    what comes before the frame to be predicted:

    teacher
        clean frames; one frame of each clip is predicted.
    diffusion
        frames at noise levels of their own; all are predicted (Chen et al., "Diffusion Forcing").
    rollout
        the context, then the model's own predictions from pure noise, with gradients through its memory.

    Raises ValueError for another word.
    """
    k, latents, led = bare.context_frames, _encoded(bare, frames), leading(actions)
    normal, uniform = _streams(recipe, draw, latents.device)
    b, t = latents.shape[:2]
    if recipe.forcing == "rollout":
        memory = bare.remember(None, latents[:, :k], led[:, :k])
        losses = []
        for h in range(k, t):
            level = torch.full((b, 1), float(TIMESTEPS - 1), device=latents.device)
            clean, _ = model(normal(latents[:, :1].shape), level, led[:, h : h + 1], memory)
            losses.append(counted(bare, clean - latents[:, h : h + 1]).mean())
            memory = bare.remember(memory, clean.float(), led[:, h : h + 1])
        return torch.stack(losses).mean()
    if recipe.forcing == "teacher":
        pure = torch.where(uniform(b) < recipe.pure_noise, 1.0, uniform(b))[:, None]
        chosen = k + (uniform(b)[:, None] * (t - k)).long()
        order = torch.arange(t, device=latents.device)[None]
        level = torch.where(order == chosen, pure, (order > chosen).float())
        scored = order == chosen
    elif recipe.forcing == "diffusion":
        level = uniform(b * t).view(b, t)
        rollout = uniform(b)[:, None] < 0.5  # these clips begin as rollouts do, with clean frames
        level[:, :k] = torch.where(rollout, 0.0, level[:, :k])
        scored = torch.ones_like(level, dtype=torch.bool)
    else:
        raise ValueError(f"unknown forcing {recipe.forcing!r}; choose teacher, diffusion or rollout")
    level = (level * (TIMESTEPS - 1)).long()
    noisy = bare.scheduler.add_noise(
        latents.flatten(0, 1), normal(latents.shape).flatten(0, 1), level.flatten()
    ).view_as(latents)
    noisy = torch.where((level == 0)[..., None, None, None], latents, noisy)
    clean, _ = model(noisy, level.float(), led)
    return counted(bare, clean - latents)[scored].mean()


def reconstruction(
    model: nn.Module, bare: Any, frames: Tensor, actions: Tensor, recipe: Recipe, draw: int
) -> Tensor:
    """`frame_loss` of pictures that went through an autoencoder, and how far the channels of their latents
    are from a mean of zero and a variance of one: the divergence from a normal distribution."""
    pictures = frames.flatten(0, 1) * 2 - 1
    back, latents = model(pictures)
    variance, mean = torch.var_mean(latents, (0, 2, 3))
    apart = (mean.square() + variance - 1 - variance.clamp(min=1e-6).log()).mean() / 2
    return frame_loss((back - pictures).square().mean((1, 2, 3)), FINE).mean() + NORMAL * apart


def counted(bare: Any, errors: Tensor) -> Tensor:
    """Mean squares [B, T] of errors [B, T, C, h, w] of latents, each channel by what it changes in a picture.
    All have a variance of one, yet a few tell where things are, and most of the others how edges lie."""
    weight = bare.autoencoder.out.weight.square().sum((0, 2, 3))
    return (weight / weight.mean() * errors.float().square().mean((3, 4))).mean(2)


def _encoded(bare: Any, frames: Tensor) -> Tensor:
    """Latents [B, T, C, h, w] of frames in [0, 1]."""
    with torch.no_grad():
        return bare.autoencoder.encode_clips(frames)


def _streams(
    recipe: Recipe, draw: int, device: torch.device
) -> tuple[Callable[[torch.Size], Tensor], Callable[[int], Tensor]]:
    """Normal and uniform numbers of a draw."""
    generator = torch.Generator(device).manual_seed(int(key.make("noise", recipe.seed, draw)) >> 1)
    return (
        lambda shape: torch.randn(shape, generator=generator, device=device),
        lambda n: torch.rand(n, generator=generator, device=device),
    )


Loss = Callable[[nn.Module, Any, Tensor, Tensor, Recipe, int], Tensor]
LOSSES: dict[str, Loss] = {
    "autoencoder": reconstruction,
    "causal": forcing,
    "clip": velocity,
    "convolutional": denoising,
    "direct": denoising,
    "motion": explaining,
}
