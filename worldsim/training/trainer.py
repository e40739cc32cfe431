"""The trainer: one loop on accelerate, the same on a CPU, a GPU or several.

Every random draw is keyed by the step, so that a resumed run ends as an uninterrupted one does.
"""

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from worldsim import keys as key
from worldsim.memory import keep_freed_memory
from worldsim.models.convolutional import TIMESTEPS, ConvolutionalModel
from worldsim.training import checkpoint
from worldsim.training.data import Batches, ClipSet
from worldsim.training.recipes import Recipe

CLIP = 1.0  #: largest gradient norm
FLAT = 3e-4  #: mean squared error of a frame up to which its loss is about quadratic
BETAS = (0.9, 0.95)  #: short memory of gradient sizes, for they grow with the horizon


@dataclass
class Progress:
    """What a listener is told after each step."""

    step: int
    steps: int
    loss: float
    frames_per_s: float
    scores: dict[str, float] = field(default_factory=dict)


class NotFinite(ArithmeticError):
    """The loss was NaN or infinite; the last checkpoint is still good."""


def train(
    recipe: Recipe,
    clips: ClipSet,
    folder: Path,
    listen: Callable[[Progress], None] = lambda progress: None,
    validate: Callable[[ConvolutionalModel], dict[str, float]] | None = None,
    minutes: float = math.inf,
    save_every: int = 500,
) -> Path:
    """Train a recipe in `folder`, going on from its latest checkpoint; returns the folder of the last one.

    Stops early, resumable, after `minutes`. `validate` scores the averaged model at each checkpoint. Raises
    NotFinite when the loss is not a number.
    """
    keep_freed_memory()
    accelerator = Accelerator(
        mixed_precision="bf16", kwargs_handlers=[DistributedDataParallelKwargs(broadcast_buffers=False)]
    )
    torch.manual_seed(recipe.seed)
    bare = ConvolutionalModel(**recipe.model).to(memory_format=torch.channels_last)
    bare.to(accelerator.device)
    optimizer = torch.optim.AdamW(
        bare.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    step, seconds, ema = 0, 0.0, [p.detach().clone() for p in bare.parameters()]
    before = checkpoint.latest(folder)
    if before is not None:
        step, seconds, ema = checkpoint.load(before, bare, optimizer, recipe)
    model, optimizer = accelerator.prepare(bare, optimizer)
    batches = Batches(clips, recipe, bare.context_frames, bare.resolution, accelerator.device)
    log = SummaryWriter(str(folder / "tensorboard"), purge_step=step) if accelerator.is_main_process else None
    began, done = time.monotonic(), 0

    def keep(at: int) -> dict[str, float]:
        if log is None:  # another process keeps it
            return {}
        spent = seconds + time.monotonic() - began
        where = checkpoint.save(folder, bare, ema, optimizer.optimizer, at, spent, recipe)
        scores = validate(ConvolutionalModel.from_pretrained(where, use_safetensors=True)) if validate else {}
        for name, value in scores.items():
            log.add_scalar(f"validation/{name}", value, at)
        with (folder / "curve.jsonl").open("a") as curve:
            curve.write(json.dumps({"step": at, **scores}) + "\n")
        return scores

    while step < recipe.steps and time.monotonic() - began < 60 * minutes:
        horizon = horizon_at(recipe, step)
        rows = max(1, recipe.batch_frames // horizon)
        rate = learning_rate_at(recipe, step)
        for group in optimizer.param_groups:
            group["lr"] = rate
        draw = step * accelerator.num_processes + accelerator.process_index
        frames, actions = batches.draw(draw, horizon, rows)
        loss = rollout_loss(model, bare, frames, actions, recipe, draw)
        accelerator.backward(loss)
        norm = accelerator.clip_grad_norm_(model.parameters(), CLIP)
        if not torch.isfinite(loss):
            raise NotFinite(
                f"the loss is {loss.item()} at step {step}; "
                f"the last good state is {checkpoint.latest(folder)}"
            )
        optimizer.step()
        optimizer.zero_grad()
        step, done = step + 1, done + rows * horizon * accelerator.num_processes
        torch._foreach_lerp_(
            ema, [p.detach() for p in bare.parameters()], 1 - min(recipe.ema, step / (step + 10))
        )
        scores = keep(step) if step % save_every == 0 and step < recipe.steps else {}
        if log is not None and step % 20 == 0:
            log.add_scalar("train/loss", loss.item(), step)
            log.add_scalar("train/gradient_norm", float(norm), step)
            log.add_scalar("train/learning_rate", rate, step)
        listen(Progress(step, recipe.steps, loss.item(), done / (time.monotonic() - began), scores))
    keep(step)
    if log is not None:
        log.close()
    return folder / f"step-{step}"


def horizon_at(recipe: Recipe, step: int) -> int:
    """How many frames are predicted in a row at this step."""
    return [h for share, h in recipe.horizons if step >= share * recipe.steps][-1]


def learning_rate_at(recipe: Recipe, step: int) -> float:
    """A cosine to 2 % of the rate, with a linear warm-up at the start and after each change of horizon."""
    changed = max(
        math.ceil(share * recipe.steps) for share, _ in recipe.horizons if step >= share * recipe.steps
    )
    warm = min(1.0, (step - changed + 1) / recipe.warmup)
    return recipe.learning_rate * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / recipe.steps)))


def rollout_loss(
    model: torch.nn.Module,
    bare: ConvolutionalModel,
    frames: Tensor,
    actions: Tensor,
    recipe: Recipe,
    draw: int,
) -> Tensor:
    """Error of clean frames predicted one after the other, each from the model's own past.

    Mean over frames of √(mean squared error + c) - √c: quadratic for small errors, but linear in how far a
    body is off for large ones, lest the few rollouts that went another way at a contact outweigh all others.

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
    total = frames.new_zeros(())
    horizon = frames.shape[1] - k
    for h in range(horizon):
        target = frames[:, k + h]
        level = (uniform(rows) * TIMESTEPS).long()
        level = torch.where(uniform(rows) < recipe.pure_noise, TIMESTEPS - 1, level)
        noisy = bare.scheduler.add_noise(target, normal(target.shape), level)
        clean = model(noisy, level, context, actions[:, h : h + k])
        squared = (clean.float() - target).square().mean((1, 2, 3))
        total = total + ((squared + FLAT).sqrt() - FLAT**0.5).mean()
        context = torch.cat([context[:, 1:], clean.float().clamp(-1, 1)[:, None]], 1)
    return total / horizon
