"""Finished policies: Stable-Baselines3's networks, filled from safetensors, acting without chance."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticCnnPolicy, ActorCriticPolicy
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.vec_env import VecTransposeImage
from stable_baselines3.sac.policies import CnnPolicy as SACCnnPolicy
from stable_baselines3.sac.policies import MlpPolicy as SACMlpPolicy
from stable_baselines3.td3.policies import CnnPolicy as TD3CnnPolicy
from stable_baselines3.td3.policies import MlpPolicy as TD3MlpPolicy

from agents.learning import folders
from envs.base import Observation, Task
from envs.encode import encode

NETWORKS: dict[tuple[str, str], Any] = {
    ("ppo", "tracked"): ActorCriticPolicy,
    ("ppo", "frames"): ActorCriticCnnPolicy,
    ("ppo_resident", "tracked"): ActorCriticPolicy,
    ("ppo_resident", "frames"): ActorCriticCnnPolicy,
    ("sac", "tracked"): SACMlpPolicy,
    ("sac", "frames"): SACCnnPolicy,
    ("td3", "tracked"): TD3MlpPolicy,
    ("td3", "frames"): TD3CnnPolicy,
}


def network_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Stable-Baselines3's `policy_kwargs` for the settings of a run."""
    made: dict[str, Any] = {"net_arch": [settings["width"], settings["width"]]}
    if "log_std_init" in settings:
        made["log_std_init"] = settings["log_std_init"]
    return made


def make_network(algo: str, observation: str, seen: spaces.Box, acted: spaces.Box, settings: dict) -> Any:
    """The network of an algorithm: pictures come channel first, actions leave within [-1, 1]."""
    if is_image_space(seen):
        seen = VecTransposeImage.transpose_space(seen)
    unit = spaces.Box(-1.0, 1.0, acted.shape, np.float32)
    return NETWORKS[algo, observation](seen, unit, lambda share: 0.0, **network_settings(settings))


class LearnedPolicy:
    """The mean action of a trained network, in the units of training, cut to the bounds of the level."""

    privileged = False

    def __init__(self, task: Task, level: str, facts: dict[str, Any], network: Any) -> None:
        self.task, self.name, self.prepared_in = task, facts["algorithm"], facts["prepared_in"]
        self.observation, self.network = facts["observation"], network
        self._low, self._high = task.bounds(task.levels[0])  # where it was trained
        self._bounds = task.bounds(level)

    def reset(self, rows: Sequence[int], keys: np.ndarray) -> None:
        """See `Policy.reset`; nothing is kept."""

    def act(self, observation: Observation) -> np.ndarray:
        """See `Policy.act`."""
        seen = encode(self.observation, self.task, observation)
        share, _ = self.network.predict(seen, deterministic=True)
        actions = (self._low + self._high) / 2 + (self._high - self._low) / 2 * share.astype(np.float64)
        return np.clip(actions, *self._bounds)


def load(folder: str | Path, task: Task, level: str = "id") -> LearnedPolicy:
    """A finished policy, ready to act within the bounds of `level`.

    Raises ValueError where the folder holds none, one for another task or other spaces, or broken weights.
    """
    folder = Path(folder)
    facts = folders.read_facts(folder)
    seen, acted = folders.spaces_of(task, facts.get("observation", "tracked"), *facts.get("picture", (64, 4)))
    folders.check_facts(folder, facts, task, folders.described(seen, acted))
    network = make_network(facts["algorithm"], facts["observation"], seen, acted, facts["settings"])
    folders.load_weights(folder, network)
    return LearnedPolicy(task, level, facts, network)
