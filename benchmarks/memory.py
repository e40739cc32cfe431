"""`worldsim bench memory`: where the training data do not reach, does a model follow the law or a memory?

For every clip a rollout is compared with the truth and with the continuation of the nearest training clip
(the family `retrieval`): a model that has learned cases rather than laws is nearer to the latter.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import results_io
from benchmarks.laws import STREAM, Cell, make_model, scenarios_of
from benchmarks.results_io import Row

CONTEXT = 4  #: frames that are given


@dataclass
class Args:
    """The share of rollouts that are nearer to the nearest training clip than to the truth, by level."""

    models: tuple[str, ...] = ("table", "drop")
    """Shipped names or checkpoint folders; each is measured on the scenarios that its recipe trains on."""
    clips: int = 200
    """Clips of each scenario and level."""
    memory: int = 10_000
    """Training clips among which the nearest is sought."""
    out: Path = results_io.RESULTS / "memory.json"
    """Result file."""


def main(args: Args) -> None:
    """Measure, print and write."""
    from rich.console import Console
    from rich.table import Table

    from worldsim.scenarios import get_scenario

    rows: list[Row] = []
    table = Table("model", "scenario", "level", "nearer to a training clip than to the truth", "clips")
    for model in args.models:
        for scenario in scenarios_of(model):
            for level in get_scenario(scenario).levels:
                cell = Cell(model, scenario, level, args.clips, args.memory)
                for row in measure(cell):
                    rows.append(row)
                    share = f"{row['value']:.0%} [{row['low']:.0%}, {row['high']:.0%}]"
                    table.add_row(row["model"], scenario, level, share, f"{row['n']}")
    Console().print(table)
    results_io.write(args.out, results_io.meta("worldsim bench memory", 0), rows)


def measure(cell: Cell) -> Iterator[Row]:
    """The share of a cell's clips that are nearer to memory, with its interval."""
    from dataclasses import replace

    from benchmarks.statistics import proportion
    from worldsim.metrics.rollouts import make_clips, roll_out
    from worldsim.metrics.scoring import in_view
    from worldsim.scenarios import get_scenario
    from worldsim.tracking import Tracker, track_clip

    clips = make_clips(cell.scenario, cell.level, cell.clips, STREAM)
    tracker = Tracker(get_scenario(cell.scenario).template)

    def places(name: str) -> np.ndarray:
        model = make_model(replace(cell, model=name), clips)
        return track_clip(tracker, roll_out(model, clips), CONTEXT).position.numpy()

    mask = in_view(clips.states, clips.scenes).numpy()
    mask[:, :CONTEXT] = False
    nearer = nearer_to_memory(places(cell.model), places("retrieval"), clips.states[..., :2], mask)
    where = {"scenario": cell.scenario, "level": cell.level, "model": cell.name, "metric": "nearer_to_memory"}
    yield {**where, **proportion(nearer).row()}


def nearer_to_memory(
    predicted: np.ndarray, recalled: np.ndarray, true: np.ndarray, mask: np.ndarray
) -> np.ndarray:
    """[M] bool for the clips with scored frames: predicted places are on average nearer to recalled than to
    true ones; places [N, T, B, 2] m, `mask` [N, T, B]."""

    def distance(other: np.ndarray) -> np.ndarray:
        apart = np.linalg.norm(predicted - other, axis=-1)
        return (apart * mask).sum((1, 2)) / np.maximum(mask.sum((1, 2)), 1)

    scored = mask.any((1, 2))
    return (distance(recalled) < distance(true))[scored]
