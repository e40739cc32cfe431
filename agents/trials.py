"""Trying candidates out: what comes of them, what they cost and how the cost slopes, in batches that fit."""

import warnings
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents.imagination import Foreseeing, Imagination, take
from envs.base import Observation, Outcome, Task
from worldsim.memory import out_of_memory
from worldsim.scenes import VIEW


@dataclass(frozen=True)
class Trial:
    """What came of C candidates of each of N rows.

    `success` [N, C] bool, `miss` and `cost` [N, C] m, `slopes` [N, C, H, A] of the cost by the actions (None
    where they were not asked for), `frames` [N] counted against the budget.
    """

    success: np.ndarray
    miss: np.ndarray
    cost: np.ndarray
    slopes: np.ndarray | None
    frames: np.ndarray


class Trials:
    """Tries candidates out in batches of whole rows.

    A batch that does not fit into memory is halved and tried again, and later batches stay that small.

    Parameters
    ----------
    batch
        Most candidates imagined side by side; a row's candidates always stay together.
    """

    def __init__(self, task: Task, batch: int) -> None:
        self.task, self.batch = task, batch

    def __call__(
        self,
        where: Imagination,
        observation: Observation,
        keys: np.ndarray,
        actions: np.ndarray,
        slopes: bool = False,
        widest: int | None = None,
    ) -> Trial:
        """Try candidates [N, C, H, A] out, see `imagine`.

        `widest` is the most candidates of a row that this plan tries at once (C if not given): all of its
        iterations then have batches of the same rows. Raises the error of the allocator where a single row
        does not fit.
        """
        rows, copies = actions.shape[:2]
        widest = widest or copies
        parts: list[Trial] = []
        first = 0
        while first < rows:
            some = np.arange(first, min(rows, first + max(1, self.batch // widest)))
            seen = observation if len(some) == rows else take(observation, some)
            trial = self._fitting(where, seen, keys[some], actions[some], slopes, widest)
            if trial is not None:
                parts.append(trial)
                first += len(some)
        return _joined(parts)

    def _fitting(
        self,
        where: Imagination,
        observation: Observation,
        keys: np.ndarray,
        actions: np.ndarray,
        slopes: bool,
        widest: int,
    ) -> Trial | None:
        """One batch, or None where it did not fit and the next one shall be half as large."""
        try:
            return try_out(where, self.task, observation, keys, actions, slopes)
        except (RuntimeError, MemoryError) as error:
            if len(actions) == 1 or not out_of_memory(error):
                raise
        # out of the handler: the error no longer holds what it failed to finish
        old = min(self.batch, len(actions) * widest)
        self.batch = max(widest, old // 2)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        warnings.warn(
            f"planning for {self.task.name} in {where.name} ran out of memory with batch={old}; "
            f"it goes on with batch={self.batch}",
            stacklevel=2,
        )
        return None


def try_out(
    where: Imagination,
    task: Task,
    observation: Observation,
    keys: np.ndarray,
    actions: np.ndarray,
    slopes: bool = False,
) -> Trial:
    """Try candidates [N, C, H, A] out in one batch; frames with slopes count twice, forward and back."""
    shape, found = actions.shape[:2], None
    if slopes:
        with torch.enable_grad():
            leaf = torch.tensor(actions, dtype=torch.float32, device=where.device, requires_grad=True)
            outcome, frames = imagine(where, task, observation, keys, leaf)
            found, frames = _slopes(outcome, leaf), 2 * frames
    else:
        outcome, frames = imagine(where, task, observation, keys, actions)
    success, miss = outcome.success.cpu().numpy(), outcome.miss.detach().double().cpu().numpy()
    return Trial(success.reshape(shape), miss.reshape(shape), costs(outcome).reshape(shape), found, frames)


def costs(outcome: Outcome) -> np.ndarray:
    """What the planner minimises [N]: the miss in m, a view's width more where bodies were lost."""
    miss = np.nan_to_num(outcome.miss.detach().double().cpu().numpy(), nan=2 * VIEW, posinf=2 * VIEW)
    return miss + VIEW * outcome.spoiled.cpu().numpy()


def _slopes(outcome: Outcome, actions: Tensor) -> np.ndarray:
    """Slope of the cost of each candidate by its actions [N, C, H, A], m per unit of action.

    It is the slope of the miss: success and what is spoiled are yes or no. A slope that is not finite, or
    that does not reach the actions, is zero.
    """
    if not outcome.miss.requires_grad:
        return np.zeros(tuple(actions.shape))
    (found,) = torch.autograd.grad(outcome.miss.sum(), actions, allow_unused=True)
    found = torch.zeros_like(actions) if found is None else found
    return torch.nan_to_num(found, nan=0.0, posinf=0.0, neginf=0.0).double().cpu().numpy()


def _joined(parts: list[Trial]) -> Trial:
    if len(parts) == 1:
        return parts[0]
    joined: dict[str, Any] = {}
    for f in fields(Trial):
        each = [getattr(part, f.name) for part in parts]
        joined[f.name] = None if each[0] is None else np.concatenate(each)
    return Trial(**joined)


def imagine(
    where: Imagination, task: Task, observation: Observation, keys: np.ndarray, actions: np.ndarray | Tensor
) -> tuple[Outcome, np.ndarray]:
    """Try candidate actions out until one of a row's candidates succeeds, all are over, or the actions end.

    Parameters
    ----------
    observation
        N rows at the present moment.
    keys : [N] uint64
        The noise of each row; all candidates of a row share it.
    actions : [N, C, H, A]
        What each candidate does at each frame. Where this is a tensor that requires gradients, the outcome
        has them.

    Returns
    -------
    The outcome [N * C] of each candidate, and how many frames were imagined for each row [N].
    """
    rows, copies, horizon = actions.shape[:3]
    observation = observation.to(where.device)
    flat = actions.reshape(rows * copies, horizon, -1)
    if isinstance(where, Foreseeing):
        where.foresee(observation, keys, actions)
    before = where.begin(observation, keys, copies)
    goal = observation.goal.repeat_interleave(copies, 0)
    left = observation.time_left.repeat_interleave(copies, 0)
    now = task.open(observation.track.repeat(copies), goal)
    final, kept = now, np.arange(rows)  # `kept`: rows that are still imagined
    frames = np.zeros(rows, dtype=np.int64)
    for t in range(horizon):
        after = where.step(flat[:, t])
        frames[kept] += copies
        judged = task.judge(now, before, after, goal, left - (t + 1))
        now = now.where(now.over, judged)
        before = after
        over, solved = (a.reshape(-1, copies) for a in (now.over, now.success))
        running = ~(over.all(1) | solved.any(1)).cpu().numpy()
        final = _write(final, now, kept, copies)
        if not running.any():
            break
        if running.mean() <= 0.5 and t + 1 < horizon:  # half of the batch would only idle: leave it behind
            index = (np.flatnonzero(running)[:, None] * copies + np.arange(copies)).ravel()
            where.keep(index)
            chosen = torch.as_tensor(index, device=goal.device)
            flat, kept = flat[index], kept[running]
            goal, left, before, now = goal[chosen], left[chosen], before.select(chosen), _rows(now, chosen)
    return final, frames


def _rows(outcome: Outcome, index: Tensor) -> Outcome:
    return Outcome(*(getattr(outcome, f)[index] for f in ("success", "failure", "spoiled", "miss", "reward")))


def _write(final: Outcome, now: Outcome, kept: np.ndarray, copies: int) -> Outcome:
    """`final` with the rows of `now` put where they belong."""
    if len(now.miss) == len(final.miss):
        return now
    index = torch.as_tensor((kept[:, None] * copies + np.arange(copies)).ravel(), device=now.miss.device)
    fields = ("success", "failure", "spoiled", "miss", "reward")
    return Outcome(*(getattr(final, f).index_copy(0, index, getattr(now, f)) for f in fields))
