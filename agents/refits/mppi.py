"""MPPI: model predictive path integral control of Williams et al. (2017), "Information theoretic MPC".

The next mean is the mean of all candidates of an iteration, weighted by exp(-cost / temperature); candidates
are Gaussian around it. The mean is what is executed. It is the first candidate of every iteration but the
first of a fresh plan, so that the last one tries it: what is promised was imagined.
"""

from dataclasses import dataclass

import numpy as np

from agents.refits.base import Common, Tried
from agents.regions import Region


@dataclass(frozen=True)
class MPPIConfig(Common):
    """How much is imagined (see `Common`), and where.

    Attributes
    ----------
    temperature
        Difference of cost, m, at which a candidate counts e times less than the best.
    width, shrink
        Deviation of the second iteration, in spacings of the first, and its factor from one iteration to the
        next (Williams et al. keep it; few candidates need finer and finer ones).
    refresh_width
        Deviation of the first iteration of a refreshed plan, in half widths of the action bounds.
    """

    candidates: tuple[int, ...] = (40, 34, 33, 34, 1)
    refresh: tuple[int, ...] = (6, 1)
    temperature: float = 0.1
    width: float = 0.8
    shrink: float = 0.6
    refresh_width: float = 0.3


class MPPI:
    """See the module."""

    name = "mppi"
    slopes = False
    keeps = 1

    def __init__(self, config: MPPIConfig) -> None:
        self.config = config

    def propose(self, rng: np.random.Generator, region: Region, tried: Tried, count: int) -> np.ndarray:
        """See `Refit.propose`."""
        config, refresh = self.config, len(tried.warm) > 0
        if tried.iteration == 0 and not refresh:
            return region.spread(rng, count, tried.pieces, config.wiggle)
        mean = tried.warm[0] if tried.iteration == 0 else self.mean(tried)
        first = config.refresh_width if refresh else config.width * region.spacing(config.candidates[0])
        width = first * config.shrink ** (tried.iteration - (0 if refresh else 1))
        noise = rng.standard_normal((count, *mean.shape))
        noise[0] = 0.0
        return region.clamp(mean + width * region.half * noise)

    def mean(self, tried: Tried) -> np.ndarray:
        """The weighted mean [M, A] of the latest iteration's candidates."""
        new = tried.generation(-1)
        weight = np.exp(-(new.cost - new.cost.min()) / self.config.temperature)
        return np.einsum("c,cma->ma", weight / weight.sum(), new.plans)

    def choose(self, tried: Tried) -> int:
        """See `Refit.choose`: the mean, or where a plan had one iteration alone, its best candidate."""
        if tried.iteration == 1:
            return int(tried.cost.argmin())
        return len(tried.cost) - tried.sizes[-1]
