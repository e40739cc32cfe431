"""What a contrast comes to: its parts with intervals, its p value, and the verdict once all five are
known."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.prediction.cases import Case
from benchmarks.results_io import Row
from benchmarks.statistics import Estimate, holm, units_needed
from benchmarks.statistics.estimate import LEVEL, percentiles

RESAMPLES = 4000
ALPHA = 0.05
Interval = Callable[[float], tuple[float, float]]  #: ends at a level of confidence


@dataclass(frozen=True)
class Part:
    """One quantity of a contrast: where it was measured, its value over `n` units, and its interval (None
    where units are too few). `null` is the value that would not support the contrast."""

    name: str
    where: Row
    value: float
    n: int
    interval: Interval | None
    null: float = 0.0

    def at(self, level: float = LEVEL) -> Estimate:
        """Value and interval at a level of confidence."""
        if self.interval is None:
            return Estimate.without_interval(self.value, self.n)
        return Estimate(self.value, *self.interval(level), self.n)

    def above(self, limit: float) -> bool:
        """Whether the 95 % interval lies above a limit."""
        return self.interval is not None and self.at().low > limit

    def below(self, limit: float) -> bool:
        """Whether the 95 % interval lies below a limit."""
        return self.interval is not None and self.at().high < limit

    def within(self, limit: float) -> bool:
        """Whether the 95 % interval lies between -limit and limit."""
        found = self.at()
        return self.interval is not None and -limit <= found.low and found.high <= limit


@dataclass(frozen=True)
class Contrast:
    """A contrast that was measured.

    `p` is its main p value, None where it could not be computed. `supported` and `refuted` say whether the
    written conditions hold, but for the corrected p value, which is asked for only where `tested`.
    """

    letter: str
    claim: str
    parts: tuple[Part, ...] = ()
    p: float | None = None
    supported: bool = False
    refuted: bool = False
    tested: bool = False
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Judged:
    """A contrast with Holm's corrected p value, the level of confidence that its step of the correction gives
    its intervals, and the verdict: "supported", "refuted", "undecided" where neither condition holds, or
    "supported and refuted" where both do: what is there is sure, and too small to matter."""

    contrast: Contrast
    p_holm: float
    level: float
    verdict: str


def judge(contrasts: Sequence[Contrast]) -> list[Judged]:
    """Verdicts of all contrasts together; one without a p value counts as p = 1 in Holm's correction.

    The corrected interval of the k-th smallest of m p values has the level 1 - .05 / (m - k + 1), that of the
    step at which it is tested.
    """
    p = np.array([1.0 if c.p is None else c.p for c in contrasts])
    ranks = np.argsort(np.argsort(p, kind="stable"), kind="stable")
    found = []
    for contrast, adjusted, rank in zip(contrasts, holm(p).tolist(), ranks.tolist()):
        supported = contrast.supported and (not contrast.tested or adjusted < ALPHA)
        holds = [name for name, yes in (("supported", supported), ("refuted", contrast.refuted)) if yes]
        verdict = " and ".join(holds) or "undecided"
        found.append(Judged(contrast, adjusted, 1 - ALPHA / (len(p) - rank), verdict))
    return found


def drawn_part(
    name: str, where: Row, value: float, draws: np.ndarray, n: int, null: float = 0.0
) -> tuple[Part, float | None]:
    """A part with the percentile interval of its bootstrap draws [R], and its two-sided p value against
    `null`: twice the smaller share of draws on one side of it, so that p and interval tell the same.

    Fewer than 6 units, and draws that are undefined more often than one in twenty, give neither.
    """
    defined = draws[~np.isnan(draws)]
    few = n < units_needed() or len(defined) < 0.95 * len(draws)
    if few or np.isnan(value):
        return Part(name, where, value, n, None, null), None

    def interval(level: float) -> tuple[float, float]:
        low, high = percentiles(defined, level)
        return float(low), float(high)

    side = min((defined <= null).sum(), (defined >= null).sum())
    return Part(name, where, value, n, interval, null), min(1.0, 2 * (1 + side) / (1 + len(defined)))


def weights(rng: np.random.Generator, units: int, resamples: int = RESAMPLES) -> np.ndarray:
    """How often each unit is drawn [R, units]."""
    return rng.multinomial(units, np.full(units, 1 / units), size=resamples).astype(float)


def generator(seed: int = 0) -> np.random.Generator:
    """The draws of a contrast."""
    return np.random.Generator(np.random.Philox(key=seed))


def counted(cases: Sequence[Case]) -> str:
    """How many models of how many training runs some cases are."""
    models, runs = len({case.model for case in cases}), len({case.run for case in cases})
    return f"{models} models of {runs} training runs"


def lacking(letter: str, claim: str, note: str) -> Contrast:
    """A contrast that cannot be computed, and why."""
    return Contrast(letter, claim, notes=(f"({letter}) {note}",))
