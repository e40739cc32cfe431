"""`worldsim bench pictures`: what the tracker adds to every error, and how fast rendering and tracking are.

The floor is the error of tracking ground-truth video (rounded to 256 levels) at every scenario and level.
Speed is frames per second of processor time on one core (`..._per_core_s`, so that other work on the machine
does not count), and by the clock on all cores at once (`..._per_s`). False alarms are body-frames of the
truth that the tracker takes for lost or duplicated, in view or not.
"""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks import statistics
from benchmarks.results_io import RESULTS, Row, command, meta, write
from worldsim import keys as key
from worldsim.engines import make_engine, simulate
from worldsim.metrics import in_view, permanence, position_errors, scoring_mask, velocity_error
from worldsim.metrics import velocity_error_public as public_error
from worldsim.rendering import Looks, quantise, render
from worldsim.scenarios import BASIC, SCENARIOS, Scenario, sample
from worldsim.scenes import Scene
from worldsim.tracking import DUPLICATED, LOST, VISIBLE, Tracker, track_clip

FIRST = 10_000  #: first of the start ids that reported figures use
BATCH = 512  #: frames rendered or tracked at a time
TIMED = ("collision", "catch")  #: two balls; floor, basket and ball
LIMITS = {  # what the tracker promises, m/s
    ("uniform", 64): 0.010,
    ("collision", 64): 0.010,
    ("parabola", 64): 0.016,
    ("uniform", 128): 0.0035,
    ("collision", 128): 0.0035,
    ("parabola", 128): 0.0055,
}


@dataclass
class Args:
    """Measure the tracker's floor and the speed of rendering and tracking."""

    clips: int = 200
    """clips of each scenario and level"""
    seconds: float = 2.0
    """how long each speed is measured"""
    resolutions: tuple[int, ...] = (64, 128)
    """sides of the frames, pixels"""
    seed: int = 0
    """of the scenes"""
    out: Path = RESULTS / "pictures.json"
    """where the result goes"""


def main(args: Args) -> None:
    """Measure, write the result file and show two tables."""
    threads = torch.get_num_threads()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None  # busy machines are slow by the clock
    torch.set_num_threads(1)
    try:
        floors = [
            row for scenario in BASIC for level in scenario.levels for row in floor(scenario, level, args)
        ]
        speeds = [row for name in TIMED for size in args.resolutions for row in speed(name, size, args)]
    finally:
        torch.set_num_threads(threads)
    told = meta(command("bench pictures", args), args.seed, load_before=load)
    write(args.out, told, floors + speeds)
    Console().print(floor_table(floors), speed_table(speeds))


def drawn(scenario: Scenario, level: str, clips: int, seed: int) -> tuple[list[Scene], Tensor]:
    """Scenes, and their true states [N, T, B, 6] in closed form under exploratory actions."""
    keys = key.fold(np.arange(FIRST, FIRST + clips), "bench pictures", seed)
    scenes, _ = sample(scenario, level, keys)
    actions = scenario.actions(scenes, keys, scenario.frames)
    return scenes, torch.tensor(simulate(make_engine("analytic"), scenes, scenario.frames, actions).states)


def floor(scenario: Scenario, level: str, args: Args) -> Iterator[Row]:
    """The rows of one scenario and level: errors of tracked ground truth at each resolution."""
    scenes, truth = drawn(scenario, level, args.clips, args.seed)
    mask = scoring_mask(truth, scenes, after_impact=scenario.name in ("collision", "oblique"))
    inside = in_view(truth, scenes)
    for size in args.resolutions:
        tracker, values = Tracker(scenario.template, size), []
        for i in range(0, len(scenes), 20):  # a few clips at a time: frames are large
            part, looks = truth[i : i + 20], Looks.of(scenes[i : i + 20])
            track = track_clip(tracker, quantise(render(part, looks, size)))
            scored, shown = mask[i : i + 20], (track.status == VISIBLE)[:, :, tracker.moving]
            far = position_errors(track, part)[:, :, tracker.moving]
            values.append(
                (
                    velocity_error(track, part, scored).value,
                    public_error(track, part, scored).value,
                    permanence(track, inside[i : i + 20]).value,
                    torch.where(shown, far, 0.0).flatten(1).amax(1),
                    ((track.status == LOST) | (track.status == DUPLICATED)).flatten(1).sum(1),
                )
            )
        error, public, kept, gap, false = (torch.cat(v).numpy() for v in zip(*values))
        same = {"scenario": scenario.name, "level": level, "size": size}
        for metric, clips in (
            ("velocity_error", error),
            ("velocity_error_public", public),
            ("permanence", kept),
        ):
            clips = clips[~np.isnan(clips)]
            if len(clips):
                estimate = statistics.mean(clips)
                yield {**same, "metric": metric, **estimate.row()}
        yield {**same, "metric": "position_error_max", "value": float(gap.max()), "n": len(gap)}
        yield {**same, "metric": "false_alarms", "value": int(false.sum()), "n": int(truth[..., 0].numel())}


def speed(name: str, size: int, args: Args) -> Iterator[Row]:
    """The rows of one scenario and resolution: frames per second of rendering and of tracking."""
    scenario = SCENARIOS[name]
    frames = scenario.frames
    scenes, truth = drawn(scenario, "id", -(-BATCH // frames), args.seed)
    states = truth.flatten(0, 1)[:BATCH].float()
    looks = Looks.of(scenes).select(torch.arange(len(scenes)).repeat_interleave(frames)[:BATCH])
    tracker = Tracker(scenario.template, size)
    clips = quantise(render(states, looks, size))
    pairs = torch.arange(1, BATCH)
    track = tracker.begin(clips[pairs - 1][:, None])
    after = clips[pairs]
    tasks: dict[str, Callable[[], object]] = {
        "render": lambda: render(states, looks, size),
        "track": lambda: tracker.update(track, after),
    }
    for verb, task in tasks.items():
        same = {"scenario": name, "size": size, "batch": BATCH}
        rate, runs = per_core(task, args.seconds)
        yield {**same, "metric": f"{verb}_frames_per_core_s", "value": rate, "n": runs}
        rate, runs = on_all_cores(task, args.seconds)
        yield {**same, "metric": f"{verb}_frames_per_s", "value": rate, "n": runs}


def per_core(task: Callable[[], object], seconds: float) -> tuple[float, int]:
    """Frames per second of processor time, and how often the task ran."""
    task()
    begin, runs = time.process_time(), 0
    while time.process_time() - begin < seconds:
        task()
        runs += 1
    return runs * BATCH / (time.process_time() - begin), runs


def on_all_cores(task: Callable[[], object], seconds: float) -> tuple[float, int]:
    """Frames per second by the clock, one thread on each core, and how often the task ran."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    begin = time.perf_counter()

    def work(_: int) -> int:
        torch.set_num_threads(1)
        runs = 0
        while time.perf_counter() - begin < seconds:
            task()
            runs += 1
        return runs

    with ThreadPoolExecutor(cores) as pool:
        runs = sum(pool.map(work, range(cores)))
    return runs * BATCH / (time.perf_counter() - begin), runs


def floor_table(rows: list[Row]) -> Table:
    """Errors for people; figures beyond the tracker's promise are red."""
    shown = Table(
        *(
            "scenario",
            "level",
            "pixels",
            "velocity, m/s",
            "public code's",
            "permanence",
            "position max, m",
            "false alarms",
        ),
        title="tracking ground-truth video",
    )
    lines: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        where = (row["scenario"], row["level"], str(row["size"]))
        most = LIMITS.get((row["scenario"], row["size"])) if row["level"] == "id" else None
        value = f"{row['value']:d}" if row["metric"] == "false_alarms" else f"{row['value']:.4f}"
        if row["metric"] == "velocity_error" and most is not None and row["value"] > most:
            value = f"[red]{value} > {most:g}[/red]"
        lines.setdefault(where, []).append(value)
    for place, values in lines.items():
        shown.add_row(*place, *values)
    return shown


def speed_table(rows: list[Row]) -> Table:
    """Speeds for people."""
    shown = Table("scenario", "pixels", "what", "frames/s", title=f"speed, {BATCH} frames at a time")
    for row in rows:
        shown.add_row(row["scenario"], str(row["size"]), row["metric"], f"{row['value']:.0f}")
    return shown
