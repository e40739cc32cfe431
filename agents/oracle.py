"""The oracle: search without a budget on the true states of the engine that executes.

It shows that every start can be solved. The reference engine, mostly a closed form, proposes
a plan; the executing engine checks it and searches on where it fails. An engine repeats itself exactly, so
one plan per episode is followed to its end.
"""

import numpy as np

from agents.imagination import take, true_imagination
from agents.planner import Planner
from agents.refits.cem import CEM, CEMConfig
from agents.trials import try_out
from envs.base import Observation, Task
from worldsim.engines import make_engine
from worldsim.engines.base import Engine

PROPOSE = (192, 32, 32, 32, 32)  #: candidates of each iteration in the reference engine
PROPOSE_PLACES = (160, 32)  #: the same where frames are looked at: what works lies scattered
REFINE = (
    (12, 12),
    (48, 16, 16, 16),
    (96, 48, 48),
)  #: searches in the executing engine, one after the other, while unsolved


class Oracle(Planner):
    """Plans on true states, in an engine given by name or as such. Privileged."""

    def __init__(self, task: Task, engine: "str | Engine", level: str = "id") -> None:
        engine = make_engine(engine) if isinstance(engine, str) else engine
        candidates = PROPOSE_PLACES if task.template.places else PROPOSE
        config = CEMConfig(candidates=candidates, replan_every=task.frames, max_frames=10**6, batch=8192)
        self._executing = true_imagination(engine, task)
        self._proposing = true_imagination(make_engine("reference"), task)
        super().__init__(task, self._executing, CEM(config), level, privileged=True)
        self.name = "oracle"

    def _plan(
        self, observation: Observation, rows: np.ndarray, elapsed: int, counts: tuple[int, ...]
    ) -> None:
        """Propose, check, and search on where the check fails."""
        self.where = self._proposing
        super()._plan(observation, rows, elapsed, counts)
        self.where = self._executing
        unsolved = self._check(observation, rows, elapsed)
        for search in REFINE:
            if not unsolved.any():
                return
            left = np.flatnonzero(unsolved)
            super()._plan(take(observation, left), rows[left], elapsed, search)
            unsolved[left] = ~self.imagined.success[rows[left]]

    def _check(self, observation: Observation, rows: np.ndarray, elapsed: int) -> np.ndarray:
        """[N] bool: the plan fails in the executing engine."""
        actions = self._plans[rows, :1, elapsed:]
        trial = try_out(self.where, self.task, observation, self._keys[rows], actions)
        self.frames_imagined[rows] += trial.frames
        self.imagined.success[rows], self.imagined.miss[rows] = trial.success[:, 0], trial.cost[:, 0]
        return ~self.imagined.success[rows]
