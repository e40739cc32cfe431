"""The folder of a run: what it was asked for, the finished policy, and what lies there in between.

`config.json` says what was run, `policy.safetensors` holds the weights that are read back, `curve.jsonl` the
evaluations. `policy.zip` is Stable-Baselines3's own archive, to go on with outside of worldsim.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from envs.base import Task
from envs.encode import space
from worldsim.worlds import CONTEXT_FRAMES

CONFIG, WEIGHTS, ARCHIVE = "config.json", "policy.safetensors", "policy.zip"
CURVE, TENSORBOARD, REPLAY = "curve.jsonl", "tensorboard", "replay.pkl"


def spaces_of(
    task: Task, observation: str, resolution: int = 64, context: int = CONTEXT_FRAMES
) -> tuple[spaces.Box, spaces.Box]:
    """Observation space, and the action space in the units of training (id bounds)."""
    low, high = (bound.astype(np.float32) for bound in task.bounds(task.levels[0]))
    return space(observation, task, resolution, context), spaces.Box(low, high)


def described(seen: spaces.Box, acted: spaces.Box) -> dict[str, str]:
    """Both spaces in words, for `config.json` and for messages."""
    return {"observation": str(seen), "action": str(acted)}


def finished(folder: Path, facts: dict[str, Any]) -> bool:
    """Whether the folder holds this very run, finished. Raises ValueError where it holds another one."""
    if not (folder / CONFIG).exists():
        return False
    found, done = json.loads((folder / CONFIG).read_text()), (folder / WEIGHTS).exists()
    open_still = () if done else ("frames", "spent")
    if other := [k for k in facts if found.get(k) != facts[k] and k not in open_still]:
        raise ValueError(
            f"{folder} holds a run with another {', '.join(other)} "
            f"({', '.join(repr(found.get(k)) for k in other)}); name another folder"
        )
    return done


def write_facts(folder: Path, facts: dict[str, Any]) -> None:
    """Begin a run: its folder and what was asked for."""
    folder.mkdir(parents=True, exist_ok=True)
    replace_text(folder / CONFIG, json.dumps(facts, indent=1))


def replace_text(path: Path, text: str) -> None:
    """Write a file at once: a killed run leaves the old one or the new one."""
    new = path.with_name(path.name + ".new")
    new.write_text(text)
    new.replace(path)


def read_facts(folder: Path) -> dict[str, Any]:
    """What a finished policy was asked for. Raises ValueError where the folder holds none."""
    if not (folder / CONFIG).exists() or not (folder / WEIGHTS).exists():
        raise ValueError(f"{folder} holds no finished policy: {CONFIG} and {WEIGHTS} are expected there")
    return json.loads((folder / CONFIG).read_text())


def check_facts(folder: Path, facts: dict[str, Any], task: Task, wanted: dict[str, str]) -> None:
    """Raise ValueError for a policy of another task, or one that sees or acts in other spaces."""
    if facts["task"] != task.name:
        raise ValueError(f"{folder} holds a policy for {facts['task']}, not for {task.name}")
    if facts.get("spaces") != wanted:
        raise ValueError(
            f"{folder} holds a policy with the spaces {facts.get('spaces')}, but {task.name} has {wanted}; "
            f"train one for these spaces"
        )


def save_weights(folder: Path, network: torch.nn.Module, more: dict[str, Tensor] | None = None) -> None:
    """Write `policy.safetensors`; a tensor that has several names is written under its first."""
    kept: dict[str, Tensor] = {}
    known: set[int] = set()
    for name, value in (network.state_dict() | (more or {})).items():
        if value.data_ptr() not in known:
            kept[name] = value.detach().contiguous().cpu()
            known.add(value.data_ptr())
    save_file(kept, folder / (WEIGHTS + ".new"))
    (folder / (WEIGHTS + ".new")).replace(folder / WEIGHTS)


def load_weights(folder: Path, network: torch.nn.Module) -> dict[str, Tensor]:
    """Fill a network from `policy.safetensors`; returns the tensors that are not the network's.

    Raises ValueError where the file is damaged or does not fill the network.
    """
    try:
        weights = load_file(folder / WEIGHTS)
        missing, unexpected = network.load_state_dict(weights, strict=False)
    except (SafetensorError, RuntimeError) as error:
        raise ValueError(f"{folder / WEIGHTS} is damaged or belongs to another network: {error}") from error
    own = network.state_dict()
    filled = {own[name].data_ptr() for name in weights if name in own}
    lost = [name for name in missing if own[name].data_ptr() not in filled]
    foreign = [name for name in unexpected if name != "log_ent_coef"]
    if lost or foreign:
        raise ValueError(
            f"{folder / WEIGHTS} is damaged or belongs to another network: it lacks {lost or 'nothing'} and "
            f"has {foreign or 'nothing'} besides"
        )
    return {name: weights[name] for name in unexpected}
