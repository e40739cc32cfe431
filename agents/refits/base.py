"""What planners differ in: how the next candidates come from those tried, and what says how much is tried."""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from agents.regions import Region


class Settings(Protocol):
    """What the sampling loop reads of any planner's settings; `Common` says what each of them means."""

    @property
    def candidates(self) -> tuple[int, ...]: ...
    @property
    def refresh(self) -> tuple[int, ...]: ...
    @property
    def piece(self) -> int: ...
    @property
    def replan_every(self) -> int: ...
    @property
    def horizon(self) -> int: ...
    @property
    def max_frames(self) -> int: ...
    @property
    def batch(self) -> int: ...


@dataclass(frozen=True)
class Common:
    """How much is imagined.

    Attributes
    ----------
    candidates
        Candidates of each iteration of a plan made from nothing.
    refresh
        Candidates of each iteration of a plan made on the way; the running plan is the first of them.
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
    wiggle: float = 0.15
    piece: int = 12
    replan_every: int = 4
    horizon: int = 48
    max_frames: int = 4000
    batch: int = 512


@dataclass(frozen=True)
class Tried:
    """What one row has tried for the plan that is being made.

    Attributes
    ----------
    warm : [E, M, A]
        The best of the plan before, moved on to the present moment; the running plan first. E is 0 for a
        plan made from nothing.
    plans : [n, M, A]
        Candidates of all iterations so far, in order.
    cost : [n]
        What they cost, m.
    slopes : [n, M, A]
        Slope of the cost, m per unit of action; zero unless the refit asked for slopes.
    sizes
        How many of them belong to each iteration.
    """

    warm: np.ndarray
    plans: np.ndarray
    cost: np.ndarray
    slopes: np.ndarray
    sizes: tuple[int, ...] = ()

    @property
    def pieces(self) -> int:
        """M."""
        return self.plans.shape[1]

    @property
    def iteration(self) -> int:
        """Number of the iteration to come."""
        return len(self.sizes)

    def generation(self, i: int) -> "Tried":
        """The candidates of one iteration alone, counted from the end where `i` is negative."""
        ends = np.cumsum(self.sizes)
        part = slice(ends[i] - self.sizes[i], ends[i])
        return replace(
            self,
            plans=self.plans[part],
            cost=self.cost[part],
            slopes=self.slopes[part],
            sizes=(self.sizes[i],),
        )

    def best(self, count: int) -> np.ndarray:
        """Indices of the cheapest candidates, the cheapest first."""
        return np.argsort(self.cost, kind="stable")[:count]


class Refit(Protocol):
    """How candidates come from those tried before: all that one planner does not share with the others.

    A refit keeps nothing between calls, so that rows cannot depend on their neighbours.
    """

    name: str
    slopes: bool  #: it needs the slope of the cost, and so a differentiable world
    keeps: int  #: how many of the best candidates the next plan is told of, at least 1

    @property
    def config(self) -> Settings:
        """How much is tried."""
        ...

    def propose(self, rng: np.random.Generator, region: Region, tried: Tried, count: int) -> np.ndarray:
        """The next candidates [count, M, A], within the region."""
        ...

    def choose(self, tried: Tried) -> int:
        """Which of the candidates is executed."""
        ...
