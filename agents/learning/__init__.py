"""Reinforcement learning inside any world: Stable-Baselines3's PPO, SAC and TD3, and a PPO on the device."""

from agents.learning.configs import PPOConfig, SACConfig, TD3Config, config_for
from agents.learning.evaluation import Evaluate
from agents.learning.policy import LearnedPolicy, load
from agents.learning.run import Mix
from agents.learning.training import ALGORITHMS, train

__all__ = [
    "ALGORITHMS",
    "Evaluate",
    "LearnedPolicy",
    "Mix",
    "PPOConfig",
    "SACConfig",
    "TD3Config",
    "config_for",
    "load",
    "train",
]
