"""How fast worlds answer: decisions and frames per second of an environment, and of the world inside it."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from benchmarks.episodes.workshop import Workshop
from benchmarks.results_io import Row

TASK = "Catch"
ROWS = (1, 64, 1024)  #: environments side by side
SECONDS = 4.0  #: spent on each figure, at least one step
MOST_CALLS = 40  #: within the length of an episode, beyond which a model need not imagine


def measure(workshop: Workshop, worlds: Sequence[str], console: Any, many: Sequence[int] = ROWS) -> list[Row]:
    """Rows `steps_per_s` of the environment (tracked and judged) and `frames_per_s` of the world alone."""
    from envs.vector import WorldVectorEnv

    task, rows = workshop.task(TASK), []
    for name in worlds:
        for batch in many:
            env = WorldVectorEnv(task, workshop.world(name, task), batch, autoreset_mode="SameStep")
            nothing = np.zeros((batch, task.template.action_size))
            for metric, step in (("frames_per_s", env.world.step), ("steps_per_s", env.step)):
                env.reset(seed=0)
                rate, n = _rate(partial(step, nothing), batch)
                where = {"task": TASK, "world": name, "batch": batch, "metric": metric}
                rows.append({**where, "value": rate, "low": None, "high": None, "n": n})
                console.print(f"{name}, {batch} rows: {rate:,.0f} {metric}")
    return rows


def _rate(call: Callable[[], Any], batch: int) -> tuple[float, int]:
    """Rows answered per second, and how many calls that is measured on."""
    call()
    began, calls = time.perf_counter(), 0
    while calls == 0 or (calls < MOST_CALLS and time.perf_counter() - began < SECONDS):
        call()
        calls += 1
    return batch * calls / (time.perf_counter() - began), calls
