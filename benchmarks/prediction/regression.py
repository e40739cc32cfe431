"""Success from errors: logistic curves with a ridge, an intercept for each task and level.

    log(p / (1 - p)) = intercept + intercept of the place + Σ weight · standardised error

Everything that is chosen (which errors, how strong the ridge) is chosen inside the training cases, by holding
out each of their runs in turn.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from benchmarks.prediction.cases import Case

RIDGES = (0.03, 0.3, 3.0)  #: penalties of the weights that are tried
PLACE, FINITE = 0.1, 1e-4  #: of the intercepts of places, and of the common one
ITERATIONS = 50

Names = tuple[str, ...]
Predictor = Callable[[Sequence[Case], Sequence[Case]], np.ndarray]  #: training cases, others -> success [M]


@dataclass(frozen=True)
class Curve:
    """A fitted curve: which errors it reads, how they are standardised, its places and weights."""

    names: Names
    centre: np.ndarray
    scale: np.ndarray
    places: tuple[tuple[str, str], ...]
    weights: np.ndarray

    def __call__(self, cases: Sequence[Case]) -> np.ndarray:
        """Success [M] of some cases."""
        return _expit(_design(cases, self) @ self.weights)


def fit(cases: Sequence[Case], names: Names, ridge: float) -> Curve:
    """The curve through some cases, each counting alike. What a case lacks counts as the mean of the others.

    Raises ValueError without cases.
    """
    bare = _standard(cases, names)
    everyone = np.ones((1, len(cases)))
    weights = _newton(_design(cases, bare), _rates(cases), everyone, _penalties(bare, ridge)[None])
    return replace(bare, weights=weights[0])


def nested(candidates: Sequence[Names]) -> Predictor:
    """Predicts by the one of some sets of errors, and the ridge, that predict best inside the training cases.

    Best is the least mean absolute error over the training cases, each run of them held out in turn.
    """

    def predict(train: Sequence[Case], others: Sequence[Case]) -> np.ndarray:
        return fit(train, *choose(train, candidates))(others)

    return predict


def choose(train: Sequence[Case], candidates: Sequence[Names]) -> tuple[Names, float]:
    """The set of errors and the ridge that predict best inside some cases; of equals the first, and of ridges
    the strongest. With a single run there is nothing to choose by: the first set, the strongest ridge."""
    choices = list(product(candidates, sorted(RIDGES, reverse=True)))
    runs = sorted({case.run for case in train})
    if len(runs) < 2 or len(choices) == 1:
        return choices[0]
    kept = np.array([[case.run != run for case in train] for run in runs])  # [runs, cases]
    losses = np.concatenate([_losses(train, names, kept) for names in candidates])
    return choices[int(np.argmin(losses))]


def _losses(train: Sequence[Case], names: Names, kept: np.ndarray) -> np.ndarray:
    """Mean absolute error of each ridge, the strongest first, when the cases not `kept` are held out in turn.
    Errors are standardised once, over all training cases."""
    bare = _standard(train, names)
    x, y, ridges = _design(train, bare), _rates(train), sorted(RIDGES, reverse=True)
    penalty = np.repeat([_penalties(bare, ridge) for ridge in ridges], len(kept), axis=0)
    weights = _newton(x, y, np.tile(kept.astype(float), (len(ridges), 1)), penalty)
    off = np.abs(_expit(weights @ x.T) - y).reshape(len(ridges), *kept.shape)
    return np.asarray(np.where(kept, 0.0, off).sum((1, 2)) / len(train))


def mean_rate(train: Sequence[Case], others: Sequence[Case]) -> np.ndarray:
    """The training cases' mean success on the same task and level; over all of them where there is none."""
    found = []
    for case in others:
        here = [other.rate for other in train if other.place == case.place]
        found.append(np.mean(here or [other.rate for other in train]))
    return np.array(found)


def split(cases: Sequence[Case], run: str) -> tuple[list[Case], list[Case]]:
    """The cases of a run, and all others."""
    return [c for c in cases if c.run == run], [c for c in cases if c.run != run]


def _standard(cases: Sequence[Case], names: Names) -> Curve:
    """What a curve through some cases is standardised by; it has no weights yet."""
    if not cases:
        raise ValueError("no case to learn from; predictions need at least one run besides the one held out")
    raw = _errors(cases, names)
    some = np.isfinite(raw)
    count = np.maximum(some.sum(0), 1)
    centre = np.where(some, raw, 0.0).sum(0) / count
    spread = np.sqrt(np.where(some, np.square(raw - centre), 0.0).sum(0) / count)
    places = tuple(sorted({case.place for case in cases}))
    return Curve(names, centre, np.where(spread > 1e-12, spread, np.inf), places, np.zeros(0))


def _penalties(curve: Curve, ridge: float) -> np.ndarray:
    return np.array([FINITE, *[PLACE] * len(curve.places), *[ridge] * len(curve.names)])


def _rates(cases: Sequence[Case]) -> np.ndarray:
    return np.array([case.rate for case in cases])


def _errors(cases: Sequence[Case], names: Names) -> np.ndarray:
    raw = [[case.errors.get(name, np.nan) for name in names] for case in cases]
    return np.array(raw, dtype=float).reshape(len(cases), len(names))


def _design(cases: Sequence[Case], curve: Curve) -> np.ndarray:
    """Columns [M, 1 + places + errors] of some cases; a place that was never seen has the common
    intercept."""
    standard = (_errors(cases, curve.names) - curve.centre) / curve.scale
    here = [[float(case.place == place) for place in curve.places] for case in cases]
    return np.concatenate([np.ones((len(cases), 1)), np.array(here), np.nan_to_num(standard)], 1)


def _newton(x: np.ndarray, y: np.ndarray, counted: np.ndarray, penalty: np.ndarray) -> np.ndarray:
    """Weights [F, D] of F fits to rates `y` [N] at `x` [N, D], in which cases count `counted` [F, N]: the
    likeliest ones, less half the `penalty` [F, D] times their squares; steps are at most 2 in each weight."""
    weights, ridges = np.zeros(penalty.shape), penalty[:, :, None] * np.eye(x.shape[1])
    for _ in range(ITERATIONS):
        p = _expit(weights @ x.T)
        slope = (counted * (y - p)) @ x - penalty * weights
        bend = np.einsum("fn,nd,ne->fde", counted * p * (1 - p), x, x, optimize=True) + ridges
        step = np.linalg.solve(bend, slope[:, :, None])[:, :, 0]
        weights = weights + step * np.minimum(1.0, 2.0 / np.maximum(np.abs(step).max(1), 1e-12))[:, None]
        if np.abs(step).max() < 1e-9:
            break
    return weights


def _expit(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(x, -500, 500)))
