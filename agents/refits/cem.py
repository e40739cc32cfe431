"""The cross-entropy method: try candidates, and search again around the best ones.

The elites are kept apart: each next generation is a mixture of Gaussian-like rings around every elite
(a kernel estimate of the elite distribution, Rubinstein & Kroese 2004, ch. 3). One Gaussian over all elites
averages plans that solve a task in different ways; on Strike it needs about twice as many candidates.
"""

from dataclasses import dataclass

import numpy as np

from agents.refits.base import Tried
from agents.regions import Region


@dataclass(frozen=True)
class CEMConfig:
    """How much is imagined, and where. Its text is part of the name of recorded results: fields keep their
    order.

    Attributes
    ----------
    candidates, refresh, wiggle, piece, replan_every, horizon, max_frames, batch
        See `Common`.
    elites
        Centres of the next iteration.
    width, shrink
        Distance of the second iteration's candidates from their centres, in spacings of the first, and its
        factor from one iteration to the next.
    refresh_width
        The same for the first iteration of a refreshed plan, in half widths of the action bounds.
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


class CEM:
    """See the module."""

    name = "cem"
    slopes = False
    keeps = 1

    def __init__(self, config: CEMConfig) -> None:
        self.config = config

    def propose(self, rng: np.random.Generator, region: Region, tried: Tried, count: int) -> np.ndarray:
        """See `Refit.propose`."""
        config, iteration, refresh = self.config, tried.iteration, len(tried.warm) > 0
        width = config.refresh_width if refresh else config.width * region.spacing(config.candidates[0])
        if iteration == 0 and not refresh:
            return region.spread(rng, count, tried.pieces, config.wiggle)
        if iteration == 0:
            running = tried.warm[:1]
            if count == 1:
                return running
            return np.concatenate([running, region.around(rng, running, count - 1, width)])
        power = iteration if refresh else iteration - 1
        centres = tried.plans[tried.best(config.elites)]
        return region.around(rng, centres, count, width * config.shrink**power)

    def choose(self, tried: Tried) -> int:
        """See `Refit.choose`."""
        return int(tried.cost.argmin())
