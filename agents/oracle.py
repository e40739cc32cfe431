"""The oracle: search without a budget on the true states of the engine that executes.

It shows that every start can be solved. The reference engine, mostly a closed form, proposes
a plan; the executing engine checks it and searches on where it fails. An engine repeats itself exactly, so
one plan per episode is followed to its end.
"""

import numpy as np

from agents.cem import CEM, CEMConfig, costs
from agents.imagination import TrueStates, imagine, take
from envs.base import Observation, Task
from worldsim.engines import make_engine
from worldsim.engines.base import Engine

PROPOSE = (192, 32, 32, 32, 32)  #: candidates of each iteration in the reference engine
REFINE = (
    (12, 12),
    (48, 16, 16, 16),
)  #: searches in the executing engine, one after the other, while unsolved


class Oracle(CEM):
    """Plans on true states, in an engine given by name or as such. Privileged."""

    name = "oracle"

    def __init__(self, task: Task, engine: "str | Engine", level: str = "id") -> None:
        engine = make_engine(engine) if isinstance(engine, str) else engine
        config = CEMConfig(candidates=PROPOSE, replan_every=task.frames, max_frames=10**6, batch=8192)
        self.privileged = True
        self._executing, self._proposing = TrueStates(engine), TrueStates(make_engine("reference"))
        self._prepare(task, level, self._executing, config)

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
        actions = self._plans[rows, None, elapsed:]
        outcome, used = imagine(self.where, self.task, observation, self._keys[rows], actions)
        self.frames_imagined[rows] += used
        self.imagined.success[rows] = outcome.success.cpu().numpy()
        self.imagined.miss[rows] = costs(outcome)
        return ~self.imagined.success[rows]
