"""How fast learners learn: decisions per second of training, updates included, by learner and world."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from agents.learning import train
from agents.learning.configs import config_for
from agents.learning.run import decisions_per_rollout
from benchmarks.episodes.workshop import Workshop
from benchmarks.learned.worlds import TASK
from benchmarks.results_io import Row

POLICIES = ("ppo", "ppo_resident")  #: by Stable-Baselines3, and on the world's own device
ROLLOUTS = 24  #: of which the first one is not timed


def measure(workshop: Workshop, worlds: Sequence[str], console: Any, rollouts: int = ROLLOUTS) -> list[Row]:
    """Rows `steps_per_s` of each learner in each world; `batch` is how many episodes it plays side by side.

    A decision of a row that waits for its next episode counts, as it does in a learner's budget.
    """
    rows = []
    for world in worlds:
        for policy in POLICIES:
            batch, rate = _rate(workshop, policy, world, rollouts)
            where = {"task": TASK, "policy": policy, "prepared_in": world, "world": world, "batch": batch}
            value = {"value": rate, "low": None, "high": None, "n": rollouts - 1}
            rows.append({**where, "metric": "steps_per_s", **value})
            console.print(f"{policy} in {world}, {batch} rows: {rate:,.0f} steps_per_s")
    return rows


def _rate(workshop: Workshop, policy: str, world: str, rollouts: int) -> tuple[int, float]:
    """Rows side by side, and decisions per second from the end of the first rollout to that of the last."""
    task = workshop.task(TASK)
    config: Any = replace(config_for(policy, task), checkpoints=1)  # the only one is the finished policy
    frames = rollouts * decisions_per_rollout(policy, task, config) * task.stride
    told: list[tuple[int, float]] = []

    def note(done: int, solved: float) -> None:
        told.append((done, time.perf_counter()))

    with tempfile.TemporaryDirectory() as folder:
        train(task, workshop.world(world, task), frames, 0, folder, config, note, algo=policy)
    (first, began), (last, ended) = told[0], told[-1]
    return config.n_envs, (last - first) / task.stride / (ended - began)
