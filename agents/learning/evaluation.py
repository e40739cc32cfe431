"""The learning curve: while it is trained, a policy is played where it learns and in ground truth."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.base import Policy
from agents.learning.folders import CURVE, replace_text
from envs.base import Task
from envs.draws import reserved
from envs.episodes import run_episodes
from envs.vector import WorldVectorEnv
from worldsim.worlds import World

ROWS = 50  #: episodes side by side


@dataclass(frozen=True)
class Evaluate:
    """Every `every` frames play `starts` fixed starts in the world of training and in the engine `real`.

    Raises ValueError for more starts than are kept out of what training draws.
    """

    every: int
    starts: int = 50
    real: str = "box2d"

    def __post_init__(self) -> None:
        reserved(self.starts)


class Curve:
    """Appends one row to `curve.jsonl` for each evaluation.

    A row has `frames` (of training, in all worlds), `real_frames` (those that `real_in` answered, for the
    policy that it started from too), `imagined_success` and `real_success` of `n` starts, and the worlds
    `imagined_in` and `real_in`. The starts are the last development ones, of which training draws none.
    Nothing is drawn by chance, so training goes on as if nobody had watched.

    Parameters
    ----------
    world
        The world of training, begun; evaluations play in a fork of it.
    spent
        Frames of `evaluate.real` that went into the policy from which training starts.
    share
        Share of the rows of training that `evaluate.real` answers.
    """

    def __init__(
        self, folder: Path, task: Task, world: World, evaluate: Evaluate, spent: int, share: float
    ) -> None:
        self.path, self.task, self.world, self.evaluate = folder / CURVE, task, world, evaluate
        self._spent, self._share = spent, share
        self._last = -1
        self._environments: list[WorldVectorEnv] = []

    def resume(self, frames: int) -> None:
        """Drop what was recorded after the checkpoint at `frames`: it will be recorded again."""
        rows = [row for row in read_curve(self.path) if row["frames"] <= frames]
        if self.path.exists():
            replace_text(self.path, "".join(json.dumps(row) + "\n" for row in rows))
        self._last = rows[-1]["frames"] if rows else -1

    def due(self, frames: int) -> bool:
        """Whether `frames` lie in another interval than the latest evaluation."""
        return self._last < 0 or frames // self.evaluate.every > self._last // self.evaluate.every

    def record(self, policy: Policy, frames: int, log: Callable[[str, float], None]) -> None:
        """Play the policy and append a row, unless this moment has one; `log` is told both rates."""
        if frames == self._last:
            return
        imagined, real = self._successes(policy)
        row: dict[str, Any] = {
            "frames": frames,
            "real_frames": self._spent + round(frames * self._share),
            "imagined_success": imagined,
            "real_success": real,
            "n": self.evaluate.starts,
            "imagined_in": self.world.name,
            "real_in": self.evaluate.real,
        }
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        self._last = frames
        for name in ("imagined_success", "real_success", "real_frames"):
            log(f"evaluation/{name}", row[name])

    def _successes(self, policy: Policy) -> list[float]:
        """Success in the world of training and in ground truth; played once where they are the same."""
        if not self._environments:
            imagined, real = self.world.fork([0], 1), self.evaluate.real
            rows = min(ROWS, self.evaluate.starts)
            worlds: list[World | str] = [real] if self.world.name == real else [imagined, real]
            self._environments = [
                WorldVectorEnv(self.task, w, rows, autoreset_mode="Disabled") for w in worlds
            ]
        starts = [self.task.sample(self.task.levels[0], i) for i in reserved(self.evaluate.starts)]
        rates = []
        for environment in self._environments:
            played = run_episodes(environment, policy, starts)
            rates.append(sum(episode.success for episode in played) / len(played))
        return rates if len(rates) == 2 else rates * 2


def read_curve(path: Path) -> list[dict[str, Any]]:
    """The rows of a curve, none where there is no file; a last line that was cut off is left out."""
    rows = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return rows
