"""Policies without a world inside: they bound what a task can be solved by without its physics."""

from collections.abc import Sequence

import numpy as np

from agents.regions import Region
from envs.base import Observation, Task
from worldsim import keys as key
from worldsim.scenes import DT

ABOVE = 0.3  #: m off in x; a carriage this close is above the target


class _Scripted:
    """What the scripted policies share: the task's bounds at one level, and no state."""

    prepared_in = ""
    privileged = False

    def __init__(self, task: Task, level: str = "id") -> None:
        control = task.template.control
        assert control is not None, f"{task.name} has nothing to control"
        self.task, self._control = task, control
        self._region = Region(*task.bounds(level), disc=control.kind == "launch")

    def reset(self, rows: Sequence[int], keys: np.ndarray) -> None:
        """See `Policy.reset`; nothing is kept."""


class NoOp(_Scripted):
    """Does nothing."""

    name = "noop"

    def act(self, observation: Observation) -> np.ndarray:
        """See `Policy.act`."""
        return np.zeros((len(observation.goal), len(self._region.low)))


class Random(_Scripted):
    """Uniform actions, drawn anew at each decision; each row has its own stream."""

    name = "random"

    def __init__(self, task: Task, level: str = "id") -> None:
        super().__init__(task, level)
        self._keys: dict[int, np.uint64] = {}

    def reset(self, rows: Sequence[int], keys: np.ndarray) -> None:
        """See `Policy.reset`."""
        self._keys.update(zip(map(int, rows), keys))

    def act(self, observation: Observation) -> np.ndarray:
        """See `Policy.act`. Raises KeyError where a row was never reset."""
        keys = np.array([self._keys[i] for i in range(len(observation.goal))], dtype=np.uint64)
        left = observation.time_left.cpu().numpy()
        draws = [
            self._region.uniform(key.generator(key.fold(keys[i : i + 1], "random", int(t))[0]))
            for i, t in enumerate(left)
        ]
        return np.stack(draws)


class Reactive(_Scripted):
    """Goes for where the target is now: a launch at full speed, a command that closes the gap, the release of
    a load above it, or a body placed there."""

    name = "reactive"

    def act(self, observation: Observation) -> np.ndarray:
        """See `Policy.act`."""
        position = observation.track.position.double().cpu().numpy()
        target = self.task.aim(observation.track, observation.goal).double().cpu().numpy()
        gap = target - position[:, self._control.body]
        if self._control.kind == "velocity":
            return self._region.clamp(gap[:, : len(self._region.low)] / DT)
        if self._control.kind == "place":
            return self._region.clamp(target)
        if self._control.kind == "carry":
            return np.stack([np.zeros(len(gap)), np.abs(gap[:, 0]) < ABOVE], axis=1)
        distance = np.linalg.norm(gap, axis=1, keepdims=True)
        return self._region.high[0] * gap / np.maximum(distance, 1e-9)
