"""Planning: try candidates out in a world, search again around what was learned, act, and plan anew.

One loop for all planners. They differ in their refit alone, see `agents.refits.base`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from agents.budget import schedule
from agents.imagination import Imagination, take
from agents.plans import Layout, kind_of
from agents.refits.base import Refit
from agents.search import Search
from agents.trials import Trials
from envs.base import Observation, Outcome, Task
from worldsim import keys as key
from worldsim.tracking import HIDDEN, Track
from worldsim.worlds import differentiable_worlds


@dataclass
class Imagined:
    """What the latest plan of each row promised: `planned` and `success` [N] bool, `miss` [N] m."""

    planned: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=bool))
    success: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=bool))
    miss: np.ndarray = field(default_factory=lambda: np.zeros(0))


class Planner:
    """Plans in an imagination and acts wherever it is run.

    `frames_imagined` [N] counts the frames of each row since its reset, all candidates together; `imagined`
    holds what the latest plans promised. A row plans anew every few frames, but keeps to its running plan
    while a dynamic body is hidden: frames do not tell where it is, and imagination would begin without it. (A
    privileged planner knows, unless what it imagines in begins from frames.)

    Parameters
    ----------
    where
        What it imagines in, its own: a running episode is never disturbed.
    refit
        How candidates come from those tried before, and how much is tried.
    level
        Level whose action bounds are used.
    privileged
        It is shown the true scenes.
    blind
        It keeps to its running plan while a dynamic body is hidden; if not given, unless it is privileged.

    Raises ValueError where the refit needs slopes and the imagination has none.
    """

    def __init__(
        self,
        task: Task,
        where: Imagination,
        refit: Refit,
        level: str = "id",
        privileged: bool = False,
        blind: bool | None = None,
    ) -> None:
        if refit.slopes and not where.differentiable:
            raise ValueError(
                f"the {refit.name} planner needs a differentiable world, and {where.name!r} is not; "
                f"{differentiable_worlds()}"
            )
        control = task.template.control
        assert control is not None, f"{task.name} has nothing to control"
        self.task, self.where, self.refit, self.privileged = task, where, refit, privileged
        self._keeps_on = not privileged if blind is None else blind
        self.name, self.prepared_in = refit.name, where.name
        self._low, self._high = task.bounds(level)
        self._kind = kind_of(control.kind)
        self._region = self._kind.region(self._low, self._high)
        self._schedule = schedule(task, refit.config, refit.slopes)
        self._try = Trials(task, refit.config.batch)
        self._dynamic = [b for b, body in enumerate(task.template.bodies) if body.motion == "dynamic"]
        self.imagined = Imagined()
        self.frames_imagined = np.zeros(0, dtype=np.int64)
        self._keys = np.zeros(0, dtype=np.uint64)
        # the actions of the running plan at every frame, and of the next best candidates when it was made
        self._plans = np.zeros((0, refit.keeps, task.frames, len(self._low)))
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
        due = active & ~self._blind(observation.track)
        for t in np.unique(elapsed[due]):
            counts = self._schedule.get(int(t), ())
            if counts:
                rows = np.flatnonzero(due & (elapsed == t))
                self._plan(take(observation, rows), rows, int(t), counts)
        actions = self._plans[np.arange(count), 0, elapsed]
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

    def _blind(self, track: Track) -> np.ndarray:
        """[N] bool: rows with a running plan in which a dynamic body is hidden."""
        hidden = (track.status[:, self._dynamic] == HIDDEN).any(-1).cpu().numpy()
        return hidden & self.imagined.planned & self._keeps_on

    def _plan(
        self, observation: Observation, rows: np.ndarray, elapsed: int, counts: tuple[int, ...]
    ) -> None:
        """One plan for each of some rows that stand at the same frame of their episodes."""
        config = self.refit.config
        layout = Layout(min(config.horizon, self.task.frames - elapsed), self.task.stride, config.piece)
        search = Search(self._warm(rows, elapsed, layout))
        for iteration, count in enumerate(counts):
            keys = key.fold(self._keys[rows], "plan", elapsed, iteration)
            tried = [search.tried(row) for row in range(len(rows))]
            new = np.stack(
                [self.refit.propose(key.generator(k), self._region, t, count) for k, t in zip(keys, tried)]
            )
            noise = key.fold(self._keys[rows], "imagination", elapsed, iteration)
            actions = self._kind.actions(new, layout)
            sloping = self.refit.slopes and iteration + 1 < len(counts)
            trial = self._try(self.where, observation, noise, actions, sloping, max(counts))
            slopes = None if trial.slopes is None else self._kind.slopes(trial.slopes, layout)
            search.add(new, trial, slopes)
        self._adopt(search, rows, elapsed, layout)

    def _warm(self, rows: np.ndarray, elapsed: int, layout: Layout) -> list[np.ndarray]:
        """For each row the plans [E, M, A] it comes with, moved on to the present; none before the first."""
        moved = [self._kind.plans(self._plans[row, :, elapsed:], layout) for row in rows]
        return [m[: len(m) * planned] for m, planned in zip(moved, self.imagined.planned[rows])]

    def _adopt(self, search: Search, rows: np.ndarray, elapsed: int, layout: Layout) -> None:
        """Make what each row chose its running plan, and keep the next best for the plan after."""
        for i, row in enumerate(rows):
            tried = search.tried(i)
            chosen = self.refit.choose(tried)
            others = [b for b in tried.best(self.refit.keeps) if b != chosen]
            kept = np.resize([chosen, *others], self.refit.keeps)
            until = slice(elapsed, elapsed + layout.frames)
            self._plans[row, :, until] = self._kind.actions(tried.plans[kept], layout)
            self.imagined.success[row] = search.success[i, chosen]
            self.imagined.miss[row] = search.miss[i, chosen]
        self.frames_imagined[rows] += search.frames
        self.imagined.planned[rows] = True
