"""Random shooting: spread candidates over what is allowed, try them, take the best. There is no refit."""

from dataclasses import dataclass

import numpy as np

from agents.refits.base import Common, Tried
from agents.regions import Region


@dataclass(frozen=True)
class ShootingConfig(Common):
    """How much is imagined; see `Common`."""

    candidates: tuple[int, ...] = (142,)


class Shooting:
    """See the module."""

    name = "shooting"
    slopes = False
    keeps = 1

    def __init__(self, config: ShootingConfig) -> None:
        self.config = config

    def propose(self, rng: np.random.Generator, region: Region, tried: Tried, count: int) -> np.ndarray:
        """See `Refit.propose`; the running plan is tried again."""
        first = tried.warm[: 1 if tried.iteration == 0 else 0]
        fresh = count - len(first)
        if fresh == 0:
            return first
        return np.concatenate([first, region.spread(rng, fresh, tried.pieces, self.config.wiggle)])

    def choose(self, tried: Tried) -> int:
        """See `Refit.choose`."""
        return int(tried.cost.argmin())
