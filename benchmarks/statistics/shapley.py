"""Shapley's value: how much each of some parts adds to a result that they bring about together.

Shapley (1953), "A Value for n-Person Games": the credit of part i is

    sum over the sets S without i of  |S|! (n - |S| - 1)! / n!  (v(S + i) - v(S)),

the mean of what i adds over all orders in which the parts can be added one by one. Credits sum to
v(all) - v(none). Sets are numbers whose bit i says that part i is in the set.
"""

from collections.abc import Sequence
from math import comb

import numpy as np


def shapley(values: np.ndarray) -> np.ndarray:
    """Credits [..., n] from the values [..., 2^n] of all sets. Raises ValueError where a set is missing."""
    values = np.asarray(values, dtype=float)
    count = values.shape[-1].bit_length() - 1
    if values.shape[-1] != 2**count or not count:
        raise ValueError(f"{values.shape[-1]} sets; expected a power of two, one for each set of parts")
    sets = np.arange(2**count)
    size = np.array([int(s).bit_count() for s in sets])
    credits = []
    for i in range(count):
        without = sets[(sets >> i) & 1 == 0]
        weight = np.array([1 / (count * comb(count - 1, int(k))) for k in size[without]])
        credits.append(((values[..., without | 1 << i] - values[..., without]) * weight).sum(-1))
    return np.stack(credits, -1)


def orders(count: int, number: int, seed: int) -> list[tuple[int, ...]]:
    """Some random orders of the parts, each followed by its reverse (antithetic draws: Mitchell et al. 2022,
    "Sampling Permutations for Shapley Value Estimation")."""
    rng = np.random.Generator(np.random.Philox(key=seed))
    drawn: list[tuple[int, ...]] = []
    while len(drawn) < number:
        order = tuple(int(i) for i in rng.permutation(count))
        drawn += [order, order[::-1]]
    return drawn[:number]


def sets_of(chosen: Sequence[Sequence[int]]) -> list[int]:
    """The sets that come up when parts are added in these orders, none and all included, ascending."""
    return sorted({sum(1 << i for i in order[:k]) for order in chosen for k in range(len(order) + 1)})


def shapley_of_orders(values: np.ndarray, chosen: Sequence[Sequence[int]]) -> np.ndarray:
    """Credits [..., n]: what each part adds, on average over the orders; they sum to v(all) - v(none) too.

    `values` [..., 2^n] need hold only the sets of these orders (`sets_of`).
    """
    values = np.asarray(values, dtype=float)
    credits = np.zeros((*values.shape[:-1], len(chosen[0])))
    for order in chosen:
        now = 0
        for i in order:
            credits[..., i] += values[..., now | 1 << i] - values[..., now]
            now |= 1 << i
    return credits / len(chosen)
