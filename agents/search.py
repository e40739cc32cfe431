"""What a plan in the making has tried so far, for all of its rows."""

import numpy as np

from agents.refits.base import Tried
from agents.trials import Trial


class Search:
    """The candidates of some rows so far: plans [N, n, M, A] and what came of them [N, n]."""

    def __init__(self, warm: list[np.ndarray]) -> None:
        count, shape = len(warm), warm[0].shape[1:]
        self.warm = warm
        self.plans, self.slopes = np.zeros((2, count, 0, *shape))
        self.cost, self.miss = np.zeros((2, count, 0))
        self.success = np.zeros((count, 0), dtype=bool)
        self.frames = np.zeros(count, dtype=np.int64)
        self.sizes: tuple[int, ...] = ()

    def add(self, plans: np.ndarray, trial: Trial, slopes: np.ndarray | None) -> None:
        """One more iteration: plans [N, C, M, A], what came of them, and the slopes by them."""
        slopes = np.zeros_like(plans) if slopes is None else slopes
        self.plans = np.concatenate([self.plans, plans], axis=1)
        self.slopes = np.concatenate([self.slopes, slopes], axis=1)
        self.cost = np.concatenate([self.cost, trial.cost], axis=1)
        self.miss = np.concatenate([self.miss, trial.miss], axis=1)
        self.success = np.concatenate([self.success, trial.success], axis=1)
        self.frames = self.frames + trial.frames
        self.sizes += (plans.shape[1],)

    def tried(self, row: int) -> Tried:
        """What one row has tried."""
        return Tried(self.warm[row], self.plans[row], self.cost[row], self.slopes[row], self.sizes)
