"""Where actions may lie, and how candidate plans are drawn there.

A plan is `[M, A]`: M pieces of constant action. Draws are spread out rather than independent, so that a few
candidates already cover what matters: the first ones lie on a grid with a random phase, later ones surround
the best ones so far at evenly turned directions.
"""

from dataclasses import dataclass

import numpy as np

GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))  #: between neighbours of a sunflower's seeds (Vogel 1979)


@dataclass(frozen=True)
class Region:
    """The actions a control allows: a box [low, high], or for launches the disc of radius high[0]."""

    low: np.ndarray
    high: np.ndarray
    disc: bool

    @property
    def half(self) -> np.ndarray:
        """Half widths [A]."""
        return (self.high - self.low) / 2

    def clamp(self, actions: np.ndarray) -> np.ndarray:
        """The nearest allowed actions [..., A]."""
        if not self.disc:
            return np.clip(actions, self.low, self.high)
        length = np.linalg.norm(actions, axis=-1, keepdims=True)
        return actions * np.minimum(1.0, self.high[0] / np.maximum(length, 1e-12))

    def uniform(self, rng: np.random.Generator) -> np.ndarray:
        """One uniform action [A]."""
        if not self.disc:
            return rng.uniform(self.low, self.high)
        radius, angle = self.high[0] * np.sqrt(rng.random()), rng.uniform(0, 2 * np.pi)
        return np.array([radius * np.cos(angle), radius * np.sin(angle)])

    def spacing(self, count: int) -> float:
        """Distance between neighbours among `count` actions spread evenly, in half widths."""
        return float(np.sqrt(np.pi / count)) if self.disc else 2.0 / count ** (1.0 / len(self.low))

    def spread(self, rng: np.random.Generator, count: int, pieces: int, wiggle: float) -> np.ndarray:
        """Fresh candidates [count, pieces, A]: constant plans that cover the region evenly.

        Plans of several pieces deviate from their constant by `wiggle` (standard deviation, in half widths).
        """
        if self.disc:  # a sunflower of random phase: uniform over the area
            i = np.arange(count) + rng.random()
            radius = self.high[0] * np.sqrt(i / count)
            angle = i * GOLDEN_ANGLE + rng.uniform(0, 2 * np.pi)
            constant = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
        else:  # a Latin hypercube that reaches the bounds themselves
            strata = np.stack([rng.permutation(count) for _ in self.low], axis=-1)
            place = (strata + rng.uniform(-0.5, 0.5, self.low.shape)) / max(1, count - 1)
            constant = np.clip(self.low + 2 * self.half * place, self.low, self.high)
        plans = np.repeat(constant[:, None], pieces, axis=1)
        if pieces > 1:
            plans = plans + wiggle * self.half * rng.standard_normal(plans.shape)
        return self.clamp(plans)

    def around(self, rng: np.random.Generator, centres: np.ndarray, count: int, width: float) -> np.ndarray:
        """Candidates [count, M, A] around the centres [E, M, A] in turn, at about `width` half widths.

        Each centre's candidates lie on rings, at directions evenly turned from a random one; the pieces of a
        plan mostly move together.
        """
        size, elites = len(self.low), len(centres)
        centres, turn = centres[np.arange(count) % elites], np.arange(count) // elites
        distance = 0.6 + 0.5 * np.abs(rng.standard_normal(count))
        if size == 2:
            angle = rng.uniform(0, 2 * np.pi) + 2 * np.pi * turn / -(-count // elites)
            direction = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        else:
            direction = np.where(turn % 2 == 0, 1.0, -1.0)[:, None] * rng.choice([-1.0, 1.0], size)
        shift = (distance[:, None] * direction)[:, None]
        if centres.shape[1] > 1:
            shift = shift + 0.3 * rng.standard_normal(centres.shape)
        return self.clamp(centres + width * self.half * shift)
