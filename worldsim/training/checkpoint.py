"""Checkpoints of a training run: written to a temporary folder, renamed, then `latest` is moved.

A folder `step-N` holds the averaged model as `save_pretrained` writes it, and `training.safetensors` (raw
weights and optimiser moments) with `training.json` (step, recipe, data, format). `latest` and `best` name the
newest folder and the one with the lowest error. No pickle is ever written or read.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import ModelMixin
from filelock import FileLock, Timeout
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from worldsim.training.recipes import Recipe

FORMAT = 2
KEPT = 2
MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass
class State:
    """Where a run stands: its recipe, its data's fingerprint, the averaged weights, the fingerprint of the
    autoencoder that it works on, steps and seconds."""

    recipe: Recipe
    data: str
    ema: list[Tensor]
    autoencoder: str = ""
    step: int = 0
    seconds: float = 0.0

    def fields(self) -> dict[str, Any]:
        """What decides whether a checkpoint belongs to this run, as JSON types."""
        made_from = {"data": self.data, "autoencoder": self.autoencoder}
        return {"format": FORMAT, **made_from, "recipe": self.recipe.settings()}


def save(
    folder: Path,
    model: ModelMixin,
    optimizer: torch.optim.Optimizer,
    state: State,
    milestones: Collection[int] = (),
) -> Path:
    """Write `folder/step-N` and point `folder/latest` to it; older ones but the last few, the best and those
    at `milestones` go."""
    _clear(folder)
    target, temporary = folder / f"step-{state.step}", folder / f".step-{state.step}.{os.getpid()}"
    temporary.mkdir(parents=True)
    parameters = trainable(model)
    tensors = {f"raw.{i}": p.detach().cpu().contiguous() for i, p in enumerate(parameters)}
    for i, p in enumerate(parameters):
        for name in MOMENTS:
            tensors[f"{name}.{i}"] = optimizer.state[p][name].cpu().contiguous()
    save_file(tensors, temporary / "training.safetensors")
    stands = {"step": state.step, "seconds": state.seconds, **state.fields()}
    (temporary / "training.json").write_text(json.dumps(stands, indent=1))
    raw = copy_of(model)
    load_into(model, state.ema)
    model.save_pretrained(temporary, safe_serialization=True)
    load_into(model, raw)
    shutil.rmtree(target, ignore_errors=True)
    temporary.rename(target)
    _point(folder, "latest", target.name)
    kept = best(folder)
    for old in sorted(folder.glob("step-*"), key=steps_of)[:-KEPT]:
        if (kept is None or old != kept[0]) and steps_of(old) not in milestones:
            shutil.rmtree(old)
    return target


def steps_of(checkpoint: Path) -> int:
    """How many steps a checkpoint's folder stands for, by its name."""
    return int(checkpoint.name.removeprefix("step-"))


def judge(folder: Path, checkpoint: Path, error: float) -> None:
    """Point `folder/best` to a checkpoint whose error is the lowest so far."""
    before = best(folder)
    if before is None or error < before[1]:
        _point(folder, "best", f"{checkpoint.name} {error!r}")


def latest(folder: Path) -> Path | None:
    """The newest complete checkpoint, None before the first."""
    pointer = folder / "latest"
    return folder / pointer.read_text().strip() if pointer.is_file() else None


def best(folder: Path) -> tuple[Path, float] | None:
    """The checkpoint with the lowest validation error, and that error; None before the first."""
    pointer = folder / "best"
    if not pointer.is_file():
        return None
    name, error = pointer.read_text().split()
    return folder / name, float(error)


def load(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, state: State) -> None:
    """Restore weights, optimiser and state from a checkpoint folder.

    Raises ValueError, naming the field, when the checkpoint belongs to another recipe, data or format.
    """
    check_recipe(folder, state.recipe)
    check_sources(folder, data=state.data, autoencoder=state.autoencoder)
    found = json.loads((folder / "training.json").read_text())
    averaged = load_file(folder / "diffusion_pytorch_model.safetensors")
    device = next(model.parameters()).device
    state.step, state.seconds = int(found["step"]), float(found["seconds"])
    names = [n for n, p in model.named_parameters() if p.requires_grad]
    state.ema = [averaged[n].to(device) for n in names]
    tensors = load_file(folder / "training.safetensors")
    parameters = trainable(model)
    load_into(model, [tensors[f"raw.{i}"] for i in range(len(parameters))])
    for i, p in enumerate(parameters):
        moments = {name: tensors[f"{name}.{i}"].to(device) for name in MOMENTS}
        optimizer.state[p] = {"step": torch.tensor(float(state.step)), **moments}


def check_recipe(folder: Path, recipe: Recipe) -> None:
    """Raise ValueError, naming the field, when a checkpoint has another format or recipe."""
    found, mine = json.loads((folder / "training.json").read_text()), recipe.settings()
    if found.get("format") != FORMAT:
        raise ValueError(
            f"{folder} has checkpoint format {found.get('format')!r}; this version reads {FORMAT}"
        )
    for name in sorted(set(mine) | set(found["recipe"])):
        if mine.get(name) != found["recipe"].get(name):
            raise ValueError(
                f"{folder} was trained with {name}={found['recipe'].get(name)!r}, the recipe now says "
                f"{mine.get(name)!r}; choose another --out or the old recipe"
            )


def check_sources(folder: Path, **sources: str) -> None:
    """Raise ValueError, naming it, when a checkpoint was made from something else: the fingerprints of its
    `data` and its `autoencoder`, or of one of them."""
    found = json.loads((folder / "training.json").read_text())
    for name, mine in sources.items():
        if found.get(name, "") != mine:
            raise ValueError(
                f"{folder} was trained on {name} {found.get(name, '')!r}, the recipe now has {mine!r}; "
                f"choose another --out"
            )


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold a run's folder. Raises ValueError while another process on this machine holds it.

    With several processes in one run, the main one holds it.
    """
    if int(os.environ.get("LOCAL_RANK", "0")):
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    try:
        lock = FileLock(folder / ".lock", timeout=0)
        lock.acquire()
    except Timeout:
        raise ValueError(f"another process trains in {folder}; wait for it or choose another --out") from None
    try:
        yield
    finally:
        lock.release()


def fingerprint(model: ModelMixin) -> str:
    """A hash of a model's settings and weights, whatever folder they came from."""
    told = hashlib.blake2b(json.dumps(settings_of(model), sort_keys=True).encode(), digest_size=8)
    for name, tensor in sorted(model.state_dict().items()):
        told.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
    return told.hexdigest()


def settings_of(model: ModelMixin) -> dict[str, Any]:
    """What a model was made with, as JSON types."""
    made = {name: value for name, value in model.config.items() if not name.startswith("_")}
    return dict(json.loads(json.dumps(made)))


def trainable(model: nn.Module) -> list[nn.Parameter]:
    """The parameters that training changes; an autoencoder inside a model stays as it was."""
    return [p for p in model.parameters() if p.requires_grad]


def copy_of(model: nn.Module) -> list[Tensor]:
    """Copies of a model's trainable parameters, in order."""
    return [p.detach().clone() for p in trainable(model)]


def load_into(model: nn.Module, values: list[Tensor]) -> None:
    """Copy values into a model's trainable parameters, in order."""
    with torch.no_grad():
        for p, v in zip(trainable(model), values, strict=True):
            p.copy_(v)


def _clear(folder: Path) -> None:
    """Remove what saves that were killed left behind; no other process writes here (see `alone_in`)."""
    for left in (*folder.glob(".step-*"), *folder.glob(".latest.*"), *folder.glob(".best.*")):
        shutil.rmtree(left) if left.is_dir() else left.unlink()


def _point(folder: Path, name: str, text: str) -> None:
    """Write a small file in one piece."""
    pointer = folder / f".{name}.{os.getpid()}"
    pointer.write_text(text)
    pointer.replace(folder / name)
