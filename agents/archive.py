"""Policies from archives that Stable-Baselines3 saved: `model.save("policy.zip")` on `envs.sb3.WorldVecEnv`.

Stable-Baselines3 unpickles parts of an archive: read only those that you trust.
"""

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import stable_baselines3
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecTransposeImage

from envs.base import Observation, Task
from envs.encode import encode, space

MARKS = {"PPO": "clip_range", "SAC": "target_entropy", "TD3": "policy_delay", "A2C": "gae_lambda"}


class ArchivePolicy:
    """The deterministic action of a PPO, SAC, TD3 or A2C that learned from tracked vectors or frames.

    Raises ValueError where the file is no such archive, or where its spaces are not those of the task at the
    level that it was trained on ("id" or `level`); both are told.
    """

    privileged = False

    def __init__(self, path: str | Path, task: Task, level: str = "id", prepared_in: str = "") -> None:
        self.task, self.prepared_in = task, prepared_in
        algorithm = _algorithm(Path(path))
        self.name = algorithm.lower()
        try:
            small = (
                {"n_steps": 2} if algorithm in ("PPO", "A2C") else {"buffer_size": 1}
            )  # nothing is learned
            load = getattr(stable_baselines3, algorithm).load
            self._model: Any = load(path, device="cpu", custom_objects=small)
        except Exception as error:  # pickles and torch raise whatever they like
            raise ValueError(f"{path} cannot be read as {algorithm}: {error}") from error
        self._low, self._high = task.bounds(level)
        self.kind = _observation(str(path), task, self._model.observation_space)
        _check_actions(str(path), task, level, self._model.action_space)

    def reset(self, rows: Sequence[int], keys: np.ndarray) -> None:
        """See `Policy.reset`; nothing is kept."""

    def act(self, observation: Observation) -> np.ndarray:
        """See `Policy.act`. Raises ValueError where the frames seen are not those it was trained on."""
        seen = encode(self.kind, self.task, observation)
        wanted = self._model.observation_space
        if self.kind == "frames":
            channels = min(wanted.shape)  # 3 K, first or last, see `VecTransposeImage`
            seen = seen[..., -channels:]  # the newest frames
            if seen.shape[1:] not in (wanted.shape, (*wanted.shape[1:], channels)):
                raise ValueError(f"the world shows {seen.shape[1:]}; the policy was trained on {wanted}")
        actions, _ = self._model.predict(seen, deterministic=True)
        return np.clip(np.asarray(actions, dtype=np.float64), self._low, self._high)


def _algorithm(path: Path) -> str:
    """The class that saved an archive, read off its settings without unpickling."""
    try:
        with zipfile.ZipFile(path) as archive:
            settings = json.loads(archive.read("data"))
    except (OSError, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise ValueError(f"{path} is no archive of Stable-Baselines3: {error}") from error
    found = next((name for name, mark in MARKS.items() if mark in settings), None)
    if found is None:
        raise ValueError(f"{path} was saved by another algorithm; {', '.join(MARKS)} can be read")
    return found


def _observation(path: str, task: Task, found: spaces.Space) -> str:
    """The kind of observation that a policy was trained on. Raises ValueError for a foreign space."""
    tracked, frames = space("tracked", task, 64, 4), space("frames", task, 64, 4)
    if found == tracked:
        return "tracked"
    shape = found.shape or ()
    if len(shape) == 3 and min(shape) % 3 == 0:
        mine = space("frames", task, max(shape), min(shape) // 3)
        if found in (mine, VecTransposeImage.transpose_space(mine)):
            return "frames"
    raise ValueError(
        f"{path} was trained on observations {found}; "
        f"{task.name} has {tracked} (tracked) or {frames} (frames)"
    )


def _check_actions(path: str, task: Task, level: str, found: spaces.Space) -> None:
    """Raise ValueError unless the action space is that of the task."""
    bounds = [tuple(np.float32(b) for b in task.bounds(name)) for name in dict.fromkeys(("id", level))]
    known = [spaces.Box(low, high) for low, high in bounds]
    if found not in known:
        raise ValueError(
            f"{path} was trained with actions {found}; {task.name} has {', '.join(map(str, known))}"
        )
