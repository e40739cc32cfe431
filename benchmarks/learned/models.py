"""`worldsim bench models`: physics error, permanence and speed of world models."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import results_io

if TYPE_CHECKING:
    from worldsim.metrics.rollouts import RolloutScores

SCENARIOS: dict[str, dict[str, tuple[str, ...]]] = {  #: and their levels, by the world of a model
    "table": {
        "uniform": ("id", "size", "speed", "both"),
        "collision": ("id", "size1", "speed1", "size", "speed", "size1speed1", "both"),
        "oblique": ("id", "size", "speed", "both"),
        "launch": ("id",),
    },
    "drop": {
        "parabola": ("id", "size", "speed", "both"),
        "drop": ("id", "size", "speed", "both"),
        "catch": ("id",),
    },
}
STAGED = (
    "triple",
    "cushion",
    "screen",
    "passing",
    "push",
    "roll",
    "carriage",
    "carriage_wall",
)  #: measured in distribution alone
STREAM = "test"  #: clips that no training or tuning has seen
FRAMES = (7, 15, 23, 31)  #: of which the position error is reported


@dataclass
class Args:
    """Measure world models on fresh clips, each rolled out from its context frames to its scenario's end."""

    models: tuple[str, ...] = ("table", "drop")
    """Shipped names or checkpoint folders."""
    clips: int = 100
    """Clips of each scenario and level; twice as many at the level id."""
    speed: bool = True
    """Measure frames per second at batch 1 and 64 too."""
    out: Path = results_io.RESULTS / "models.json"
    """Result file."""


def main(args: Args) -> None:
    """Entry point of the verb."""
    from rich.console import Console
    from rich.table import Table

    from benchmarks.reports.tables import interval

    console = Console()
    rows = []
    table = Table("model", "scenario", "level", "velocity error, m/s", "permanence", f"frame {FRAMES[-1]}, m")
    for model in args.models:
        for found in measure(model, args.clips):
            rows += found
            cell = {(r["metric"], r.get("frame")): r for r in found}
            speed, kept = cell["velocity_error", None], cell["permanence", None]
            away = cell.get(("position_error", FRAMES[-1]))
            table.add_row(
                speed["model"],
                speed["scenario"],
                speed["level"],
                f"{speed['value']:.3f} {interval(speed, 3)}",
                f"{kept['value']:.4f}",
                f"{away['value']:.2f}" if away else "nothing in view",
            )
        if args.speed:
            rows += (speeds := throughput(model))
            console.print(model, {r["batch"]: f"{r['value']:.0f} frames/s" for r in speeds})
    console.print(table)
    results_io.write(args.out, results_io.meta(results_io.command("bench models", args), 0), rows)


def measure(model: str, clips: int) -> Iterator[list[results_io.Row]]:
    """Result rows of one model: a list for each scenario and level, as they are measured."""
    from worldsim.metrics.rollouts import evaluate, make_clips
    from worldsim.models import load_model

    world = load_model(model)
    for scenario, levels in scenarios_of(model, world.action_size).items():
        for level in levels:
            some = make_clips(scenario, level, 2 * clips if level == "id" else clips, STREAM)
            yield list(_rows(results_io.model_name(model), scenario, level, evaluate(world, some)))


def scenarios_of(model: str, action_size: int) -> dict[str, tuple[str, ...]]:
    """Scenarios and levels on which a model is measured: those that it was taught. Where nothing tells them,
    the size of its actions decides."""
    from worldsim.models import taught

    if not (known := taught(model)):
        return SCENARIOS["drop" if action_size == 1 else "table"]
    asked = SCENARIOS["table"] | SCENARIOS["drop"] | dict.fromkeys(STAGED, ("id",))
    return {name: levels for name, levels in asked.items() if name in known}


def _rows(model: str, scenario: str, level: str, scores: "RolloutScores") -> Iterator[results_io.Row]:
    from benchmarks.statistics import mean

    where = {"world": "learned", "model": model, "scenario": scenario, "level": level}
    for metric in ("velocity_error", "velocity_error_public", "permanence"):
        scored = getattr(scores, metric)
        value = scored.value[scored.count > 0].numpy()
        if len(value):
            yield {**where, "metric": metric, **mean(value).row()}
    for frame in FRAMES:
        away = scores.position_error_at(frame).numpy()
        if len(away):
            yield {**where, "metric": "position_error", "frame": frame, **mean(away).row()}


def throughput(model: str, seconds: float = 4.0) -> list[results_io.Row]:
    """Imagined frames per second at batch 1 and 64, on all cores."""
    import numpy as np
    import torch

    from worldsim.models import load_model

    world = load_model(model)
    rows = []
    for batch in (1, 64):
        frames = torch.ones(batch, world.context_frames, 3, world.resolution, world.resolution)
        state = world.init(
            frames,
            torch.zeros(batch, world.context_frames - 1, world.action_size),
            np.arange(batch, dtype=np.uint64),
        )
        actions = torch.zeros(batch, 1, world.action_size)
        for _ in range(3):
            state, _ = world.step(state, actions)
        steps, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            state, _ = world.step(state, actions)
            steps += 1
        rate = steps * batch / (time.perf_counter() - began)
        where = {"world": "learned", "model": results_io.model_name(model), "batch": batch}
        rows.append({**where, "metric": "frames_per_s", "value": rate, "low": None, "high": None, "n": steps})
    return rows
