"""Training by Stable-Baselines3: its algorithms in a `WorldVecEnv`, with checkpoints and evaluations."""

import json
import zipfile
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3 import PPO, SAC, TD3
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import configure
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper

from agents.learning import folders
from agents.learning.evaluation import Curve
from agents.learning.policy import NETWORKS, LearnedPolicy, network_settings
from agents.learning.run import Run
from envs.mixture import Mixture
from envs.sb3 import WorldVecEnv
from worldsim import keys as key

CHECKPOINT = "checkpoint.zip"
CLASSES: dict[str, Any] = {"ppo": PPO, "sac": SAC, "td3": TD3}
PASSED = {  #: settings that are passed on as they are
    "ppo": ("n_steps", "batch_size", "n_epochs", "gamma", "gae_lambda", "clip_range", "ent_coef"),
    "sac": ("buffer_size", "learning_starts", "batch_size", "tau", "gamma", "gradient_steps", "ent_coef"),
    "td3": ("buffer_size", "learning_starts", "batch_size", "tau", "gamma", "gradient_steps", "policy_delay"),
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


def learn(run: Run) -> None:
    """Train to the end and leave the finished policy in the run's folder."""
    model, curve = _resume(run), run.curve()
    if curve is not None:
        curve.resume(model.num_timesteps * run.task.stride)
    model.set_logger(configure(str(run.folder / folders.TENSORBOARD), ["tensorboard"]))
    with _threads(run.observation):
        left = max(0, run.total - model.num_timesteps)
        model.learn(left, callback=_Watch(run, curve), reset_num_timesteps=False)
    model.logger.close()
    _save_archive(model, run.folder / folders.ARCHIVE)
    if run.algo != "ppo" and run.config.keep_replay:
        model.save_replay_buffer(run.folder / folders.REPLAY)
    entropy = getattr(model, "log_ent_coef", None)
    folders.save_weights(run.folder, model.policy, {} if entropy is None else {"log_ent_coef": entropy})
    (run.folder / CHECKPOINT).unlink(missing_ok=True)
    _forget_replays(run.folder)


class _Watch(BaseCallback):
    """Tells how far training is, evaluates, and writes checkpoints, each before a rollout."""

    def __init__(self, run: Run, curve: Curve | None) -> None:
        super().__init__()
        self._run, self._curve = run, curve
        rollout = run.config.n_envs * getattr(run.config, "n_steps", 1)
        self._every = max(rollout, run.total // run.config.checkpoints)
        self._saved = 0
        self._solved: deque[bool] = deque(maxlen=200)

    def _on_training_start(self) -> None:
        self._saved = self.num_timesteps

    def _on_rollout_start(self) -> None:
        self._evaluate(always=False)
        if self.num_timesteps - self._saved >= self._every:
            self._saved = self.num_timesteps
            _save_checkpoint(self._run, self.model)

    def _on_step(self) -> bool:
        self._solved.extend(i["is_success"] for i in self.locals["infos"] if "is_success" in i)
        return True

    def _on_rollout_end(self) -> None:
        if self._run.report is not None:
            solved = float(np.mean(self._solved or [np.nan]))
            self._run.report(self.num_timesteps * self._run.task.stride, solved)

    def _on_training_end(self) -> None:
        self._evaluate(always=True)

    def _evaluate(self, always: bool) -> None:
        frames = self.num_timesteps * self._run.task.stride
        if self._curve is None or not (always or self._curve.due(frames)):
            return
        task = self._run.task
        policy = LearnedPolicy(task, task.levels[0], self._run.facts, self.model.policy)
        self._curve.record(policy, frames, self.logger.record)
        self.logger.dump(self.num_timesteps)


def _resume(run: Run) -> Any:
    """The learner from its latest checkpoint, or a new one. What follows draws its own starts and noise."""
    done = steps_done(run.folder)
    stream = _stream(run, done)
    venv = _environment(run)
    venv.seed(stream)
    device = "cpu" if run.observation == "tracked" else run.world.device
    if done:
        model = CLASSES[run.algo].load(run.folder / CHECKPOINT, env=venv, device=device)
        if run.algo != "ppo":
            model.load_replay_buffer(_replay(run.folder, done))
        model.set_random_seed(stream)
        return model
    model = _new(run, venv, stream, device)
    if run.start is not None:
        _start_from(run, model)
    return model


def _new(run: Run, venv: VecEnv, stream: int, device: Any) -> Any:
    """A learner that has learned nothing."""
    config = run.config
    fall = (lambda share: share) if config.anneal else (lambda share: 1.0)
    more = {name: getattr(config, name) for name in PASSED[run.algo]}
    if run.algo == "td3":
        size = venv.action_space.shape
        more["action_noise"] = NormalActionNoise(np.zeros(size), np.full(size, config.action_noise))
    if run.algo != "ppo":
        more["train_freq"] = 1
    return CLASSES[run.algo](
        NETWORKS[run.algo, run.observation],
        venv,
        learning_rate=lambda share: config.learning_rate * fall(share),
        policy_kwargs=network_settings(vars(config)),
        seed=stream,
        device=device,
        **more,
    )


def _environment(run: Run) -> VecEnv:
    """The rows of training, those of a mixture's second world last."""

    def part(rows: int, world: Any) -> WorldVecEnv:
        shaping = run.config.shaping
        return WorldVecEnv(rows, task=run.task, world=world, observation=run.observation, shaping=shaping)

    own = part(run.config.n_envs - run.mixed_rows, run.world)
    return Scaled(own if run.mixed is None else Mixture([own, part(run.mixed_rows, run.mixed)]))


def _start_from(run: Run, model: Any) -> None:
    """Take over another policy's weights, and its replay buffer where both runs keep theirs.

    Nothing is drawn at random first: the policy that there is explores.
    """
    assert run.start is not None
    more = folders.load_weights(run.start, model.policy)
    if run.algo == "ppo":
        return
    model.learning_starts = 0
    if "log_ent_coef" in more and getattr(model, "log_ent_coef", None) is not None:
        with torch.no_grad():
            model.log_ent_coef.copy_(more["log_ent_coef"])
    if run.config.keep_replay and (run.start / folders.REPLAY).exists():
        own = model.replay_buffer
        model.load_replay_buffer(run.start / folders.REPLAY)
        taken = model.replay_buffer
        if (taken.buffer_size, taken.n_envs) != (own.buffer_size, own.n_envs):
            raise ValueError(
                f"{run.start / folders.REPLAY} holds {taken.buffer_size} steps of {taken.n_envs} rows; this "
                f"run needs {own.buffer_size} of {own.n_envs}; take its buffer_size and n_envs"
            )


# ---------------------------------------------------------------------- checkpoints


def steps_done(folder: Path) -> int:
    """Decisions taken up to the latest checkpoint, 0 without one."""
    path = folder / CHECKPOINT
    if not path.exists():
        return 0
    with zipfile.ZipFile(path) as archive:
        return int(json.loads(archive.read("data"))["num_timesteps"])


def _save_checkpoint(run: Run, model: Any) -> None:
    """Write a checkpoint; off policy, all rows begin anew, as they will where a run is resumed."""
    if run.algo == "ppo":
        _save_archive(model, run.folder / CHECKPOINT)
        return
    model.save_replay_buffer(_replay(run.folder, model.num_timesteps))  # the archive decides which one counts
    _save_archive(model, run.folder / CHECKPOINT)
    _forget_replays(run.folder, but=model.num_timesteps)
    model.set_random_seed(_stream(run, model.num_timesteps))
    model._last_obs = model.env.reset()


def _stream(run: Run, done: int) -> int:
    """Seed of what is drawn after `done` decisions."""
    return int(key.make(run.algo, run.seed, done) % np.uint64(2**31))


def _replay(folder: Path, steps: int) -> Path:
    return folder / f"replay-{steps}.pkl"


def _forget_replays(folder: Path, but: int = -1) -> None:
    for path in folder.glob("replay-*.pkl"):
        if path != _replay(folder, but):
            path.unlink()


def _save_archive(model: Any, path: Path) -> None:
    """Save under another name first, so that a killed run leaves the old archive or the new one."""
    new = path.with_name("new-" + path.name)
    model.save(new)
    new.replace(path)


@contextmanager
def _threads(observation: str) -> Iterator[None]:
    """Networks on the tracked vector are so small that they run fastest on one thread."""
    threads = torch.get_num_threads()
    if observation == "tracked":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
