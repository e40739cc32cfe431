"""Checkpoints of a training run: written to a temporary folder, renamed, then `latest` is moved.

A folder `step-N` holds the averaged model as `save_pretrained` writes it, and `training.safetensors` (raw
weights and optimiser moments) with `training.json` (step, recipe, format). No pickle is ever written or read.
"""

import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path

import torch
from diffusers import ModelMixin
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from worldsim.training.recipes import Recipe

FORMAT = 1
KEPT = 2


def recipe_fields(recipe: Recipe) -> dict:
    """The recipe as JSON types, as it stands in a checkpoint."""
    return json.loads(json.dumps(asdict(recipe)))


def save(
    folder: Path,
    model: ModelMixin,
    ema: list[Tensor],
    optimizer: torch.optim.Optimizer,
    step: int,
    seconds: float,
    recipe: Recipe,
) -> Path:
    """Write `folder/step-N` and point `folder/latest` to it; older checkpoints but the last few are removed.

    `ema` are the averaged weights, `seconds` the time spent in training so far.
    """
    target, temporary = folder / f"step-{step}", folder / f".step-{step}.{os.getpid()}"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    parameters = list(model.parameters())
    tensors = {f"raw.{i}": p.detach().cpu().contiguous() for i, p in enumerate(parameters)}
    for i, p in enumerate(parameters):
        for name in ("exp_avg", "exp_avg_sq"):
            tensors[f"{name}.{i}"] = optimizer.state[p][name].cpu().contiguous()
    save_file(tensors, temporary / "training.safetensors")
    state = {"format": FORMAT, "step": step, "seconds": seconds, "recipe": recipe_fields(recipe)}
    (temporary / "training.json").write_text(json.dumps(state, indent=1))
    raw = [p.detach().clone() for p in parameters]
    load_into(model, ema)
    model.save_pretrained(temporary, safe_serialization=True)
    load_into(model, raw)
    shutil.rmtree(target, ignore_errors=True)
    temporary.rename(target)
    pointer = folder / f".latest.{os.getpid()}"
    pointer.write_text(target.name)
    pointer.replace(folder / "latest")
    for old in sorted(folder.glob("step-*"), key=lambda p: int(p.name[5:]))[:-KEPT]:
        shutil.rmtree(old)
    return target


def load_into(model: nn.Module, values: list[Tensor]) -> None:
    """Copy values into a model's parameters, in order."""
    with torch.no_grad():
        for p, v in zip(model.parameters(), values, strict=True):
            p.copy_(v)


def latest(folder: Path) -> Path | None:
    """The newest complete checkpoint, None before the first."""
    pointer = folder / "latest"
    return folder / pointer.read_text().strip() if pointer.is_file() else None


def load(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, recipe: Recipe
) -> tuple[int, float, list[Tensor]]:
    """Restore weights and optimiser from a checkpoint folder; returns step, seconds and averaged weights.

    Raises ValueError, naming the field, when the checkpoint belongs to another recipe or format.
    """
    state = json.loads((folder / "training.json").read_text())
    if state.get("format") != FORMAT:
        raise ValueError(
            f"{folder} has checkpoint format {state.get('format')!r}; this version reads {FORMAT}"
        )
    mine = recipe_fields(recipe)
    for name in sorted(set(mine) | set(state["recipe"])):
        if mine.get(name) != state["recipe"].get(name):
            raise ValueError(
                f"{folder} was trained with {name}={state['recipe'].get(name)!r}, the recipe now says "
                f"{mine.get(name)!r}; choose another --out or the old recipe"
            )
    averaged = load_file(folder / "diffusion_pytorch_model.safetensors")
    names = [n for n, _ in model.named_parameters()]
    device = next(model.parameters()).device
    ema = [averaged[n].to(device) for n in names]
    tensors = load_file(folder / "training.safetensors")
    parameters = list(model.parameters())
    load_into(model, [tensors[f"raw.{i}"] for i in range(len(parameters))])
    for i, p in enumerate(parameters):
        optimizer.state[p] = {
            "step": torch.tensor(float(state["step"])),
            "exp_avg": tensors[f"exp_avg.{i}"].to(device),
            "exp_avg_sq": tensors[f"exp_avg_sq.{i}"].to(device),
        }
    return int(state["step"]), float(state["seconds"]), ema
