"""Settings of the learning algorithms, by Stable-Baselines3's names, and those that ship for each task."""

from dataclasses import dataclass, replace

from envs.base import Task

FRAMES_BUFFER = 10_000  #: transitions of stacked 64 px pictures kept at most: each takes 100 kB


@dataclass(frozen=True)
class PPOConfig:
    """Settings of Stable-Baselines3's PPO that differ from its defaults, by its names.

    `width` is that of the two hidden layers of policy and value; `checkpoints` are written in the course of a
    run; the learning rate falls linearly to zero where `anneal` is set; `shaping` is what a nearer miss is
    worth (see `envs.rollouts`).
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
    shaping: float = 0.0


@dataclass(frozen=True)
class OffPolicyConfig:
    """What SAC and TD3 share, by Stable-Baselines3's names.

    After each decision of all `n_envs` rows there are `gradient_steps`, once `learning_starts` decisions have
    been drawn at random. `width` is that of the two hidden layers of actor and critics. With `keep_replay`
    the finished folder keeps the replay buffer, and a run that starts from it takes the buffer over.
    """

    n_envs: int = 16
    learning_rate: float = 1e-3
    anneal: bool = True
    buffer_size: int = 50_000
    learning_starts: int = 1000
    batch_size: int = 256
    tau: float = 0.01
    gamma: float = 0.99
    gradient_steps: int = 4
    width: int = 256
    checkpoints: int = 10
    shaping: float = 0.0
    keep_replay: bool = False


@dataclass(frozen=True)
class SACConfig(OffPolicyConfig):
    """Soft actor-critic (Haarnoja et al. 2018); its entropy coefficient starts small, as rewards do."""

    ent_coef: str | float = "auto_0.1"


@dataclass(frozen=True)
class TD3Config(OffPolicyConfig):
    """Twin delayed DDPG (Fujimoto et al. 2018); `action_noise` explores, in shares of half the range."""

    policy_delay: int = 2
    action_noise: float = 0.2


Config = PPOConfig | SACConfig | TD3Config

DEFAULTS: dict[str, Config] = {
    "ppo": PPOConfig(),
    "ppo_resident": PPOConfig(),
    "sac": SACConfig(),
    "td3": TD3Config(),
}
_SHOT = PPOConfig(n_envs=64, n_steps=4, batch_size=64, learning_rate=3e-3, gamma=0.0, gae_lambda=1.0)
#: tasks of a single decision: nothing follows it, so nothing is discounted
ONE_SHOT: dict[str, Config] = {
    "ppo": _SHOT,
    "ppo_resident": replace(_SHOT, n_envs=256, n_steps=1),
    "sac": SACConfig(n_envs=32, learning_starts=512, gamma=0.0, gradient_steps=16),
    "td3": TD3Config(n_envs=32, learning_starts=512, gamma=0.0, gradient_steps=16),
}
CONFIGS: dict[tuple[str, str], Config] = {
    ("ppo", "Catch"): PPOConfig(n_envs=64, n_steps=8, learning_rate=2e-3),
    ("ppo_resident", "Catch"): PPOConfig(n_envs=64, n_steps=8, learning_rate=2e-3),
    # small steps at first, so that loads are not let go of at once
    ("ppo", "Drop"): PPOConfig(n_envs=64, n_steps=24, batch_size=512, learning_rate=2e-3, log_std_init=-1.0),
}


def config_for(algo: str, task: Task, observation: str = "tracked") -> Config:
    """The settings that ship: the task's own, those of one-shot tasks, or the algorithm's.

    Replay buffers of pictures are cut to what fits into memory.
    """
    general = ONE_SHOT if task.stride >= task.frames else DEFAULTS
    config = CONFIGS.get((algo, task.name), general[algo])
    if observation == "frames" and isinstance(config, OffPolicyConfig):
        return replace(config, buffer_size=min(config.buffer_size, FRAMES_BUFFER))
    return config
