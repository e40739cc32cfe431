"""Making a clip store: shards in parallel, each from its own keys, resumable at any time."""

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from itertools import islice
from pathlib import Path

import numpy as np

from worldsim import keys
from worldsim.clips.shards import SHARD_SIZE, Clips, ClipSpec, check_shard, shard_path, write_shard
from worldsim.engines import make_engine
from worldsim.engines.base import simulate
from worldsim.processes import SPAWN, follow_parent
from worldsim.scenarios import get_scenario, sample


def clip_keys(spec: ClipSpec, first: int, count: int) -> np.ndarray:
    """Keys [count] uint64 of clips `first`, `first` + 1, …: equal scenes in every engine."""
    numbers = np.arange(first, first + count, dtype=np.uint64)
    return keys.fold(numbers, "clips", spec.scenario, spec.level, spec.seed)


def simulate_shard(spec: ClipSpec, index: int, size: int = SHARD_SIZE) -> Clips:
    """Simulate the `size` clips of one shard. Raises ValueError for unknown names."""
    scenario, engine = get_scenario(spec.scenario), make_engine(spec.engine)
    row_keys = clip_keys(spec, index * SHARD_SIZE, size)
    scenes, rejected = sample(scenario, spec.level, row_keys)
    actions = scenario.actions(scenes, row_keys, spec.frames)
    return Clips(spec, index, scenes, simulate(engine, scenes, spec.frames, actions), actions, rejected)


def shard_sizes(clips: int) -> list[int]:
    """How many clips each shard of a store of `clips` clips holds."""
    return [min(SHARD_SIZE, clips - first) for first in range(0, clips, SHARD_SIZE)]


def check(spec: ClipSpec, clips: int) -> None:
    """Raise ValueError for a scenario, level, engine or number that does not exist, saying what does."""
    scenario = get_scenario(spec.scenario)
    if spec.level not in scenario.levels:
        raise ValueError(f"{spec.scenario} has no level {spec.level!r}; it has {', '.join(scenario.levels)}")
    make_engine(spec.engine)
    if clips < 1 or spec.frames < 2:
        raise ValueError(
            f"{clips} clips of {spec.frames} frames asked for; at least 1 clip of 2 frames is needed"
        )


def generate(folder: str | Path, spec: ClipSpec, clips: int, workers: int = 1) -> Iterator[int]:
    """Write the shards that a store of `clips` clips lacks; yields how many clips are there, again and again.

    Shards that exist are checked first and left alone, so an interrupted run goes on where it stopped. Raises
    ValueError for unknown names, and for shards that are damaged or belong to another run.
    """
    check(spec, clips)
    sizes = shard_sizes(clips)
    missing = []
    for index, size in enumerate(sizes):
        path = shard_path(folder, index)
        if path.exists():
            check_shard(path, spec, index, size)
        else:
            missing.append(index)
    done = clips - sum(sizes[i] for i in missing)
    yield done
    jobs = [(str(folder), spec, i, sizes[i]) for i in missing]
    for size in _run(jobs, min(workers, len(jobs))):
        done += size
        yield done


def _make(folder: str, spec: ClipSpec, index: int, size: int) -> int:
    write_shard(folder, simulate_shard(spec, index, size))
    return size


def _run(jobs: list[tuple[str, ClipSpec, int, int]], workers: int) -> Iterator[int]:
    if workers <= 1:
        for job in jobs:
            yield _make(*job)
        return
    queue = iter(jobs)
    with ProcessPoolExecutor(workers, SPAWN, follow_parent) as pool:
        # No more jobs are handed out than there are workers: an interruption waits for one shard each.
        running = {pool.submit(_make, *job) for job in islice(queue, workers)}
        while running:
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                running |= {pool.submit(_make, *job) for job in islice(queue, 1)}
                yield future.result()
