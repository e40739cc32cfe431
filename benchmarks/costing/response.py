"""Dose and response: success falls along a logistic curve, and there is a dose that halves it.

    log(p / (1 - p)) = intercept + slope · dose

The dose itself is fitted, not its logarithm: the unperturbed reference, dose zero, belongs to the fit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

LEAST_STARTS = 20
LEAST_EVENTS = 10  #: successes, and failures, behind a fit of one slope (Peduzzi et al. 1996)
LEAST_MIXED = 2  #: doses with both successes and failures
RIDGE = 1e-6  #: keeps the fit finite where a dose separates successes from failures
ITERATIONS = 60
RESAMPLES = 2000


@dataclass(frozen=True)
class Response:
    """A fitted curve and the dose that halves its success at dose zero.

    `half` is None where success does not fall by half within the doses tested; `low` and `high` are None
    where there is no interval, or where it is open on that side. `note` says why.
    """

    intercept: float
    slope: float
    half: float | None
    low: float | None
    high: float | None
    starts: int
    note: str = ""

    def success(self, doses: ArrayLike) -> np.ndarray:
        """The curve at some doses."""
        return _expit(self.intercept + self.slope * np.asarray(doses, dtype=float))


def fit(
    doses: ArrayLike,
    outcomes: ArrayLike,
    starts: Sequence[int] | np.ndarray,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Response:
    """The curve through outcomes [M] (bool) at doses [M], several of them on one of `starts` [M].

    The interval is a percentile bootstrap that draws starts again with everything that was done on them.
    Raises ValueError for unequal lengths, doses that are not finite or negative, and fewer than two doses.
    """
    doses, outcomes, starts = np.asarray(doses, dtype=float), np.asarray(outcomes), np.asarray(starts)
    if not doses.shape == outcomes.shape == starts.shape or doses.ndim != 1:
        raise ValueError(
            f"{doses.shape} doses, {outcomes.shape} outcomes and {starts.shape} starts do not belong together"
        )
    if not np.isin(outcomes, (0, 1)).all():
        raise ValueError("outcomes are successes and failures; expected 0 or 1")
    if not (np.isfinite(doses) & (doses >= 0)).all() or len(set(doses.tolist())) < 2:
        raise ValueError("a curve needs at least two different doses, all finite and not negative")
    levels, which = np.unique(doses, return_inverse=True)
    names, who = np.unique(starts, return_inverse=True)
    tried, solved = np.zeros((2, len(names), len(levels)))
    np.add.at(tried, (who, which), 1.0)
    np.add.at(solved, (who, which), outcomes.astype(float))
    a, b = (float(v[0]) for v in logistic(levels, tried.sum(0)[None], solved.sum(0)[None]))
    half = float(halving(np.array(a), np.array(b)))
    value = half if half <= levels[-1] else None
    few = too_few(len(names), tried.sum(0), solved.sum(0))
    reasons = [few] if few else []
    if value is None:
        reasons.append(f"success does not fall by half within {levels[-1]:.2g} m")
    low = high = None
    if not reasons:
        low, high = _interval(levels, tried, solved, level, resamples, seed)
        if high is None:
            reasons.append("the interval is open above")
    return Response(a, b, value, low, high, len(names), "; ".join(reasons))


def logistic(doses: np.ndarray, tried: np.ndarray, solved: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Intercepts and slopes [R] of R data sets: `solved` of `tried` [R, D] at each of the doses [D].

    Newton's method for the likelihood, each step at most 2 in logits; the ridge acts on intercept and slope
    of the standardised doses.
    """
    middle, scale = doses.mean(), doses.std()
    x = (doses - middle) / scale
    a, b = np.zeros(len(tried)), np.zeros(len(tried))
    for _ in range(ITERATIONS):
        p = _expit(a[:, None] + b[:, None] * x)
        weight, rest = tried * p * (1 - p), solved - tried * p
        g0, g1 = rest.sum(1) - RIDGE * a, (rest * x).sum(1) - RIDGE * b
        h00, h01, h11 = weight.sum(1) + RIDGE, (weight * x).sum(1), (weight * x * x).sum(1) + RIDGE
        det = h00 * h11 - h01**2
        step = np.stack([h11 * g0 - h01 * g1, h00 * g1 - h01 * g0]) / det
        step *= np.minimum(1.0, 2.0 / np.maximum(np.abs(step).max(0), 1e-12))
        a, b = a + step[0], b + step[1]
        if np.abs(step).max() < 1e-10:
            break
    return a - b * middle / scale, b / scale


def halving(intercept: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """Doses at which success is half of that at dose zero; infinite where it does not fall.

    p(d) = p(0) / 2 gives d = log(exp(intercept) + 2) / -slope.
    """
    falls = slope < 0
    return np.where(falls, np.logaddexp(intercept, np.log(2.0)) / np.where(falls, -slope, 1.0), np.inf)


def too_few(starts: int, tried: np.ndarray, solved: np.ndarray) -> str:
    """What is missing for an interval, "" if nothing; `solved` of `tried` [D] at each dose.

    Where at most one dose is solved sometimes, every steep curve through it fits alike.
    """
    successes, failures = int(solved.sum()), int((tried - solved).sum())
    mixed = int(((solved > 0) & (solved < tried)).sum())
    if starts < LEAST_STARTS:
        return f"no interval: {starts} starts, {LEAST_STARTS} are needed"
    if min(successes, failures) < LEAST_EVENTS:
        found = f"{successes} successes and {failures} failures"
        return f"no interval: {found}, {LEAST_EVENTS} of each are needed"
    if mixed < LEAST_MIXED:
        return f"no interval: successes and failures at {mixed} of the doses, {LEAST_MIXED} are needed"
    return ""


def _interval(
    doses: np.ndarray, tried: np.ndarray, solved: np.ndarray, level: float, resamples: int, seed: int
) -> tuple[float | None, float | None]:
    """Ends of the percentile interval over starts drawn again; None for one that is infinite."""
    count = len(tried)
    rng = np.random.Generator(np.random.Philox(key=seed))
    drawn = rng.multinomial(count, np.full(count, 1 / count), size=resamples).astype(float)
    halves = halving(*logistic(doses, drawn @ tried, drawn @ solved))
    tail = 50 * (1 - level)
    low, high = np.percentile(halves, [tail, 100 - tail], method="closest_observation")
    return tuple(float(end) if np.isfinite(end) else None for end in (low, high))  # type: ignore[return-value]


def _expit(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(x, -500, 500)))
