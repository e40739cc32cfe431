"""Policies of graded skill: any policy acting too weakly or unsteadily, any planner that tries less or more.

Success that is all or nothing cannot be ranked; graded policies fill the band between.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from agents.base import Policy
from agents.refits.base import Settings
from agents.regions import Region
from envs.base import Observation, Task
from worldsim import keys as key

ACTING = ("gain", "noise")  #: knobs of every policy
PLANNING = ("budget", "frames", "horizon", "iterations", "replan")  #: knobs of planners
UNLIMITED = 10**9  #: frames

S = TypeVar("S", bound=Settings)


class Graded:
    """Another policy whose actions are multiplied by `gain` and disturbed by Gaussian `noise`.

    `noise` is a standard deviation in half widths of the bounds, drawn anew at each decision, each row from
    its own stream. Raises ValueError where a load is carried, whose release is no amount.
    """

    def __init__(
        self, policy: Policy, task: Task, level: str = "id", gain: float = 1.0, noise: float = 0.0
    ) -> None:
        control = task.template.control
        assert control is not None, f"{task.name} has nothing to control"
        if control.kind == "carry":
            raise ValueError(
                f"{task.name} carries and releases a load; gain and noise need an amount to act on"
            )
        self.policy, self._gain, self._noise = policy, gain, noise
        self.name, self.prepared_in, self.privileged = policy.name, policy.prepared_in, policy.privileged
        self._region = Region(*task.bounds(level), disc=control.kind == "launch")
        self._keys: dict[int, np.uint64] = {}

    def __getattr__(self, name: str) -> Any:
        """What a planner imagined is told by the policy inside."""
        if name == "policy":
            raise AttributeError(name)
        return getattr(self.policy, name)

    def reset(self, rows: Sequence[int], keys: np.ndarray) -> None:
        """See `Policy.reset`."""
        self._keys.update(zip(map(int, rows), keys))
        self.policy.reset(rows, keys)

    def act(self, observation: Observation) -> np.ndarray:
        """See `Policy.act`. Raises KeyError where a row was never reset."""
        actions = self._gain * np.asarray(self.policy.act(observation), dtype=np.float64)
        if self._noise:
            left = observation.time_left.cpu().numpy()
            keys = np.array([self._keys[i] for i in range(len(left))], dtype=np.uint64)
            named = [key.fold(keys[i : i + 1], "action noise", int(t))[0] for i, t in enumerate(left)]
            draws = [key.generator(k).standard_normal(actions.shape[1]) for k in named]
            actions = actions + self._noise * self._region.half * np.stack(draws)
        return self._region.clamp(actions)


def graded_settings(settings: S, knobs: Mapping[str, float]) -> S:
    """A planner's settings with some of them turned.

    `frames` is the most that may be imagined for one start, `horizon` that of one candidate, `replan` the
    frames between plans. `iterations` is the pressure of optimisation: so many are made of each plan, the
    last count of candidates repeated, within no budget unless `frames` names one. `budget` depends on the
    task, see `agents.planners.config_for`.
    """
    changes: dict[str, Any] = {}
    if "iterations" in knobs:
        many = int(knobs["iterations"])
        for name in ("candidates", "refresh"):
            counts = getattr(settings, name)
            changes[name] = (*counts[:many], *counts[-1:] * (many - len(counts)))
        changes["max_frames"] = UNLIMITED
    names = {"frames": "max_frames", "horizon": "horizon", "replan": "replan_every"}
    changes |= {names[k]: int(v) for k, v in knobs.items() if k in names}
    return replace(settings, **changes)  # type: ignore[type-var]
