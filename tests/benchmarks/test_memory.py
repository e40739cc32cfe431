"""Case or law: a null model that replays training clips is always nearer to them, the true physics never."""

import numpy as np

from benchmarks.laws import Cell
from benchmarks.memory import measure, nearer_to_memory


def test_the_nulls_are_where_they_must_be():
    shares = {}
    for name in ("retrieval", "inertia"):
        (row,) = measure(Cell(name, "uniform", "speed", clips=8, memory=30))
        shares[name] = row["value"]
    assert shares == {"retrieval": 1.0, "inertia": 0.0}  # uniform motion is what inertia knows


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
