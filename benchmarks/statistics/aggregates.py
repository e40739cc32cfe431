"""Aggregates of scores over runs, tasks and attempts.

Source of the first three: Agarwal et al. (2021), "Deep Reinforcement Learning at the Edge of the Statistical
Precipice", section 4. Each takes `weights` of rows, so that `resampling.bootstrap` gives its interval.
"""

import numpy as np
from numpy.typing import ArrayLike

from benchmarks.statistics.estimate import LEVEL, RESAMPLES, Estimate, numbers
from benchmarks.statistics.resampling import bootstrap, mean

ATTEMPTS = 100  #: attempts that AUCCESS looks at


def iqm(scores: ArrayLike, weights: np.ndarray | None = None) -> np.ndarray:
    """Interquartile mean [R] of scores [N] in each draw of `weights` [R, N], counts; once each if absent.

    The lowest and the highest floor(n/4) of the n drawn scores are left out, as in the authors' code. Raises
    ValueError without scores or on NaN.
    """
    scores = numbers(scores, "scores")
    weights = np.ones((1, len(scores))) if weights is None else weights
    order = np.argsort(scores, kind="stable")
    above = weights[:, order].cumsum(axis=1)
    total = above[:, -1:]
    cut = np.floor(total / 4)
    kept = np.clip(above, cut, total - cut)
    kept = np.diff(kept, axis=1, prepend=cut)
    return np.asarray(kept @ scores[order] / kept.sum(axis=1))


def performance_profile(
    scores: ArrayLike, thresholds: ArrayLike, weights: np.ndarray | None = None
) -> np.ndarray:
    """Share [R, M] of scores [N] that lie above each of `thresholds` [M], in each draw of `weights` [R, N].

    Raises ValueError without scores or thresholds, or on NaN.
    """
    scores, thresholds = numbers(scores, "scores"), numbers(thresholds, "thresholds")
    weights = np.ones((1, len(scores))) if weights is None else weights
    above = (scores[:, None] > thresholds).astype(float)
    return np.asarray(weights @ above / weights.sum(axis=1, keepdims=True))


def probability_of_improvement(
    first: ArrayLike, second: ArrayLike, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0
) -> Estimate:
    """How likely a run of the first method beats a run of the second on a task, mean over M tasks.

    `first` [N, M] and `second` [K, M] are runs × tasks; a tie counts as half (Mann and Whitney's U over N K).
    Runs are drawn within each task and method. Raises ValueError where the tasks differ in number, or on NaN.
    """
    one, two = numbers(first, "first", 2), numbers(second, "second", 2)
    if one.shape[1] != two.shape[1]:
        raise ValueError(f"{one.shape[1]} and {two.shape[1]} tasks are not paired; expected equal numbers")
    runs, rivals, tasks = len(one), len(two), one.shape[1]
    better = (one.T[:, :, None] > two.T[:, None]) + 0.5 * (one.T[:, :, None] == two.T[:, None])  # [M, N, K]

    def statistic(weights: np.ndarray) -> np.ndarray:
        mine = weights[:, : tasks * runs].reshape(-1, tasks, runs)
        theirs = weights[:, tasks * runs :].reshape(-1, tasks, rivals)
        wins = np.einsum("rmn,mnk,rmk->r", mine, better, theirs, optimize=True)
        return np.asarray(wins / (runs * rivals * tasks))

    strata = np.concatenate([np.arange(tasks).repeat(runs), tasks + np.arange(tasks).repeat(rivals)])
    units = np.arange(len(strata))
    return bootstrap(statistic, [units], strata, level=level, resamples=resamples, seed=seed)


def auccess(
    solved_at: ArrayLike, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0
) -> Estimate:
    """AUCCESS of N instances: Σ w_k s_k / Σ w_k over k = 1 … 100 attempts, w_k = ln(k+1) - ln k, where s_k is
    the share solved within k attempts (Bakhtin et al. 2019, "PHYRE", section 4.2).

    `solved_at` [N] counts the attempts up to and with the first success, infinity where there is none. The
    sum over k telescopes, so the value is a mean over instances, and instances are drawn again. Raises
    ValueError on NaN, or on numbers of attempts that are not 1, 2, …
    """
    attempts = np.asarray(solved_at, dtype=float)
    finite = np.isfinite(attempts)
    if np.isnan(attempts).any() or (attempts < 1).any() or (attempts[finite] % 1 != 0).any():
        raise ValueError(f"attempts {attempts} are not 1, 2, … or infinity where nothing was solved")
    worth = 1 - np.log(np.minimum(attempts, ATTEMPTS + 1)) / np.log(ATTEMPTS + 1)
    return mean(worth, level=level, resamples=resamples, seed=seed)
