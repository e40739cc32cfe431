"""The contract of a policy: what `agents.base.Policy` promises, clause by clause."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from agents.base import Policy
from agents.imagination import take
from envs.base import Observation, Task
from envs.rollouts import Rollouts
from worldsim import keys as key
from worldsim.contracts import Contract, Finding, lacking
from worldsim.worlds import make_world

ROWS = 3
KEYS = key.fold(np.arange(ROWS, dtype=np.uint64), "contract")
PARTS = ("name", "prepared_in", "privileged", "reset", "act")
POLICY = Contract("policy")


@dataclass
class Case:
    """How to make a policy, and the task that it acts in."""

    make: Callable[[], Policy]
    task: Task
    level: str = "id"

    @cached_property
    def policy(self) -> Policy:
        """The policy that most clauses ask."""
        return self.make()

    def begin(self) -> Rollouts:
        """Three episodes in the reference engine."""
        rows = Rollouts(self.task, make_world("reference", self.task.template), ROWS)
        starts = [self.task.sample(self.level, i) for i in range(ROWS)]
        rows.begin(np.arange(ROWS), starts, KEYS)
        return rows

    @cached_property
    def first(self) -> Observation:
        """What is observed at the first decision."""
        return self.begin().observe(privileged=bool(self.policy.privileged))

    def act(self, policy: Policy | None = None) -> np.ndarray:
        """The first decisions [N, A] of new episodes."""
        policy = self.policy if policy is None else policy
        policy.reset(range(ROWS), KEYS)
        return np.array(policy.act(self.first))


def check_policy(make: Callable[[], Policy], task: Task, level: str = "id") -> list[Finding]:
    """Ask every clause of the contract about the policy that `make` makes for a task and level."""
    return POLICY.check(Case(make, task, level))


@POLICY.clause("it has the parts of a policy: " + ", ".join(PARTS))
def _parts(case: Case) -> str | None:
    return lacking(case.policy, PARTS)


@POLICY.clause("name and prepared_in are words, privileged is True or False")
def _labels(case: Case) -> str | None:
    policy: Any = case.policy
    for name, kind in (("name", str), ("prepared_in", str), ("privileged", bool)):
        if not isinstance(getattr(policy, name), kind):
            return f"{name} is {getattr(policy, name)!r}; expected {kind.__name__}"
    return None if policy.name else "name is empty"


@POLICY.clause("act answers with finite actions [N, A]")
def _shape(case: Case) -> str | None:
    actions, wanted = case.act(), (ROWS, case.task.template.action_size)
    if actions.shape != wanted:
        return f"their shape is {actions.shape}; expected {wanted}"
    return None if np.isfinite(actions.astype(float)).all() else "they contain NaN or infinity"


@POLICY.clause("actions lie within the bounds")
def _bounds(case: Case) -> str | None:
    actions, (low, high) = case.act(), case.task.bounds(case.level)
    if ((actions >= low - 1e-6) & (actions <= high + 1e-6)).all():
        return None
    worst = actions[np.argmax(np.abs(actions).max(1))]
    return f"{worst.tolist()} does not lie between {low.tolist()} and {high.tolist()}"


@POLICY.clause("the same keys give the same actions")
def _repeats(case: Case) -> str | None:
    return _differ(case.act(), case.act()) or _differ(case.act(), case.act(case.make()))


@POLICY.clause("a row is the same whatever its neighbours")
def _alone(case: Case) -> str | None:
    together, policy = case.act(), case.make()
    policy.reset([0], KEYS[1:2])
    return _differ(together[1:2], np.array(policy.act(take(case.first, np.array([1])))))


@POLICY.clause("reset of some rows leaves the others")
def _others(case: Case) -> str | None:
    plain, policy = case.act(), case.make()
    policy.reset(range(ROWS), KEYS)
    policy.reset([0], KEYS[2:3])
    return _differ(plain[1:], np.array(policy.act(case.first))[1:])


@POLICY.clause("episodes are played to their end, every action finite and within the bounds")
def _plays(case: Case) -> str | None:
    rows, (low, high) = case.begin(), case.task.bounds(case.level)
    case.policy.reset(range(ROWS), KEYS)
    decision = 0
    while not rows.over.all():
        seen = rows.observe(privileged=case.policy.privileged)
        actions = np.array(case.policy.act(seen), dtype=np.float64)[~rows.over]
        if not ((actions >= low - 1e-6) & (actions <= high + 1e-6)).all():  # NaN is caught as well
            return f"at decision {decision} an action is {actions.tolist()}"
        command = np.zeros((ROWS, len(low)))
        command[~rows.over] = actions
        rows.play(command)
        decision += 1
    return None


def _differ(one: np.ndarray, other: np.ndarray) -> str | None:
    if one.shape != other.shape:
        return f"shapes are {one.shape} and {other.shape}"
    gap = float(np.abs(one - other).max())
    return None if gap <= 1e-4 else f"an action differs by {gap:.3g}"
