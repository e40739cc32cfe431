"""`worldsim bench clips`: simulated and stored clips per second of one process."""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.results_io import RESULTS, Row, command, meta, write
from worldsim.clips import ClipSpec, simulate_shard, write_shard
from worldsim.scenarios import SCENARIOS


@dataclass
class Args:
    """Measure how fast one process samples, simulates and writes clips."""

    scenarios: tuple[str, ...] = ("uniform", "collision", "oblique", "launch", "parabola", "drop", "catch")
    """scenarios to measure"""
    engines: tuple[str, ...] = ("analytic", "box2d", "mujoco")
    """engines to measure"""
    clips: int = 1000
    """clips of each measurement"""
    repeats: int = 3
    """the median of this many measurements is reported, with the smallest and the largest"""
    seed: int = 0
    """of the scenes"""
    out: Path = RESULTS / "clips.json"
    """where the result goes"""


def main(args: Args) -> None:
    """Measure, write the result file and show a table."""
    rows = [
        measure(ClipSpec(name, "id", engine, SCENARIOS[name].frames, args.seed), args.clips, args.repeats)
        for name in args.scenarios
        for engine in args.engines
    ]
    write(args.out, meta(command("bench clips", args), args.seed), rows)
    table = Table(
        "scenario", "engine", "clips/s", "range", title="sampled, simulated and written by one process"
    )
    for row in rows:
        span = f"{row['low']:.0f}-{row['high']:.0f}"
        table.add_row(row["scenario"], row["world"], f"{row['value']:.0f}", span)
    Console().print(table)


def measure(spec: ClipSpec, clips: int, repeats: int) -> Row:
    """Clips per second by the clock: drawing scenes and actions, simulating, writing; a result row."""
    simulate_shard(spec, 0, 10)  # imports and caches
    rates = []
    for index in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            begin = time.perf_counter()
            write_shard(folder, simulate_shard(spec, index, clips))
            rates.append(clips / (time.perf_counter() - begin))
    rates.sort()
    key = {"scenario": spec.scenario, "world": spec.engine, "level": spec.level, "clips": clips}
    values = {"value": rates[len(rates) // 2], "low": rates[0], "high": rates[-1], "n": repeats}
    return {**key, "metric": "clips_per_s", **values}
