"""Case or law: a null model that replays training clips is always nearer to them, the true physics never."""

import numpy as np

from benchmarks import memory, model_tables
from benchmarks.laws.models import make_memory
from benchmarks.memory import nearer_to_memory, nearness, reversals
from worldsim.models.physics import PhysicsModel


def test_the_nulls_are_where_they_must_be():
    name, shares = "uniform_fast_mirrored", {}
    for model in (make_memory(name, 30), PhysicsModel("inertia", name)):
        for row in nearness(model, [name], clips=8, memory=30):
            if row["level"] == "slow":
                shares[model.name, row["metric"]] = row["value"]
    assert shares["retrieval", "nearer_to_memory"] == 1.0 and shares["retrieval", "velocity_error"] > 1.0
    assert shares["inertia", "nearer_to_memory"] == 0.0  # uniform motion is what inertia knows
    assert shares["inertia", "reversed"] == 0.0


def test_trained_for_gaps_and_pairs_once(tmp_path):
    """A second run reads what the first one measured; every clip keeps both attributes, one or none."""
    args = memory.Args(
        families=("direct",), steps=1, train_clips=4, clips=3, memory=6, workers=1, work=tmp_path
    )
    rows = memory.with_pairs(args)
    written = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.json")}
    assert memory.with_pairs(args) == rows and len(rows) == 6 * 2 * 4
    assert written == {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.json")}
    kept = [r["value"] for r in rows if r["scenario"] == "pair_size_shape" and r["level"] == "swapped"]
    assert sum(kept) == 1.0 and {r["model"] for r in rows} == {"direct"}
    assert not model_tables.gaps(rows).lines and len(model_tables.pairs(rows).lines) == 6  # swapped pairs
    assert model_tables.shown(model_tables.pairs(rows)).row_count == 6


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
