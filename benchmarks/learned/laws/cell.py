"""One model at one level of one scenario, measured."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import results_io
from benchmarks.learned import studies
from benchmarks.learned.laws.models import called, make_memory
from benchmarks.results_io import Row

if TYPE_CHECKING:
    from worldsim.metrics.rollouts import Clips, RolloutScores
    from worldsim.models import WorldModel

NULLS = ("tracker", "inertia", "retrieval")  #: no model of their own stands behind these names
PIXELS = 64  #: side of the pictures that world models are measured on
STREAM = "laws"  #: names the clips: neither trained on nor used for choosing checkpoints
FRAMES = (7, 15, 23, 31)  #: of which the position error is reported
METRICS = {
    "uniform": ("velocity_error", "velocity_error_public", "permanence", "momentum_drift", "energy_drift"),
    "collision": ("velocity_error", "velocity_error_public", "permanence", "momentum_drift", "energy_drift"),
    "parabola": ("velocity_error", "velocity_error_public", "permanence", "energy_drift"),
}


@dataclass(frozen=True)
class Cell:
    """One model at one level of one scenario."""

    model: str
    scenario: str
    level: str
    clips: int
    memory: int
    autoencoder: bool = False
    pixels: int = PIXELS

    @property
    def name(self) -> str:
        """How the model is called in rows."""
        if self.model not in NULLS and not self.autoencoder:
            return called(self.model)
        name = "autoencoder" if self.autoencoder else self.model
        return name if self.pixels == PIXELS else f"{name} {self.pixels} px"

    def file(self, work: Path) -> Path:
        """Where this cell's result lies; other weights or numbers have another file."""
        from benchmarks.episodes.records import file_hash, text_hash
        from worldsim.models import checkpoint_folder

        weights = "" if self.model in NULLS else file_hash(checkpoint_folder(self.model))
        settings = text_hash(self.clips, self.memory * (self.model == "retrieval"), weights)
        return work / f"{self.name.replace(' ', '')}-{self.scenario}-{self.level}-{settings}.json"


def measure(cell: Cell, work: Path) -> None:
    """Measure one cell and write its rows and, in the meta, radius, speed and error of each clip."""
    import torch

    from worldsim.metrics import rollouts
    from worldsim.models.autoencoder import load_autoencoder

    torch.set_num_threads(1)
    clips = rollouts.make_clips(cell.scenario, cell.level, cell.clips, STREAM)
    after_impact = studies.after_impact(cell.scenario)
    if cell.model == "tracker":
        scores = rollouts.score_batches(
            clips, lambda some, _: rollouts.truth(some, cell.pixels), 4, after_impact
        )
    elif cell.autoencoder:
        floor = load_autoencoder(cell.model)
        scores = rollouts.score_batches(
            clips, lambda some, _: rollouts.reconstruct(floor, some), 4, after_impact
        )
    else:
        scores = rollouts.evaluate(make_model(cell), clips, after_impact)
    meta = results_io.meta("worldsim bench laws", 0, clips=list(_clips(cell, clips, scores)))
    results_io.write(cell.file(work), meta, _rows(cell, scores))


def make_model(cell: Cell) -> "WorldModel":
    """The model of a cell."""
    from worldsim.models import load_model
    from worldsim.models.physics import PhysicsModel

    if cell.model == "inertia":
        return PhysicsModel("inertia", cell.scenario)
    return make_memory(cell.scenario, cell.memory) if cell.model == "retrieval" else load_model(cell.model)


def _rows(cell: Cell, scores: "RolloutScores") -> Iterator[Row]:
    from benchmarks.statistics import mean

    where = {"scenario": cell.scenario, "level": cell.level, "model": cell.name}
    for metric in METRICS[cell.scenario]:
        scored = getattr(scores, metric)
        values = scored.value[scored.count > 0].numpy()
        if len(values):
            yield {**where, "metric": metric, **mean(values).row()}
        frames = int(scored.count.sum())
        yield {
            **where,
            "metric": f"{metric}_frames",
            "value": frames,
            "low": None,
            "high": None,
            "n": len(values),
        }
    for frame in FRAMES:
        away = scores.position_error_at(frame).numpy()
        if len(away):
            yield {**where, "metric": "position_error", "frame": frame, **mean(away).row()}


def _clips(cell: Cell, clips: "Clips", scores: "RolloutScores") -> Iterator[dict[str, Any]]:
    """Largest deviation counts: the radius and speed of the body that is furthest from the training range."""
    for scene, value, count in zip(clips.scenes, scores.velocity_error.value, scores.velocity_error.count):
        if count:
            radius, speed = max(
                ((b.radius, float(np.hypot(*b.velocity))) for b in scene.bodies if b.motion == "dynamic"),
                key=lambda body: abs(body[0] - 1.1) / 0.4 + abs(body[1] - 2.5) / 1.5,
            )
            yield {
                "model": cell.name,
                "scenario": cell.scenario,
                "radius": round(radius, 4),
                "speed": round(speed, 4),
                "error": round(float(value), 4),
            }
