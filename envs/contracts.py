"""The contract of a task: what `envs.base.Task` promises, clause by clause."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from envs.base import Outcome, Start, Task
from envs.rollouts import Rollouts
from envs.tasks import PARTS
from worldsim import keys as key
from worldsim.contracts import Contract, Finding, lacking, wrong_number, wrong_shape, wrong_values
from worldsim.pairs import make_tracker
from worldsim.scenes import Scene
from worldsim.worlds import make_world

ROWS = 4
TASK = Contract("task")
FIELDS = tuple(f.name for f in fields(Outcome))


@dataclass
class Case:
    """How to make a task, one that was made, and four of its starts at each level."""

    make: Callable[[], Task]

    @cached_property
    def task(self) -> Task:
        """The task that most clauses ask."""
        return self.make()

    @cached_property
    def starts(self) -> dict[str, list[Start]]:
        """Starts by level."""
        return {level: [self.task.sample(level, i) for i in range(ROWS)] for level in self.task.levels}

    def rollouts(self, level: str) -> Rollouts:
        """The starts of a level, begun in the reference engine."""
        starts = self.starts[level]
        made = Rollouts(self.task, make_world("reference", self.task.template), len(starts))
        made.begin(np.arange(len(starts)), starts, key.fold(np.arange(len(starts), dtype=np.uint64), "task"))
        return made


def check_task(make: Callable[[], Task]) -> list[Finding]:
    """Ask every clause of the contract about the task that `make` makes; it is called more than once."""
    return TASK.check(Case(make))


@TASK.clause("it has the parts of a task: " + ", ".join(PARTS))
def _parts(case: Case) -> str | None:
    return lacking(case.task, PARTS)


@TASK.clause("its name, frames, stride, levels, tolerance and goal_size can be used")
def _numbers(case: Case) -> str | None:
    task = case.task
    if not isinstance(task.name, str) or not task.name:
        return f"name is {task.name!r}; expected words"
    if not task.levels or task.levels[0] != "id":
        return f"levels are {task.levels!r}; the first must be 'id'"
    if not task.tolerance > 0:
        return f"tolerance is {task.tolerance!r}; expected metres above 0"
    wrong = [wrong_number(task, name, 1) for name in ("frames", "stride", "goal_size")]
    divides = None if task.frames % task.stride == 0 else f"stride {task.stride} is no part of {task.frames}"
    return next((w for w in wrong if w), None) or divides


@TASK.clause("its template has a control, and bodies that a tracker can tell apart")
def _template(case: Case) -> str | None:
    if case.task.template.control is None:
        return "template.control is None: nothing can be acted on"
    try:
        make_tracker(case.task.template, 64)
    except ValueError as error:
        return str(error)
    return None


@TASK.clause("bounds are finite, the lower not above the higher, one for each number of an action")
def _bounds(case: Case) -> str | None:
    for level in case.task.levels:
        low, high = map(np.asarray, case.task.bounds(level))
        wanted = (case.task.template.action_size,)
        if low.shape != wanted or high.shape != wanted:
            return f"at {level!r} their shapes are {low.shape} and {high.shape}; expected {wanted}"
        if not (np.isfinite([low, high]).all() and (low <= high).all() and (low < high).any()):
            return f"at {level!r} they are {low.tolist()} and {high.tolist()}"
    return None


@TASK.clause("an unknown level is refused with a ValueError")
def _unknown(case: Case) -> str | None:
    for function in (lambda: case.task.sample("no such level", 0), lambda: case.task.bounds("no such level")):
        try:
            function()
        except ValueError:
            continue
        return "a level called 'no such level' was accepted"
    return None


@TASK.clause("a start says which task, level and number it is, and its goal has goal_size numbers")
def _labels(case: Case) -> str | None:
    for level, starts in case.starts.items():
        for i, start in enumerate(starts):
            if (start.task, start.level, start.start_id) != (case.task.name, level, i):
                return f"start {i} of {level!r} says {start.task}, {start.level!r}, {start.start_id}"
            if np.shape(start.goal) != (case.task.goal_size,) or not np.isfinite(start.goal).all():
                return f"the goal of start {i} of {level!r} is {start.goal!r}"
    return None


@TASK.clause("a start has the bodies of the template, in its colours and shapes (or begins with its colours)")
def _bodies(case: Case) -> str | None:
    named = case.task.template.bodies

    def looks(scene: Scene) -> list[tuple[str, ...]]:
        if case.task.template.places:  # among others, which no tracker reads
            return [(b.color,) for b in scene.bodies[: len(named)]]
        return [(b.color, b.shape, b.motion) for b in scene.bodies]

    wanted = looks(case.task.template)
    for level, starts in case.starts.items():
        for start in starts:
            if looks(start.scene) != wanted:
                return f"start {start.start_id} of {level!r} has {looks(start.scene)}; expected {wanted}"
    return None


@TASK.clause("a start is the same on every call")
def _same(case: Case) -> str | None:
    other = case.make()
    for level, starts in case.starts.items():
        for start in starts[1::-1]:  # in another order
            again = other.sample(level, start.start_id)
            if again.scene != start.scene or not np.array_equal(again.goal, start.goal):
                return f"start {start.start_id} of {level!r} was drawn again and differs"
    return None


@TASK.clause("starts of other numbers are others")
def _others(case: Case) -> str | None:
    for level, starts in case.starts.items():
        if len({(str(s.scene), s.goal.tobytes()) for s in starts}) < len(starts):
            return f"two of the first {ROWS} starts of {level!r} are equal"
    return None


@TASK.clause("open answers with an Outcome of N rows, none of them over")
def _open(case: Case) -> str | None:
    for level in case.task.levels:
        outcome = case.rollouts(level).outcome
        if wrong := _wrong_outcome(outcome, ROWS):
            return wrong
        if outcome.over.any():
            return f"start {int(outcome.over.nonzero()[0])} of {level!r} is over before the first decision"
    return None


@TASK.clause("the tracker finds every body in the context frames")
def _tracked(case: Case) -> str | None:
    for level in case.task.levels:
        if (spoiled := case.rollouts(level).outcome.spoiled).any():
            return f"start {int(spoiled.nonzero()[0])} of {level!r} begins with a body lost or seen twice"
    return None


@TASK.clause("no start is solved by doing nothing")
def _idle(case: Case) -> str | None:
    for level in case.task.levels:
        rows = case.rollouts(level)
        while not rows.over.all():
            rows.play(np.zeros((ROWS, case.task.template.action_size)))
        if wrong := _wrong_outcome(rows.outcome, ROWS):
            return wrong
        if rows.outcome.success.any():
            return f"start {int(rows.outcome.success.nonzero()[0])} of {level!r} is"
    return None


@TASK.clause("judge is vectorised: each row is judged as it would be alone")
def _rows(case: Case) -> str | None:
    rows = case.rollouts("id")
    now, goal = rows.track, rows.goal
    moved = replace(now, position=now.position + 0.5)
    left = torch.tensor([0, 1, 0, 1])
    together = case.task.judge(rows.outcome, now, moved, goal, left)
    for row in range(ROWS):
        i = torch.tensor([row])
        before = Outcome(*(getattr(rows.outcome, name)[i] for name in FIELDS))
        alone = case.task.judge(before, now.select(i), moved.select(i), goal[i], left[i])
        for name in FIELDS:
            if not torch.allclose(getattr(alone, name), getattr(together, name)[i], equal_nan=True):
                return f"{name} of row {row} is another one among {ROWS} rows"
    return None


@TASK.clause("a spoiled episode never succeeds")
def _spoiled(case: Case) -> str | None:
    rows = case.rollouts("id")
    spoiled = Outcome(**{n: getattr(rows.outcome, n) for n in FIELDS} | {"spoiled": torch.ones(ROWS) > 0})
    now = rows.track
    for x, y in np.mgrid[-8:9, -8:9].reshape(2, -1).T:  # bodies come by everywhere, the goal included
        shift = torch.tensor([x, y]).to(now.position)
        moved = replace(now, position=now.position + shift)
        judged = case.task.judge(spoiled, now, moved, rows.goal, torch.zeros(ROWS, dtype=torch.int64))
        if judged.success.any() or not judged.spoiled.all():
            return "an outcome with spoiled set became a success, or forgot that it was spoiled"
    return None


@TASK.clause("paint answers with frames of the same shape in [0, 1]")
def _paint(case: Case) -> str | None:
    rows = case.rollouts("id")
    frames = rows.observe().frames[:, -1]
    painted = case.task.paint(frames, rows.goal)
    return wrong_shape("painted frames", painted, tuple(frames.shape)) or wrong_values(painted)


def _wrong_outcome(outcome: Any, rows: int) -> str | None:
    """Whether an outcome has other shapes, other types or values that are not finite."""
    if wrong := lacking(outcome, FIELDS):
        return wrong
    for name in FIELDS:
        value, kind = getattr(outcome, name), "bool" if name in FIELDS[:3] else "float32"
        if tuple(value.shape) != (rows,) or str(value.dtype) != f"torch.{kind}":
            return f"{name} is {tuple(value.shape)} {value.dtype}; expected ({rows},) torch.{kind}"
        if not torch.isfinite(value.float()).all():
            return f"{name} is not finite"
    return None
