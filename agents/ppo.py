"""Proximal policy optimisation (Schulman et al. 2017), by Stable-Baselines3, inside any world.

The learner sees the tracked vector of `envs.encode`, acts in [-1, 1] (scaled to the action bounds) and is
trained on in-distribution development starts. A finished policy is a folder: `config.json`,
`policy.safetensors` (what `load` reads) and `policy.zip` (Stable-Baselines3's own archive, to go on with).
"""

import json
import zipfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from torch import Tensor

from envs.base import Observation, Task
from envs.encode import encode, space
from envs.sb3 import WorldVecEnv
from worldsim import keys as key
from worldsim.worlds import World, make_world

CONFIG, WEIGHTS, ARCHIVE, CHECKPOINT = "config.json", "policy.safetensors", "policy.zip", "checkpoint.zip"


@dataclass(frozen=True)
class PPOConfig:
    """Settings of Stable-Baselines3's PPO that differ from its defaults, by its names.

    `width` is that of the two hidden layers of policy and value; `checkpoints` are written in the course of a
    run; learning rate and clip range fall linearly to zero where `anneal` is set.
    """

    n_envs: int = 32
    n_steps: int = 64
    batch_size: int = 256
    n_epochs: int = 10
    learning_rate: float = 1e-3
    anneal: bool = True
    gamma: float = 0.99
    gae_lambda: float = 0.95
    clip_range: float = 0.2
    ent_coef: float = 0.0
    log_std_init: float = -0.5
    width: int = 64
    checkpoints: int = 10


CONFIGS: dict[str, PPOConfig] = {
    "Catch": PPOConfig(n_envs=64, n_steps=8, learning_rate=2e-3),
    "Strike": PPOConfig(n_envs=64, n_steps=4, batch_size=64, learning_rate=3e-3, gamma=0.0, gae_lambda=1.0),
}


class Scaled(VecEnvWrapper):
    """Actions in [-1, 1] instead of the environment's own bounds."""

    def __init__(self, venv: VecEnv) -> None:
        low, high = venv.action_space.low, venv.action_space.high
        self._middle, self._half = (high + low) / 2, (high - low) / 2
        super().__init__(venv, action_space=spaces.Box(-1.0, 1.0, low.shape, np.float32))

    def reset(self) -> np.ndarray:
        """See `VecEnv.reset`."""
        return self.venv.reset()

    def step_async(self, actions: np.ndarray) -> None:
        """See `VecEnv.step_async`."""
        self.venv.step_async(self._middle + self._half * np.clip(actions, -1.0, 1.0))

    def step_wait(self):
        """See `VecEnv.step_wait`."""
        return self.venv.step_wait()


class _Watch(BaseCallback):
    """Tells how far training is after each rollout, and writes a checkpoint before some of them."""

    def __init__(self, folder: Path, every: int, stride: int, report: "Report | None") -> None:
        super().__init__()
        self._folder, self._every, self._stride, self._report = folder, every, stride, report
        self._saved = 0
        self._solved: deque[bool] = deque(maxlen=200)

    def _on_training_start(self) -> None:
        self._saved = self.num_timesteps

    def _on_rollout_start(self) -> None:
        if self.num_timesteps - self._saved >= self._every:
            self._saved = self.num_timesteps
            _save_archive(self.model, self._folder / CHECKPOINT)

    def _on_step(self) -> bool:
        self._solved.extend(i["is_success"] for i in self.locals["infos"] if "is_success" in i)
        return True

    def _on_rollout_end(self) -> None:
        if self._report is not None:
            self._report(self.num_timesteps * self._stride, float(np.mean(self._solved or [np.nan])))


Report = Callable[[int, float], None]  #: frames so far, share of the last 200 episodes that were solved


def train(
    task: Task,
    world: "str | World",
    frames: int,
    seed: int,
    folder: str | Path,
    config: PPOConfig | None = None,
    report: Report | None = None,
) -> "SB3Policy":
    """Train for at most `frames` frames of the world, or go on where an interrupted run stopped.

    A finished run is not repeated: its policy is returned. An interrupted one may be given another number of
    frames. Raises ValueError where the folder holds a run with other settings, or where `frames` do not
    suffice for one rollout.
    """
    folder, config = Path(folder), config or CONFIGS.get(task.name, PPOConfig())
    rollout = config.n_envs * config.n_steps
    total = frames // (task.stride * rollout) * rollout
    if total == 0:
        raise ValueError(
            f"{frames} frames are too few: one rollout on {task.name} takes {task.stride * rollout}"
        )
    world = make_world(world, task.template)
    facts = {
        "algorithm": "ppo",
        "task": task.name,
        "prepared_in": world.name,
        "frames": total * task.stride,
        "seed": seed,
        "settings": asdict(config),
    }
    if _finished(folder, facts):
        return load(folder, task)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(json.dumps(facts, indent=1))
    model = _resume(folder, task, world, seed, config)
    watch = _Watch(folder, max(rollout, total // config.checkpoints), task.stride, report)
    with _one_thread():
        model.learn(max(0, total - model.num_timesteps), callback=watch, reset_num_timesteps=False)
    _save_archive(model, folder / ARCHIVE)
    save = {k: v.contiguous() for k, v in model.policy.state_dict().items()}
    save_file(save, folder / (WEIGHTS + ".new"))
    (folder / (WEIGHTS + ".new")).replace(folder / WEIGHTS)
    (folder / CHECKPOINT).unlink(missing_ok=True)
    return load(folder, task)


def _finished(folder: Path, facts: dict[str, Any]) -> bool:
    """Whether the folder holds this very run, finished. Raises ValueError where it holds another one."""
    if not (folder / CONFIG).exists():
        return False
    found, finished = json.loads((folder / CONFIG).read_text()), (folder / WEIGHTS).exists()
    if other := [k for k in facts if found.get(k) != facts[k] and (finished or k != "frames")]:
        raise ValueError(
            f"{folder} holds a run with another {', '.join(other)} "
            f"({', '.join(repr(found.get(k)) for k in other)}); name another folder"
        )
    return finished


def _resume(folder: Path, task: Task, world: World, seed: int, config: PPOConfig) -> PPO:
    """The learner from its latest checkpoint, or a new one. What follows draws its own starts and noise."""
    done = _steps_done(folder)
    stream = int(key.make("ppo", seed, done) % np.uint64(2**31))
    venv = Scaled(WorldVecEnv(num_envs=config.n_envs, task=task, world=world))
    venv.seed(stream)
    if done:
        model = PPO.load(folder / CHECKPOINT, env=venv, device="cpu")
        model.set_random_seed(stream)
        return model
    fall = (lambda share: share) if config.anneal else (lambda share: 1.0)
    return PPO(
        "MlpPolicy",
        venv,
        learning_rate=lambda share: config.learning_rate * fall(share),
        n_steps=config.n_steps,
        batch_size=config.batch_size,
        n_epochs=config.n_epochs,
        gamma=config.gamma,
        gae_lambda=config.gae_lambda,
        clip_range=config.clip_range,
        ent_coef=config.ent_coef,
        policy_kwargs=_network(config.width, config.log_std_init),
        seed=stream,
        device="cpu",
    )


def _steps_done(folder: Path) -> int:
    """Decisions taken up to the latest checkpoint, 0 without one."""
    path = folder / CHECKPOINT
    if not path.exists():
        return 0
    with zipfile.ZipFile(path) as archive:
        return int(json.loads(archive.read("data"))["num_timesteps"])


def _network(width: int, log_std_init: float) -> dict[str, Any]:
    return {"net_arch": [width, width], "log_std_init": log_std_init}


def _save_archive(model: PPO, path: Path) -> None:
    """Save under another name first, so that a killed run leaves the old archive or the new one."""
    new = path.with_name("new-" + path.name)
    model.save(new)
    new.replace(path)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Networks this small run fastest on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def load(folder: str | Path, task: Task, level: str = "id") -> "SB3Policy":
    """A finished policy, ready to act within the bounds of `level`.

    Raises ValueError where the folder holds none, or one for another task.
    """
    folder = Path(folder)
    if not (folder / CONFIG).exists() or not (folder / WEIGHTS).exists():
        raise ValueError(f"{folder} holds no finished policy: {CONFIG} and {WEIGHTS} are expected there")
    facts = json.loads((folder / CONFIG).read_text())
    if facts["task"] != task.name:
        raise ValueError(f"{folder} holds a policy for {facts['task']}, not for {task.name}")
    try:
        weights = load_file(folder / WEIGHTS)
        return SB3Policy(task, level, facts, weights)
    except (SafetensorError, RuntimeError) as error:
        raise ValueError(f"{folder / WEIGHTS} is damaged or belongs to another network: {error}") from error


class SB3Policy:
    """The mean action of a trained policy, in the units of training, cut to the bounds of the level."""

    privileged = False

    def __init__(self, task: Task, level: str, facts: dict[str, Any], weights: dict[str, Tensor]) -> None:
        self.task, self.name, self.prepared_in = task, facts["algorithm"], facts["prepared_in"]
        self._low, self._high = task.bounds("id")  # where it was trained
        self._bounds = task.bounds(level)
        settings = facts["settings"]
        self._network = ActorCriticPolicy(
            space("tracked", task, 64, 4),
            spaces.Box(-1.0, 1.0, self._low.shape, np.float32),
            lr_schedule=lambda share: 0.0,
            **_network(settings["width"], settings["log_std_init"]),
        )
        self._network.load_state_dict(weights)

    def reset(self, rows: Sequence[int], keys: np.ndarray) -> None:
        """See `Policy.reset`; nothing is kept."""

    def act(self, observation: Observation) -> np.ndarray:
        """See `Policy.act`."""
        seen = encode("tracked", self.task, observation)
        share, _ = self._network.predict(seen, deterministic=True)
        actions = (self._low + self._high) / 2 + (self._high - self._low) / 2 * share.astype(np.float64)
        return np.clip(actions, *self._bounds)
