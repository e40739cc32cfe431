"""Case or law: a null model that replays training clips is always nearer to them, the true physics never."""

import numpy as np

from benchmarks.laws import Cell
from benchmarks.memory import measure, nearer_to_memory, reversals


def test_the_nulls_are_where_they_must_be():
    shares = {}
    for name in ("retrieval", "inertia"):
        for row in measure(Cell(name, "uniform_fast_mirrored", "slow", clips=8, memory=30)):
            shares[name, row["metric"]] = row["value"]
    assert shares["retrieval", "nearer_to_memory"] == 1.0 and shares["retrieval", "velocity_error"] > 1.0
    assert shares["inertia", "nearer_to_memory"] == 0.0  # uniform motion is what inertia knows
    assert shares["inertia", "reversed"] == 0.0


def test_only_scored_frames_count():
    true, recalled = np.zeros((2, 3, 1, 2)), np.ones((2, 3, 1, 2))
    predicted = true.copy()
    predicted[0, 2] = 5.0
    mask = np.ones((2, 3, 1), dtype=bool)
    mask[0, 2] = False
    assert nearer_to_memory(predicted, recalled, true, mask).tolist() == [False, False]
    assert nearer_to_memory(recalled, recalled, true, mask).tolist() == [True, True]
    mask[1] = False
    assert len(nearer_to_memory(predicted, recalled, true, mask)) == 1


def test_balls_that_are_turned_round():
    true = np.zeros((2, 8, 1, 2))
    true[:, :, 0, 0] = np.arange(8)
    predicted = true.copy()
    predicted[1, 4:, 0, 0] = 3 - np.arange(1, 5)
    assert reversals(predicted, true).tolist() == [False, True]
