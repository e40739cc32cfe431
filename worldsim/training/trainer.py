"""The trainer: one loop on accelerate, the same on a CPU, a GPU or several.

Every random draw is keyed by the step, so that a resumed run ends as an uninterrupted one does.
"""

import json
import math
import time
from collections.abc import Callable, Collection
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from worldsim.memory import keep_freed_memory
from worldsim.models import device_of, family, load_model
from worldsim.training import checkpoint
from worldsim.training.data import Batches, ClipSet
from worldsim.training.losses import LOSSES
from worldsim.training.memory_fit import check_fit
from worldsim.training.recipes import LATENT, Recipe
from worldsim.training.schedule import horizon_at, learning_rate_at, rows_at

CLIP = 1.0  #: largest gradient norm
BETAS = (0.9, 0.95)  #: short memory of gradient sizes, for they grow with the horizon
SHOWN = 256  #: windows that a model sees before its first step, if it wants to
LOGGED = 20  #: steps between entries of the log

Validate = Callable[[Any], dict[str, float]]


@dataclass
class Progress:
    """What a listener is told after each step."""

    step: int
    steps: int
    loss: float
    frames_per_s: float
    scores: dict[str, float] = field(default_factory=dict)


class NotFinite(ArithmeticError):
    """The loss or its gradient was NaN or infinite; the last checkpoint is still good."""


def train(
    recipe: Recipe,
    clips: ClipSet,
    folder: Path,
    listen: Callable[[Progress], None] = lambda progress: None,
    validate: Validate | None = None,
    minutes: float = math.inf,
    save_every: int = 500,
    compiled: bool = False,
    milestones: Collection[int] = (),
) -> Path:
    """Train a recipe in `folder`, going on from its latest checkpoint; returns the folder of the last one.

    Stops early, resumable, after `minutes`. Checkpoints at `milestones` are kept. `compiled` runs the blocks
    of the model through `torch.compile`. `validate` scores the averaged model at each checkpoint; the one
    with the lowest "velocity_error" is kept as `best`. Raises NotFinite when the loss or its gradient is not
    a number, ValueError when a step does not fit into memory or another process trains in the folder.
    """
    with checkpoint.alone_in(folder):
        run = Run(recipe, clips, folder, validate, compiled, milestones)
        check_fit(run)
        began, done = time.monotonic(), 0
        while run.step < recipe.steps and time.monotonic() - began < 60 * minutes:
            loss, frames = run.update()
            done += frames
            due = run.step % save_every == 0 or run.step == recipe.steps or run.step in milestones
            scores = run.keep() if due else {}
            listen(Progress(run.step, recipe.steps, loss, done / (time.monotonic() - began), scores))
        if run.kept != run.step:
            run.keep()
        run.close()
    return folder / f"step-{run.step}"


def make_model(recipe: Recipe) -> Any:
    """The untrained model of a recipe.

    Raises ValueError where it needs an autoencoder and has none, or one for pictures of another size, and
    where it makes clips of another length than the recipe's.
    """
    if recipe.family not in LATENT:
        return family(recipe.family)(**recipe.model)
    if not recipe.autoencoder:
        raise ValueError(
            f"the family {recipe.family} needs a trained autoencoder: worldsim train autoencoder, then "
            f"--autoencoder runs/train/autoencoder/step-N"
        )
    from worldsim.models.autoencoder import load_autoencoder  # slow to import, and for few families

    trained = load_autoencoder(recipe.autoencoder)
    latents = {name: trained.config[name] for name in ("widths", "latent_channels")}
    model = family(recipe.family)(**recipe.model, **latents)
    if model.resolution != trained.resolution:
        raise ValueError(
            f"{recipe.name} ({recipe.family}) has pictures of {model.resolution} pixels, the autoencoder in "
            f"{recipe.autoencoder} was trained on {trained.resolution}; give both the same --resolution"
        )
    made = getattr(model, "frames_per_call", None)
    if made is not None and (other := {horizon for _, horizon in recipe.horizons} - {made}):
        raise ValueError(
            f"{recipe.name} ({recipe.family}) makes {made} frames at once and would learn horizons of "
            f"{sorted(other)}; set the model's frames to the context and one horizon"
        )
    model.autoencoder.load_state_dict(trained.state_dict())
    return model


def start_from(model: Any, source: str) -> None:
    """Take over the weights of a shipped model or of a checkpoint's folder.

    Raises ValueError, naming the difference, for a model of another family or with other settings, and where
    there is none.
    """
    try:
        trained: Any = load_model(source, device_of(model))
    except ValueError as error:
        raise ValueError(f"training cannot begin with pretrained weights: {error}") from error
    mine, other = ({"family": m.name, **checkpoint.settings_of(m)} for m in (model, trained))
    for name in mine:
        if mine[name] != other.get(name):
            raise ValueError(
                f"the recipe's model has {name}={mine[name]!r}, the pretrained one in {source} "
                f"{other.get(name)!r}; its weights do not fit"
            )
    model.load_state_dict(trained.state_dict())


class Run:
    """A run in training: `update` makes a step, `keep` a checkpoint."""

    def __init__(
        self,
        recipe: Recipe,
        clips: ClipSet,
        folder: Path,
        validate: Validate | None = None,
        compiled: bool = False,
        milestones: Collection[int] = (),
    ) -> None:
        keep_freed_memory()
        self.recipe, self.folder, self.validate, self.milestones = recipe, folder, validate, milestones
        self.accelerator = Accelerator(
            mixed_precision="bf16",
            kwargs_handlers=[DistributedDataParallelKwargs(broadcast_buffers=False)],
        )
        torch.manual_seed(recipe.seed)
        self.bare = make_model(recipe).to(memory_format=torch.channels_last)
        self.bare.to(self.accelerator.device)
        self.batches = Batches(
            clips,
            recipe,
            self.bare.context_frames,
            self.bare.resolution,
            self.accelerator.device,
            self.accelerator.num_processes,
        )
        before = checkpoint.latest(folder)
        if before is None and recipe.pretrained:
            start_from(self.bare, recipe.pretrained)
        elif before is None and hasattr(self.bare, "begin"):
            self.bare.begin(self.batches.draw(0, 1, SHOWN)[0])
        optimizer = torch.optim.AdamW(
            checkpoint.trainable(self.bare),
            lr=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            betas=BETAS,
        )
        latents = checkpoint.fingerprint(self.bare.autoencoder) if recipe.family in LATENT else ""
        averaged = checkpoint.copy_of(self.bare)
        self.state = checkpoint.State(recipe, clips.fingerprint, averaged, latents)
        if before is not None:
            checkpoint.load(before, self.bare, optimizer, self.state)
        self.kept = self.state.step
        self.model, self.optimizer = self.accelerator.prepare(self.bare, optimizer)
        if compiled:
            self.bare.compile_repeated_blocks()
        self.log = (
            SummaryWriter(str(folder / "tensorboard"), purge_step=self.step)
            if self.accelerator.is_main_process
            else None
        )
        self._began, self._before = time.monotonic(), self.state.seconds

    @property
    def step(self) -> int:
        """Optimiser steps done."""
        return self.state.step

    def update(self) -> tuple[float, int]:
        """One optimiser step; returns the loss and how many frames were predicted. Raises NotFinite."""
        recipe, step = self.recipe, self.step
        horizon, rate = horizon_at(recipe, step), learning_rate_at(recipe, step)
        rows = rows_at(recipe, step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        losses = [self._backward(part, horizon, rows) for part in range(recipe.accumulate)]
        gradient = self.accelerator.clip_grad_norm_(self.model.parameters(), CLIP)
        value, norm = torch.stack([torch.stack(losses).sum(), gradient]).tolist()
        if not (math.isfinite(value) and math.isfinite(norm)):
            raise NotFinite(
                f"the loss is {value} and its gradient's norm {norm} at step {step}; the last good state is "
                f"{checkpoint.latest(self.folder)}"
            )
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.state.step += 1
        share = 1 - min(recipe.ema, self.step / (self.step + 10))
        torch._foreach_lerp_(self.state.ema, [p.detach() for p in checkpoint.trainable(self.bare)], share)
        if self.log is not None and self.step % LOGGED == 0:
            for name, number in (("loss", value), ("gradient_norm", norm), ("learning_rate", rate)):
                self.log.add_scalar(f"train/{name}", number, self.step)
        return value, recipe.accumulate * rows * horizon * self.accelerator.num_processes

    def _backward(self, part: int, horizon: int, rows: int) -> Tensor:
        """Add the gradient of one part of a step's batch; returns its share of the loss."""
        recipe, processes = self.recipe, self.accelerator.num_processes
        draw = (self.step * recipe.accumulate + part) * processes + self.accelerator.process_index
        frames, actions = self.batches.draw(draw, horizon, rows)
        last = part == recipe.accumulate - 1
        with nullcontext() if last else self.accelerator.no_sync(self.model):
            loss = LOSSES[recipe.family](self.model, self.bare, frames, actions, recipe, draw)
            self.accelerator.backward(loss / recipe.accumulate)
        return loss.detach() / recipe.accumulate

    def keep(self) -> dict[str, float]:
        """Write a checkpoint and score it."""
        self.kept = self.step
        if self.log is None:  # another process keeps it
            return {}
        self.state.seconds = self._before + time.monotonic() - self._began
        where = checkpoint.save(self.folder, self.bare, self.optimizer.optimizer, self.state, self.milestones)
        if self.validate is None:
            return {}
        saved = family(self.recipe.family).from_pretrained(where, use_safetensors=True)
        scores = self.validate(saved.to(self.accelerator.device))
        for name, value in scores.items():
            self.log.add_scalar(f"validation/{name}", value, self.step)
        with (self.folder / "curve.jsonl").open("a") as curve:
            curve.write(json.dumps({"step": self.step, **scores}) + "\n")
        checkpoint.judge(self.folder, where, scores["velocity_error"])
        return scores

    def close(self) -> None:
        """Flush the log."""
        if self.log is not None:
            self.log.close()
