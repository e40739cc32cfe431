"""`worldsim bench throughput`: how fast each family imagines, with how much memory, and what sharing saves.

Speed does not depend on what was learned, so models are measured untrained, each in a process of its own.
"""

import resource
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import results_io
from benchmarks.results_io import Row

SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {  #: family and settings by the name in rows
    "convolutional": ("convolutional", {}),
    "direct": ("direct", {}),
    "motion": ("motion", {}),
    "clip tiny": ("clip", {"size": "tiny"}),
    "causal tiny": ("causal", {"size": "tiny"}),
    "clip S": ("clip", {"size": "S"}),
    "causal S": ("causal", {"size": "S"}),
}


@dataclass
class Args:
    """Imagined frames per second, peak memory and cost of a planner's decision, by family and batch."""

    models: tuple[str, ...] = ("convolutional", "direct", "motion", "clip tiny", "causal tiny")
    """Names of families and sizes; "clip S" and "causal S" too, for a GPU."""
    batches: tuple[int, ...] = (1, 64, 1024)
    """Rows side by side."""
    seconds: float = 4.0
    """Time spent on each figure, at least one call."""
    out: Path = results_io.RESULTS / "throughput.json"
    """Result file."""


def main(args: Args) -> None:
    """Measure and print; nothing else should run on the machine."""
    from rich.console import Console
    from rich.table import Table

    from worldsim.processes import SPAWN, follow_parent

    if unknown := set(args.models) - set(SETTINGS):
        raise ValueError(f"unknown models {sorted(unknown)}; there are {', '.join(SETTINGS)}")
    rows: list[Row] = []
    table = Table("model", "batch", "metric", "value")
    cells = [(name, batch) for name in args.models for batch in args.batches]
    with ProcessPoolExecutor(1, SPAWN, follow_parent, max_tasks_per_child=1) as pool:
        for found in pool.map(measure, *zip(*cells), [args.seconds] * len(cells)):
            rows += found
            for row in found:
                table.add_row(row["model"], f"{row['batch']}", row["metric"], f"{row['value']:.4g}")
    Console().print(table)
    results_io.write(args.out, results_io.meta("worldsim bench throughput", 0), rows)


def measure(name: str, batch: int, seconds: float) -> list[Row]:
    """Rows of one model at one batch size."""
    where = {"world": "learned", "model": name, "batch": batch}
    return [{**where, **row, "low": None, "high": None} for row in _rows(name, batch, seconds)]


def _rows(name: str, batch: int, seconds: float) -> Iterator[Row]:
    import numpy as np
    import torch

    from agents.planners import config_for
    from envs.tasks import TASKS, make_task
    from worldsim.models import family

    kind, settings = SETTINGS[name]
    model = family(kind)(**settings).eval()
    if torch.cuda.is_available():
        model = model.cuda()
    device = next(model.parameters()).device
    many = getattr(model, "frames_per_call", 1)
    keys = np.arange(batch, dtype=np.uint64)
    actions = torch.zeros(batch, many, model.action_size, device=device)

    def begin(rows: int, frames: int = model.context_frames) -> Any:
        context = torch.ones(rows, frames, 3, model.resolution, model.resolution, device=device)
        past = torch.zeros(rows, frames - 1, model.action_size, device=device)
        return model.init(context, past, keys[:rows])

    state = begin(batch)
    each, calls = _time(lambda: model.step(state, actions), seconds, device)
    rate = batch * many / each
    yield {"metric": "frames_per_s", "value": rate, "n": calls}
    for task in TASKS:
        config = config_for("cem", make_task(task))
        frames = sum(config.candidates) * min(config.horizon, make_task(task).frames)
        yield {"task": task, "metric": "seconds_per_decision", "value": frames / rate, "n": calls}
    if batch > 1:
        alone, calls = _time(lambda: begin(batch), seconds, device)
        shared, _ = _time(lambda: begin(1).repeat(batch), seconds, device)
        yield {"metric": "shared_context_speedup", "value": alone / shared, "n": calls}
    if kind == "causal":
        model.context_frames, remembered = model.window, model.context_frames
        anew, calls = _time(lambda: model.step(begin(batch, model.window), actions), seconds, device)
        model.context_frames = remembered
        yield {"metric": "memory_speedup", "value": anew / each, "n": calls}
    yield {"metric": "peak_memory_mib", "value": _peak(device), "n": 1}


def _time(task: Any, seconds: float, device: Any) -> tuple[float, int]:
    """Mean seconds of a task, and how often it ran."""
    import torch

    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize()

    task()
    wait()
    began, calls = time.perf_counter(), 0
    while calls == 0 or time.perf_counter() - began < seconds:
        task()
        wait()
        calls += 1
    return (time.perf_counter() - began) / calls, calls


def _peak(device: Any) -> float:
    """Most memory of the process so far, on a GPU of its tensors, MiB."""
    import torch

    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
