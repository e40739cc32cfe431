"""The protocol of a policy."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from envs.base import Observation


class Policy(Protocol):
    """Chooses actions for N episodes at once."""

    name: str
    prepared_in: str  #: the world it planned or was trained in; "" when in none
    privileged: bool  #: True: it also receives the true scene

    def reset(self, rows: Sequence[int], keys: np.ndarray) -> None:
        """New episodes begin in `rows`; `keys` [len(rows)] uint64 name all of their randomness."""
        ...

    def act(self, observation: Observation) -> np.ndarray:
        """Actions [N, A] float64 within the task's bounds."""
        ...
