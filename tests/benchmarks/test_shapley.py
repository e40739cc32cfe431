"""Shapley's value on games with known answers."""

from itertools import permutations

import numpy as np
import pytest

from benchmarks.statistics.shapley import orders, sets_of, shapley, shapley_of_orders


def test_the_glove_game():
    """Shapley's own kind of example: one left glove (part 0), two right ones; a pair is worth 1."""
    values = [float(s & 1 and s & 6) > 0 for s in range(8)]
    assert shapley(values) == pytest.approx([4 / 6, 1 / 6, 1 / 6])


def test_credits_are_means_over_all_orders_and_add_up():
    values = np.random.default_rng(1).normal(size=(5, 16))
    credits = shapley(values)
    every = list(permutations(range(4)))
    assert credits == pytest.approx(shapley_of_orders(values, every))
    assert credits.sum(-1) == pytest.approx(values[:, -1] - values[:, 0])
    assert len(sets_of(every)) == 16


def test_a_part_that_adds_nothing_has_no_credit_and_parts_that_add_alike_share():
    additive = np.array([1.0 * (s & 1) + 0.5 * bool(s & 4) for s in range(8)])
    assert shapley(additive) == pytest.approx([1.0, 0.0, 0.5])
    together = np.array([float(s & 3 == 3) for s in range(8)])
    assert shapley(together) == pytest.approx([0.5, 0.5, 0.0])


def test_a_few_orders_need_few_sets_and_add_up_too():
    values = np.random.default_rng(2).normal(size=64)
    chosen = orders(6, 4, seed=0)
    known = np.full(64, np.nan)
    needed = sets_of(chosen)
    assert len(chosen) == 4 and chosen[1] == chosen[0][::-1] and {0, 63} <= set(needed) and len(needed) <= 22
    known[needed] = values[needed]
    assert shapley_of_orders(known, chosen).sum() == pytest.approx(values[63] - values[0])
    many = shapley_of_orders(values, orders(6, 4000, seed=0))
    assert many == pytest.approx(shapley(values), abs=0.1)
    assert orders(6, 3, seed=1) == orders(6, 3, seed=1) != orders(6, 3, seed=2)


def test_a_number_of_sets_that_is_no_power_of_two_is_refused():
    with pytest.raises(ValueError, match="6 sets; expected a power of two"):
        shapley(np.zeros(6))
