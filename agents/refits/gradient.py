"""Gradient descent on the cost, through a differentiable world.

Starts are spread out; the best of them go down the slope of the cost by Adam (Kingma & Ba 2015), several side
by side, and each step ends at the nearest allowed plan. The best plan of all is executed.

A frame imagined with its slope counts as two of the budget: one forward, one back. Going back forms the
gradients of activations alone, not of weights, which takes as many multiplications as going forward. The last
iteration needs no slope and counts once.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from agents.refits.base import Common, Tried
from agents.regions import Region

BETAS = 0.5, 0.9  #: shares of the old moments; shorter memories than in training, for there are few steps
TINY = 1e-8


@dataclass(frozen=True)
class GradientConfig(Common):
    """How much is imagined (see `Common`), and how far a step goes.

    `candidates` and `refresh` count the plans of each step and must not grow; where they shrink, the best
    go on.

    Attributes
    ----------
    batch
        Small by default: what going back needs of every frame stays in memory, some MiB for each row.
    rate, decay
        Length of the first step, in half widths of the action bounds, and its factor from step to step.
    refresh_width
        Distance of the other starts of a refreshed plan from the running one, in half widths.
    """

    candidates: tuple[int, ...] = (30, 6, 6, 6, 6, 6, 6, 6)
    refresh: tuple[int, ...] = (3, 3)
    batch: int = 64
    rate: float = 0.15
    decay: float = 0.8
    refresh_width: float = 0.2


class Gradient:
    """See the module. Raises ValueError where the numbers of plans grow."""

    name = "gradient"
    slopes = True
    keeps = 1

    def __init__(self, config: GradientConfig) -> None:
        self.config = config
        for counts in (config.candidates, config.refresh):
            if any(later > earlier for earlier, later in pairwise(counts)):
                raise ValueError(f"the gradient planner's plans grow in number: {counts}; let them not")

    def propose(self, rng: np.random.Generator, region: Region, tried: Tried, count: int) -> np.ndarray:
        """See `Refit.propose`."""
        config = self.config
        if tried.iteration > 0:
            return self.descend(region, tried, count)
        if len(tried.warm) == 0:
            return region.spread(rng, count, tried.pieces, config.wiggle)
        running = tried.warm[:1]
        if count == 1:
            return running
        return np.concatenate([running, region.around(rng, running, count - 1, config.refresh_width)])

    def descend(self, region: Region, tried: Tried, count: int) -> np.ndarray:
        """The best `count` plans of the latest step, one step on; slopes are taken per half width."""
        first = second = np.zeros(0)
        for i, after in enumerate((*tried.sizes[1:], count)):
            step = tried.generation(i)
            slope = step.slopes * region.half
            old = (first, second) if i else (np.zeros_like(slope), np.zeros_like(slope))
            best = step.best(after)
            first = (BETAS[0] * old[0] + (1 - BETAS[0]) * slope)[best]
            second = (BETAS[1] * old[1] + (1 - BETAS[1]) * slope**2)[best]
        number = len(tried.sizes)
        mean, square = first / (1 - BETAS[0] ** number), second / (1 - BETAS[1] ** number)
        length = self.config.rate * self.config.decay ** (number - 1)
        return region.clamp(step.plans[best] - length * region.half * mean / (np.sqrt(square) + TINY))

    def choose(self, tried: Tried) -> int:
        """See `Refit.choose`."""
        return int(tried.cost.argmin())
