"""One training run: what was asked for, and the facts that tell it from others."""

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from agents.learning import folders
from agents.learning.configs import Config
from agents.learning.evaluation import Curve, Evaluate
from agents.learning.policy import NETWORKS
from envs.base import Task
from worldsim.worlds import World, make_world

Report = Callable[[int, float], None]  #: frames so far, share of the last 200 episodes that were solved


@dataclass(frozen=True)
class Mix:
    """A second world, usually ground truth, that answers this share of the rows."""

    world: "str | World"
    share: float

    def rows(self, of: int) -> int:
        """How many of a run's rows it answers. Raises ValueError where that is none or all."""
        rows = round(of * self.share)
        if not 0 < rows < of:
            raise ValueError(
                f"a share of {self.share} of {of} rows is {rows} rows; both worlds need at least one"
            )
        return rows


@dataclass
class Run:
    """A run; `total` counts decisions, in all rows together."""

    task: Task
    world: World
    total: int
    seed: int
    folder: Path
    algo: str
    observation: str
    config: Any
    report: Report | None = None
    evaluate: Evaluate | None = None
    start: Path | None = None
    mix: Mix | None = None

    def __post_init__(self) -> None:
        self.spaces = folders.spaces_of(
            self.task, self.observation, self.world.resolution, self.world.context_frames
        )
        self.mixed = None if self.mix is None else make_world(self.mix.world, self.task.template)
        self.mixed_rows = 0 if self.mix is None else self.mix.rows(self.config.n_envs)
        self.before = {} if self.start is None else self._check_start(self.start)

    @property
    def facts(self) -> dict[str, Any]:
        """What `config.json` holds; runs that differ in it are different runs."""
        facts = {
            "algorithm": self.algo,
            "task": self.task.name,
            "observation": self.observation,
            "prepared_in": self.world.name if self.mixed is None else f"{self.world.name}+{self.mixed.name}",
            "frames": self.total * self.task.stride,
            "seed": self.seed,
            "settings": asdict(self.config),
            "picture": [self.world.resolution, self.world.context_frames],
            "spaces": folders.described(*self.spaces),
            "spent": self._spent(),
        }
        if self.mix is not None:
            facts["mixed_rows"] = self.mixed_rows
        if self.start is not None:
            weights = (self.start / folders.WEIGHTS).read_bytes()
            facts["start_from"] = hashlib.sha256(weights).hexdigest()[:16]
        return facts

    def curve(self) -> Curve | None:
        """Where evaluations are recorded, None where none were asked for."""
        if self.evaluate is None:
            return None
        real = self.evaluate.real
        share = self._shares().get(real, 0.0)
        return Curve(self.folder, self.task, self.world, self.evaluate, self.before.get(real, 0), share)

    def _shares(self) -> dict[str, float]:
        """Share of the rows that each world answers, by name."""
        other = self.mixed_rows / self.config.n_envs
        shares = {self.world.name: 1.0 - other}
        if self.mixed is not None:
            shares[self.mixed.name] = shares.get(self.mixed.name, 0.0) + other
        return shares

    def _spent(self) -> dict[str, int]:
        """Frames of each world that will have gone into the policy, its start included."""
        own = {n: round(s * self.total * self.task.stride) for n, s in self._shares().items()}
        return {n: self.before.get(n, 0) + own.get(n, 0) for n in sorted(own | self.before)}

    def _check_start(self, folder: Path) -> dict[str, int]:
        """Frames that went into the policy to start from. Raises ValueError where it does not fit."""
        facts = folders.read_facts(folder)
        folders.check_facts(folder, facts, self.task, folders.described(*self.spaces))
        made = (facts["algorithm"], facts["settings"]["width"])
        wanted = (self.algo, self.config.width)
        alike = NETWORKS[made[0], self.observation] is NETWORKS[wanted[0], self.observation]
        if not alike or made[1] != wanted[1]:
            raise ValueError(
                f"{folder} holds a policy of {made[0]} of width {made[1]}; {wanted[0]} of width {wanted[1]} "
                f"cannot start from it"
            )
        return facts["spent"]


def segment(task: Task, n_steps: int) -> int:
    """Decisions in an update of the resident learner: at most `n_steps`, equal parts of the horizon."""
    horizon = -(-task.frames // task.stride)
    return -(-horizon // -(-horizon // n_steps))


def decisions_per_rollout(algo: str, task: Task, config: Config) -> int:
    """Decisions, in all rows together, between two looks at the budget."""
    if algo == "ppo_resident":
        return config.n_envs * segment(task, getattr(config, "n_steps", 1))
    return config.n_envs * getattr(config, "n_steps", 1)
