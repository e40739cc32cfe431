"""iCEM: the cross-entropy method of Pinneri et al. (2020), "Sample-efficient Cross-Entropy Method for
Real-time Planning", on one Gaussian.

Three things make it thrifty: noise that is coloured along the pieces of a plan, so that pieces move
together; elites that are kept from one iteration to the next and, shifted, from one plan to the next; and a
refit of mean and deviation with momentum. Every iteration but the first tries the mean, and the best
candidate of all is executed.
"""

from dataclasses import dataclass

import numpy as np

from agents.refits.base import Common, Tried
from agents.regions import Region

LEAST = 0.01  #: deviation below which the Gaussian does not shrink, half widths


@dataclass(frozen=True)
class ICEMConfig(Common):
    """How much is imagined (see `Common`), and where.

    Attributes
    ----------
    elites
        Candidates that the Gaussian is fitted to.
    kept
        Share of the elites that the next iteration, or the next plan, is told of.
    momentum
        Share of the old mean and deviation in the new ones.
    color
        The noise has the power spectrum 1 / frequency^color along the pieces; 0 is white.
    refresh_width
        Deviation of the first iteration of a refreshed plan, in half widths of the action bounds.
    """

    candidates: tuple[int, ...] = (62, 20, 20, 20, 20)
    elites: int = 3
    kept: float = 0.5
    momentum: float = 0.1
    color: float = 2.0
    refresh_width: float = 0.3


class ICEM:
    """See the module."""

    name = "icem"
    slopes = False

    def __init__(self, config: ICEMConfig) -> None:
        self.config = config
        self.keeps = max(1, round(config.kept * config.elites))

    def propose(self, rng: np.random.Generator, region: Region, tried: Tried, count: int) -> np.ndarray:
        """See `Refit.propose`."""
        config, shape = self.config, (count, *tried.plans.shape[1:])
        noise = coloured(rng, shape, config.color)
        if tried.iteration == 0 and len(tried.warm) == 0:
            centres = region.spread(rng, count, tried.pieces, 0.0)
            wiggle = config.wiggle * region.half * noise if tried.pieces > 1 else 0.0
            return region.clamp(centres + wiggle)
        mean, deviation = self.gaussian(region, tried)
        new = mean + deviation * noise
        if tried.iteration == 0:
            shifted = tried.warm[:count]
            new[: len(shifted)] = shifted
        else:
            new[0] = mean
        return region.clamp(new)

    def gaussian(self, region: Region, tried: Tried) -> tuple[np.ndarray, np.ndarray]:
        """Mean and deviation [M, A] after all iterations so far."""
        config, fitted = self.config, None
        if len(tried.warm):
            fitted = tried.warm[0], np.broadcast_to(config.refresh_width * region.half, tried.warm[0].shape)
        kept, kept_cost = tried.plans[:0], tried.cost[:0]
        for i in range(tried.iteration):
            new = tried.generation(i)
            plans, cost = np.concatenate([kept, new.plans]), np.concatenate([kept_cost, new.cost])
            order = np.argsort(cost, kind="stable")
            elites = plans[order[: config.elites]]
            kept, kept_cost = plans[order[: self.keeps]], cost[order[: self.keeps]]
            found = elites.mean(0), np.maximum(elites.std(0), LEAST * region.half)
            m = 0.0 if fitted is None else config.momentum
            fitted = found if fitted is None else tuple(m * a + (1 - m) * b for a, b in zip(fitted, found))
        assert fitted is not None, "a Gaussian is fitted to candidates or to a running plan"
        return fitted[0], fitted[1]

    def choose(self, tried: Tried) -> int:
        """See `Refit.choose`."""
        return int(tried.cost.argmin())


def coloured(rng: np.random.Generator, shape: tuple[int, ...], color: float) -> np.ndarray:
    """Noise [C, M, A] of unit variance with the power spectrum 1 / f^color along M (Timmer & König 1995)."""
    count, pieces, size = shape
    if pieces == 1:
        return rng.standard_normal(shape)
    frequency = np.maximum(np.fft.rfftfreq(pieces), 1.0 / pieces)
    weight = frequency ** (-color / 2)
    spectrum = rng.standard_normal((2, count, size, len(weight))) * weight
    real = np.zeros(len(weight), dtype=bool)
    real[0], real[-1] = True, pieces % 2 == 0  # these have no phase, and so all of their power in one part
    waves = np.where(real, np.sqrt(2) * spectrum[0], spectrum[0] + 1j * spectrum[1])
    # each wave but the real ones counts twice in the inverse transform
    power = np.where(real, 2 * weight**2, 4 * weight**2).sum() / pieces**2
    noise = np.fft.irfft(waves, n=pieces) / np.sqrt(power)
    return noise.transpose(0, 2, 1)
