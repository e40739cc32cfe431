"""`train`: any algorithm, in any world, on the tracked vector or on frames; resumable."""

from pathlib import Path
from typing import Any

from agents.learning import baselines, folders, resident
from agents.learning.configs import DEFAULTS, Config, PPOConfig, SACConfig, TD3Config, config_for
from agents.learning.evaluation import Evaluate
from agents.learning.policy import LearnedPolicy, load
from agents.learning.run import Mix, Report, Run, decisions_per_rollout
from envs.base import Task
from worldsim.worlds import World, make_world

#: the settings of each algorithm, and what trains with them
ALGORITHMS: dict[str, tuple[type, Any]] = {
    "ppo": (PPOConfig, baselines.learn),
    "ppo_resident": (PPOConfig, resident.learn),
    "sac": (SACConfig, baselines.learn),
    "td3": (TD3Config, baselines.learn),
}


def train(
    task: Task,
    world: "str | World",
    frames: int,
    seed: int,
    folder: str | Path,
    config: Config | None = None,
    report: Report | None = None,
    algo: str = "ppo",
    observation: str = "tracked",
    evaluate: Evaluate | None = None,
    start_from: str | Path | None = None,
    mix: Mix | None = None,
) -> LearnedPolicy:
    """Train for at most `frames` frames of the world, or go on where an interrupted run stopped.

    A finished run is not repeated: its policy is returned. An interrupted one may be given another number of
    frames. Starts and noise are drawn anew from each checkpoint on. For SAC, TD3 and the resident PPO the
    uninterrupted run does the same at its checkpoints, with the replay buffer kept, so that a resumed run
    ends with the same weights; a resumed PPO is repeatable, but differs from the uninterrupted one in its
    draws and in the episodes that were cut off.

    Parameters
    ----------
    world
        Where: a name or a World; `mix` adds a second one for some of the rows.
    frames
        Budget over all rows and worlds.
    algo, observation
        One of `ALGORITHMS`; "tracked" or "frames".
    config
        By default `config_for(algo, task, observation)`.
    report
        Told frames and recent success after each rollout.
    evaluate
        How the learning curve is recorded, None for no curve. Training does not depend on it.
    start_from
        Folder of a finished policy whose weights this run starts from.

    Raises ValueError where the folder holds a run with other settings, where `frames` do not suffice for one
    rollout, for unknown names, and where the policy to start from does not fit.
    """
    if algo not in ALGORITHMS:
        raise ValueError(f"unknown algorithm {algo!r}; choose one of {', '.join(ALGORITHMS)}")
    kind, learn = ALGORITHMS[algo]
    config = config or config_for(algo, task, observation)
    if type(config) is not kind:
        raise ValueError(
            f"{algo} takes a {kind.__name__}, not a {type(config).__name__}; the default is {DEFAULTS[algo]}"
        )
    rollout = decisions_per_rollout(algo, task, config)
    total = frames // (task.stride * rollout) * rollout
    if total == 0:
        raise ValueError(
            f"{frames} frames are too few: one rollout on {task.name} takes {task.stride * rollout}"
        )
    world = make_world(world, task.template)
    start = None if start_from is None else Path(start_from)
    folder = Path(folder)
    run = Run(task, world, total, seed, folder, algo, observation, config, report, evaluate, start, mix)
    if not folders.finished(folder, run.facts):
        if algo == "ppo_resident" and mix is not None:
            raise ValueError("ppo_resident learns in one world; take ppo, sac or td3 for a mixture")
        folders.write_facts(folder, run.facts)
        learn(run)
    return load(folder, task)
