"""The workshop: the hash in a record belongs to what was loaded, and is read once."""

import shutil

import pytest

from benchmarks.episodes import records, workshop
from benchmarks.episodes.playing import Cell, play
from benchmarks.episodes.specs import Spec
from benchmarks.episodes.workshop import Workshop
from worldsim.models import checkpoint_folder


@pytest.fixture
def model(tmp_path):
    return shutil.copytree(checkpoint_folder("drop"), tmp_path / "model")


def change(folder):
    """Write a model into the folder that does the same, but is not the same."""
    config = folder / "config.json"
    config.write_text(config.read_text() + "\n")


def test_records_carry_the_hash_of_what_was_loaded(model):
    shop, first = Workshop(str(model)), Workshop(str(model))
    cell = Cell("Catch", "id", Spec("noop"), "learned", 0, 1)
    (before,) = play(cell, [0], shop, {})
    change(model)
    (after,) = play(cell, [0], shop, {})
    assert after == before
    assert first.weights("learned", first.task("Catch")) not in before.weights


def test_a_model_that_changes_between_hash_and_reading_is_refused(model):
    shop = Workshop(str(model))
    task = shop.task("Catch")
    shop.weights("learned", task)
    change(model)
    with pytest.raises(ValueError, match="model was changed while it was in use"):
        shop.world("learned", task)


def test_policies_that_change_are_refused(tmp_path):
    from agents.learning import train
    from agents.learning.folders import WEIGHTS

    shop, spec = Workshop("box2d", tmp_path), Spec("ppo", "box2d")
    task = shop.task("Catch")
    assert shop.policy_hash(spec, task) == ""
    for seed in (0, 1):
        train(task, "box2d", 600, seed, tmp_path / str(seed))
    folder = shop.policy_file(spec, task)
    shutil.copytree(tmp_path / "0", folder)
    first = shop.policy_hash(spec, task)
    assert first and shop.policy(spec, task, "id", "box2d")
    shutil.copy(tmp_path / "1" / WEIGHTS, folder)
    assert shop.policy_hash(spec, task) == first
    with pytest.raises(ValueError, match="was changed while it was in use"):
        shop.policy(spec, task, "id", "box2d")


def test_a_hash_is_read_once(model, monkeypatch):
    read = []
    monkeypatch.setattr(workshop, "file_hash", lambda path: read.append(path) or records.file_hash(path))
    shop = Workshop(str(model))
    cell = Cell("Catch", "id", Spec("cem", "learned"), "learned", 0, 1)
    for start in range(5):
        cell.blank(start, shop)
    assert read == [model]
