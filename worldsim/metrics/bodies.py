"""Do bodies stay apart, and stay themselves?"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import torch

from worldsim.metrics.contacts import touching_pairs
from worldsim.metrics.scoring import ByFrame
from worldsim.scenes import Scene

CLEARER = 0.5  #: m by which two places fit better exchanged than kept


def penetration(
    position: np.ndarray, radius: np.ndarray, shown: np.ndarray, scored: np.ndarray, scenes: Sequence[Scene]
) -> ByFrame:
    """How deep solid bodies lie in each other, m: by frame the mean over the pairs that can touch.

    `position` [N, T, B, 2] m and `radius` [N, B] m of the prediction, `shown` [N, T, B]. Pairs count where
    the truth scores their moving bodies (`scored` [N, T, B]); where the prediction does not show one of
    them the depth is the smaller diameter, as if one body had swallowed the other.
    """
    depths, counted = [], []
    for i, j in touching_pairs(scenes[0].bodies):
        wall = scenes[0].bodies[i].motion == "fixed"
        away = position[:, :, j] - position[:, :, i]
        reach, smaller = radius[:, j], radius[:, j]
        if wall:
            half = np.array([scene.bodies[i].half for scene in scenes])[:, None]
            away = away - np.clip(away, -half, half)
        else:
            reach, smaller = reach + radius[:, i], np.minimum(smaller, radius[:, i])
        here = shown[:, :, j] & (wall or shown[:, :, i])
        depth = np.clip(reach[:, None] - np.sqrt((away**2).sum(-1)), 0.0, 2 * smaller[:, None])
        depths.append(np.where(here, depth, 2 * smaller[:, None]))
        counted.append(scored[:, :, j] & (wall or scored[:, :, i]))
    if not depths:
        depths, counted = [np.zeros(scored.shape[:2])], [np.zeros(scored.shape[:2], dtype=bool)]
    return ByFrame.of(torch.as_tensor(np.stack(depths, -1)), torch.as_tensor(np.stack(counted, -1)))


def identity(position: np.ndarray, shown: np.ndarray, scored: np.ndarray, bodies: Sequence[int]) -> ByFrame:
    """Share of bodies that still are who they were; 0 for one that is not shown.

    Two of `bodies` that have exchanged their colours (see `exchanges`) stay exchanged until they change back.
    `position` [N, T, B, 2] m of the prediction (the last known one where it is not `shown` [N, T, B]); scored
    where two bodies are there to be confused and the truth counts (`scored` [N, T, B]).
    """
    exchanged = np.zeros(scored.shape, dtype=bool)
    for (i, j), swap in exchanges(position, bodies).items():
        odd = swap.cumsum(axis=1) % 2 == 1
        exchanged[:, :, i] ^= odd
        exchanged[:, :, j] ^= odd
    counted = scored & (len(bodies) > 1)
    return ByFrame.of(torch.as_tensor(shown & ~exchanged).double(), torch.as_tensor(counted))


def exchanges(position: np.ndarray, bodies: Sequence[int]) -> dict[tuple[int, int], np.ndarray]:
    """For each pair of `bodies` the frames [N, T] bool at which they exchange their colours.

    They do if both places fit better exchanged than kept, by 0.5 m each, whether they are compared with the
    last places or with those that the last velocities lead to; `position` [N, T, B, 2] m.
    """
    found = {}
    for i, j in combinations(bodies, 2):
        swap = np.zeros(position.shape[:2], dtype=bool)
        for t in range(1, position.shape[1]):
            now, last = position[:, t, [i, j]], position[:, t - 1, [i, j]]
            ahead = last + (last - position[:, max(t - 2, 0), [i, j]])
            swap[:, t] = _clearer(now, last) & _clearer(now, ahead)
        found[i, j] = swap
    return found


def _clearer(now: np.ndarray, then: np.ndarray) -> np.ndarray:
    """[N] bool: both of two places `now` [N, 2, 2] fit `then` [N, 2, 2] better in exchange."""
    kept = np.sqrt(((now - then) ** 2).sum(-1))
    crossed = np.sqrt(((now - then[:, ::-1]) ** 2).sum(-1))
    return np.asarray((crossed + CLEARER < kept).all(-1))
