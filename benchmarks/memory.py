"""`worldsim bench memory`: where the training data do not reach, does a model follow the law or a memory?

For every clip a rollout is compared with the truth and with the continuation of the nearest training clip
(the family `retrieval`): a model that has learned cases rather than laws is nearer to the latter.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import results_io
from benchmarks.laws import STREAM, Cell, make_model, trained_on
from benchmarks.results_io import Row

CONTEXT = 4  #: frames that are given


@dataclass
class Args:
    """Rollouts nearer to the nearest training clip than to the truth, and balls turned round, by level."""

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
    table = Table("model", "scenario", "level", "metric", "value", "clips")
    for model in args.models:
        for scenario in trained_on(model):
            for level in get_scenario(scenario).levels:
                for row in measure(Cell(model, scenario, level, args.clips, args.memory)):
                    rows.append(row)
                    value = f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
                    table.add_row(row["model"], scenario, level, row["metric"], value, f"{row['n']}")
    Console().print(table)
    results_io.write(args.out, results_io.meta("worldsim bench memory", 0), rows)


def measure(cell: Cell) -> Iterator[Row]:
    """Of a cell's clips, the share nearer to memory and that of single balls turned round; velocity error."""
    from dataclasses import replace

    from benchmarks.statistics import mean, proportion
    from worldsim.metrics.rollouts import make_clips, roll_out, score
    from worldsim.metrics.scoring import in_view
    from worldsim.scenarios import get_scenario
    from worldsim.tracking import Tracker, track_clip

    clips = make_clips(cell.scenario, cell.level, cell.clips, STREAM)
    tracker = Tracker(get_scenario(cell.scenario).template)
    predicted, recalled = (
        roll_out(make_model(replace(cell, model=name)), clips) for name in (cell.model, "retrieval")
    )
    mine, theirs = (track_clip(tracker, f, CONTEXT).position.numpy() for f in (predicted, recalled))
    mask = in_view(clips.states, clips.scenes).numpy()
    mask[:, :CONTEXT] = False
    where = {"scenario": cell.scenario, "level": cell.level, "model": cell.name}
    nearer = nearer_to_memory(mine, theirs, clips.states[..., :2], mask)
    yield {**where, "metric": "nearer_to_memory", **proportion(nearer).row()}
    errors = score(clips, predicted, CONTEXT).velocity_error
    yield {**where, "metric": "velocity_error", **mean(errors.value[errors.count > 0].numpy()).row()}
    if clips.states.shape[2] == 1:
        yield {**where, "metric": "reversed", **proportion(reversals(mine, clips.states[..., :2])).row()}


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


def reversals(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """[N] bool: over all predicted frames, a ball moves against its true way; places [N, T, 1, 2] m."""
    way, truth = (places[:, -1, 0, 0] - places[:, CONTEXT - 1, 0, 0] for places in (predicted, true))
    return way * truth < 0
