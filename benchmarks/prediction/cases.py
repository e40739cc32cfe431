"""What predictions are made of: a learned model on one task and level, its errors and its real success."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks import results_io
from benchmarks.costing.open_loop import OpenLoop
from worldsim.metrics.types import TYPES

#: the typed errors that predict: few, and defined wherever bodies move and meet
TYPED = ("position", "velocity", "momentum", "impact_time", "permanence", "shape")
#: what a single number may be chosen from: whatever is measured, pictures too
SCALARS = (*(t for t in TYPES if "public" not in t), "position_error", "psnr", "ssim", "action_error")

Place = tuple[str, str]  #: task and level


@dataclass(frozen=True)
class Case:
    """A model on a task and level.

    `run` is the training run that it shares with others. `errors` by name are distances from the best value
    (what does not occur here is absent); they come from other starts than `solved`, real success by start of
    CEM planned in the model. `psnr` and `ssim` are those of the development starts. `parted` says by start at
    which frame the model's picture of the executed actions left the truth, None where it did not before the
    episode ended, after so many `frames`. `weights` is the hash of the model's folder, `config` that of the
    settings that it was planned with.
    """

    model: str
    run: str
    task: str
    level: str
    errors: dict[str, float]
    solved: dict[int, bool]
    psnr: list[float] = field(default_factory=list)
    ssim: list[float] = field(default_factory=list)
    parted: dict[int, int | None] = field(default_factory=dict)
    frames: dict[int, int] = field(default_factory=dict)
    weights: str = ""
    config: str = ""

    @property
    def place(self) -> Place:
        """Its task and level."""
        return self.task, self.level

    @property
    def rate(self) -> float:
        """Its success."""
        return sum(self.solved.values()) / len(self.solved)


def errors_of(found: OpenLoop) -> dict[str, float]:
    """Distances from the best value of everything in `SCALARS` that was measured (pictures as they are)."""
    measured = {name: found.value(name) for name in SCALARS}
    best = {name: kind.best for name, kind in TYPES.items()}
    return {name: abs(v - best.get(name, 0.0)) for name, v in measured.items() if v is not None}


def write(path: Path, cases: Sequence[Case]) -> None:
    """Keep cases for the stages after this one."""
    results_io.write_text(path, json.dumps([asdict(case) for case in cases]) + "\n")


def read(path: Path) -> list[Case]:
    """Cases that were kept, none where the file does not exist."""
    if not path.exists():
        return []
    found = []
    for data in json.loads(path.read_text()):
        for name in ("solved", "parted", "frames"):
            data[name] = {int(start): value for start, value in data[name].items()}
        found.append(Case(**data))
    return found
