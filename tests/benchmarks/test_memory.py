"""Case or law: a null model that replays training clips is always nearer to them, the true physics never."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks.learned import memory
from benchmarks.learned import tables as model_tables
from benchmarks.learned.laws.models import make_memory
from benchmarks.learned.memory import nearer_to_memory, nearness, reversals
from benchmarks.reports import tables
from worldsim.models.autoencoder import Autoencoder
from worldsim.models.direct import DirectModel
from worldsim.models.physics import PhysicsModel
from worldsim.scenarios import pairs
from worldsim.training.data import make_clips
from worldsim.training.recipes import get_recipe


def test_the_nulls_are_where_they_must_be():
    name, shares = "uniform_fast_mirrored", {}
    for model in (make_memory(name, 30), PhysicsModel("inertia", name)):
        for row in nearness(model, [name], clips=8, memory=30):
            if row["level"] == "slow":
                shares[model.name, row["metric"]] = row["value"]
    assert shares["retrieval", "nearer_to_memory"] == 1.0 and shares["retrieval", "velocity_error"] > 1.0
    assert shares["inertia", "nearer_to_memory"] == 0.0  # uniform motion is what inertia knows
    assert shares["inertia", "reversed"] == 0.0


def test_trained_for_gaps_and_pairs_once(tmp_path, here):
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
    assert tables.shown(model_tables.pairs(rows)).row_count == 6


@pytest.mark.parametrize("family", ["motion", "clip"])
def test_pairs_are_learned_from_rollouts_that_their_clips_can_hold(family, tmp_path, monkeypatch, here):
    """Elsewhere both families learn from 28 frames, and clips of pairs have 16."""
    monkeypatch.setattr(pairs, "PAIRED", pairs.PAIRED[:1])
    args = memory.Args(families=(family,), steps=1, train_clips=4, clips=2, workers=1, work=tmp_path)
    if family == "clip":
        args = replace(args, autoencoder=str(tmp_path / "autoencoder"), resolution=64)
        Autoencoder(widths=(8,), latent_channels=4).save_pretrained(args.autoencoder)
    rows = memory.with_pairs(args)
    assert len(rows) == 2 * 4 and {r["model"] for r in rows} == {family}


def test_the_memory_of_a_model_holds_clips_that_it_was_trained_on():
    """A quarter of 40 clips of a mixture, and at most as many as are asked for."""
    mixture = (("collision", 0.75), ("uniform", 0.25))
    recipe = replace(get_recipe("table"), mixture=mixture, clips=40, seed=3)
    learned = make_clips(recipe).states[30:, :, 0]  # those of collisions come first
    for asked, held in ((100, 10), (4, 4)):
        own = make_memory("uniform", asked, recipe=recipe)
        assert torch.equal(own.states[:, :, 0], learned[:held]) and len(own.states) == held
    fresh = make_memory("uniform", 10).states[:, :, 0]
    assert not any(torch.equal(a, b) for a in fresh for b in learned)


def test_models_are_measured_once_and_those_of_unknown_origin_are_named(tmp_path, monkeypatch):
    """The second time nothing is rolled out; what a model was trained on comes from its training.json."""
    for name in ("told", "untold"):
        DirectModel(widths=(8, 8), blocks=(1, 1)).save_pretrained(tmp_path / name)
    recipe = replace(get_recipe("uniform").of_family("direct"), clips=12, seed=5)
    text = json.dumps({"step": 1, "recipe": recipe.settings()})
    (tmp_path / "told" / "training.json").write_text(text)
    held = []

    def remembered(scenario, clips, resolution, recipe):
        held.append((scenario, recipe))
        return make_memory(scenario, 6, resolution, recipe)

    monkeypatch.setattr(memory, "make_memory", remembered)
    monkeypatch.setattr(memory, "trained_on", lambda model: ("uniform",))
    models = tuple(str(tmp_path / name) for name in ("told", "untold"))
    args = memory.Args(models=models, clips=2, memory=6, work=tmp_path / "work")
    rows = memory.of_models(args)
    assert [(scenario, known and known.seed) for scenario, known in held] == [
        ("uniform", 5),
        ("uniform", None),
    ]
    assert [r.get("seed") for r in rows if r["level"] == "id"] == [5] * 3 + [None] * 3
    assert {r["model"] for r in rows} == {"told-direct", f"untold-direct{memory.FRESH}"}
    assert memory.of_models(args) == rows and len(held) == 2


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
