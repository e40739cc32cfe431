"""The cross-entropy method: plan by trying candidates out in a world, and search again around the best ones.

The elites are kept apart: each next generation is a mixture of Gaussian-like rings around every elite
(a kernel estimate of the elite distribution, Rubinstein & Kroese 2004, ch. 3). One Gaussian over all elites
averages plans that solve a task in different ways; on Strike it needs about twice as many candidates.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from agents.imagination import Imagination, SeenWorld, TrueWorld, imagine, private_world, take
from agents.regions import Region
from envs.base import Observation, Outcome, Task
from worldsim import keys as key
from worldsim.scenes import VIEW
from worldsim.tracking import Track
from worldsim.worlds import World


@dataclass(frozen=True)
class CEMConfig:
    """How much is imagined, and where.

    Attributes
    ----------
    candidates
        Candidates of each iteration of a plan made from nothing.
    refresh
        Candidates of each iteration of a plan made on the way; the running plan is the first of them.
    elites
        Centres of the next iteration.
    width, shrink
        Distance of the second iteration's candidates from their centres, in spacings of the first, and its
        factor from one iteration to the next.
    refresh_width
        The same for the first iteration of a refreshed plan, in half widths of the action bounds.
    wiggle
        Deviation of the pieces of a fresh plan from its constant, in half widths.
    piece
        Decisions for which an action of a plan is held.
    replan_every
        Frames between plans.
    horizon
        Most frames that one candidate is imagined.
    max_frames
        Most frames imagined for one start, over all of its plans.
    batch
        Most rows imagined side by side.
    """

    candidates: tuple[int, ...] = (40, 14, 14, 14, 14)
    refresh: tuple[int, ...] = (6,)
    elites: int = 2
    width: float = 0.6
    refresh_width: float = 0.3
    shrink: float = 0.6
    wiggle: float = 0.15
    piece: int = 12
    replan_every: int = 4
    horizon: int = 48
    max_frames: int = 4000
    batch: int = 512


CONFIGS: dict[str, CEMConfig] = {
    "Strike": CEMConfig(candidates=(40, 14, 14, 14, 14)),
    "Catch": CEMConfig(candidates=(10, 4), refresh=(4,)),
}


def config_for(task: Task) -> CEMConfig:
    """The settings tuned for a task, or the defaults."""
    return CONFIGS.get(task.name, CEMConfig())


def schedule(task: Task, config: CEMConfig) -> dict[int, tuple[int, ...]]:
    """Candidates of each iteration for a plan made at each frame of an episode.

    Counts are cut in proportion until the worst case, an episode that never ends early, stays within
    `max_frames`. Raises ValueError where not even two candidates of a fresh plan fit.
    """
    moments = range(0, task.frames, max(config.replan_every, task.stride))
    wanted = {t: config.refresh if t else config.candidates for t in moments}
    worst = sum(sum(counts) * min(config.horizon, task.frames - t) for t, counts in wanted.items())
    scale = min(1.0, config.max_frames / worst)
    plan = {t: tuple(n for c in counts if (n := int(c * scale)) > 0) for t, counts in wanted.items()}
    if not plan[0] or plan[0][0] < 2:
        raise ValueError(
            f"max_frames={config.max_frames} leaves fewer than two candidates for {task.name}; "
            f"raise it or imagine less (the settings want {worst} frames)"
        )
    return plan


@dataclass
class Imagined:
    """What the latest plan of each row promised: `planned` and `success` [N] bool, `miss` [N] m."""

    planned: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=bool))
    success: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=bool))
    miss: np.ndarray = field(default_factory=lambda: np.zeros(0))


class CEM:
    """Plans in `world` and acts wherever it is run.

    `frames_imagined` [N] counts the frames of each row since its reset, all candidates together; `imagined`
    holds what the latest plans promised. `where` is a private copy of the world: a running episode is never
    disturbed.

    Parameters
    ----------
    level
        Level whose action bounds are used.
    privileged
        Start imagination from the true scene (engines only) instead of the frames seen.
    """

    name = "cem"

    def __init__(
        self,
        task: Task,
        world: "str | World",
        config: CEMConfig | None = None,
        level: str = "id",
        privileged: bool = False,
    ) -> None:
        own = private_world(world, task, level)
        self.privileged = privileged
        self._prepare(
            task, level, (TrueWorld if privileged else SeenWorld)(own, task), config or config_for(task)
        )

    def _prepare(self, task: Task, level: str, where: Imagination, config: CEMConfig) -> None:
        self.task, self.config, self.prepared_in = task, config, where.name
        self.where = where
        control = task.template.control
        assert control is not None, f"{task.name} has nothing to control"
        self._region = Region(*task.bounds(level), disc=control.kind == "launch")
        self._schedule = schedule(task, config)
        self.imagined = Imagined()
        self.frames_imagined = np.zeros(0, dtype=np.int64)
        self._keys = np.zeros(0, dtype=np.uint64)
        self._plans = np.zeros((0, task.frames, len(self._region.low)))
        self._seen: tuple[Track, Outcome] | None = None
        self._fresh = np.zeros(0, dtype=bool)

    def reset(self, rows: Sequence[int], keys: np.ndarray) -> None:
        """See `Policy.reset`."""
        index = np.asarray(rows, dtype=np.int64)
        self._grow(int(index.max(initial=-1)) + 1)
        self._keys[index] = keys
        self._plans[index] = 0.0
        self._fresh[index] = True
        self.frames_imagined[index] = 0
        self.imagined.planned[index] = self.imagined.success[index] = False
        self.imagined.miss[index] = np.nan

    def _grow(self, count: int) -> None:
        more = count - len(self._keys)
        if more <= 0:
            return
        self._seen = None

        def longer(a: np.ndarray) -> np.ndarray:
            return np.concatenate([a, np.zeros((more, *a.shape[1:]), dtype=a.dtype)])

        self._keys, self._plans, self._fresh = longer(self._keys), longer(self._plans), longer(self._fresh)
        self.frames_imagined = longer(self.frames_imagined)
        self.imagined = Imagined(
            *map(longer, (self.imagined.planned, self.imagined.success, self.imagined.miss))
        )

    def act(self, observation: Observation) -> np.ndarray:
        """See `Policy.act`; rows whose task is over do nothing and imagine nothing.

        Raises ValueError where an observed row was never reset.
        """
        count = len(observation.goal)
        if count != len(self._keys):
            raise ValueError(
                f"{count} rows observed, {len(self._keys)} were reset; reset each row before acting"
            )
        over = self._follow(observation)
        elapsed = self.task.frames - observation.time_left.cpu().numpy()
        elapsed = np.clip(elapsed, 0, self.task.frames - 1)
        active = ~over & (observation.time_left.cpu().numpy() > 0)
        for t in np.unique(elapsed[active]):
            if int(t) in self._schedule:
                self._plan_rows(observation, np.flatnonzero(active & (elapsed == t)), int(t))
        actions = self._plans[np.arange(count), elapsed]
        return np.where(active[:, None], actions, 0.0)

    def _follow(self, observation: Observation) -> np.ndarray:
        """[N] bool: rows whose task has ended, as observed; known where a decision lasts one frame."""
        track, goal = observation.track, observation.goal
        outcome = self.task.open(track, goal)
        if self._seen is not None and self.task.stride == 1:
            before, running = self._seen
            judged = self.task.judge(running, before, track, goal, observation.time_left)
            fresh = torch.as_tensor(self._fresh, device=goal.device)
            outcome = outcome.where(fresh, running.where(running.over, judged))
        self._seen, self._fresh[:] = (track, outcome), False
        return outcome.over.cpu().numpy()

    def _plan_rows(self, observation: Observation, rows: np.ndarray, elapsed: int) -> None:
        """Plan for rows that stand at the same frame of their episodes, in batches of whole rows."""
        counts = self._schedule[elapsed]
        size = max(1, self.config.batch // max(counts, default=1))
        for i in range(0, len(rows), size):
            chunk = rows[i : i + size]
            if counts:
                self._plan(take(observation, chunk), chunk, elapsed, counts)

    def _plan(
        self, observation: Observation, rows: np.ndarray, elapsed: int, counts: tuple[int, ...]
    ) -> None:
        """One plan for each row: the best candidate of all iterations."""
        frames = min(self.config.horizon, self.task.frames - elapsed)
        decisions = -(-frames // self.task.stride)
        pieces = -(-decisions // self.config.piece)
        tried = np.zeros((len(rows), 0, pieces, len(self._region.low)))
        cost, success, miss = (
            np.zeros((len(rows), 0)),
            np.zeros((len(rows), 0), dtype=bool),
            np.zeros((len(rows), 0)),
        )
        for iteration, count in enumerate(counts):
            keys = key.fold(self._keys[rows], "plan", elapsed, iteration)
            new = np.stack(
                [
                    self._propose(key.generator(k), elapsed, row, iteration, count, old, c)
                    for k, row, old, c in zip(keys, rows, tried, cost)
                ]
            )
            noise = key.fold(self._keys[rows], "imagination", elapsed, iteration)
            outcome, used = imagine(self.where, self.task, observation, noise, self._commands(new, frames))
            self.frames_imagined[rows] += used
            tried = np.concatenate([tried, new], axis=1)
            cost = np.concatenate([cost, costs(outcome).reshape(len(rows), count)], axis=1)
            success = np.concatenate(
                [success, outcome.success.cpu().numpy().reshape(len(rows), count)], axis=1
            )
            miss = np.concatenate(
                [miss, outcome.miss.double().cpu().numpy().reshape(len(rows), count)], axis=1
            )
        each, best = np.arange(len(rows)), cost.argmin(axis=1)
        self._plans[rows, elapsed : elapsed + frames] = self._commands(tried[each, best][:, None], frames)[
            :, 0
        ]
        self.imagined.planned[rows] = True
        self.imagined.success[rows], self.imagined.miss[rows] = success[each, best], miss[each, best]

    def _propose(
        self,
        rng: np.random.Generator,
        elapsed: int,
        row: int,
        iteration: int,
        count: int,
        tried: np.ndarray,
        cost: np.ndarray,
    ) -> np.ndarray:
        """Candidates [count, M, A] of one row for one iteration."""
        config, refresh = self.config, self.imagined.planned[row]
        width = config.refresh_width if refresh else config.width * self._region.spacing(config.candidates[0])
        if iteration == 0 and not refresh:
            return self._region.spread(rng, count, tried.shape[1], config.wiggle)
        if iteration == 0:
            running = self._running(row, elapsed, tried.shape[1])[None]
            if count == 1:
                return running
            return np.concatenate([running, self._region.around(rng, running, count - 1, width)])
        best = np.argsort(cost, kind="stable")[: config.elites]
        power = iteration if refresh else iteration - 1
        return self._region.around(rng, tried[best], count, width * config.shrink**power)

    def _running(self, row: int, elapsed: int, pieces: int) -> np.ndarray:
        """The rest of a row's plan [M, A], in pieces counted from now."""
        rest = self._plans[row, elapsed :: self.task.stride]
        length = self.config.piece
        return np.stack([rest[m * length : (m + 1) * length].mean(axis=0) for m in range(pieces)])

    def _commands(self, plans: np.ndarray, frames: int) -> np.ndarray:
        """Actions at each frame [N, C, frames, A] from pieces [N, C, M, A]; a launch acts once a decision."""
        decision = np.arange(frames) // self.task.stride
        actions = plans[:, :, decision // self.config.piece]
        if self._region.disc:
            actions = actions * (np.arange(frames) % self.task.stride == 0)[:, None]
        return actions


def costs(outcome: Outcome) -> np.ndarray:
    """What the planner minimises [N]: the miss in m, a view's width more where bodies were lost."""
    miss = np.nan_to_num(outcome.miss.double().cpu().numpy(), nan=2 * VIEW, posinf=2 * VIEW)
    return miss + VIEW * outcome.spoiled.cpu().numpy()
