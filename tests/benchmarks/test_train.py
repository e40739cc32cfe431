"""`worldsim train`: what its options ask for, and which folder a run is given."""

from dataclasses import replace

import pytest

from benchmarks import cli
from benchmarks.verbs.train import Args, folder_of, recipe_of
from worldsim.models.autoencoder import Autoencoder
from worldsim.models.transformer import SIZES
from worldsim.training import data, memory_fit
from worldsim.training.recipes import RECIPES
from worldsim.training.trainer import make_model

FOLDERS = {
    "uniform": {},
    "uniform-direct": {"family": "direct"},
    "uniform-clip-S": {"family": "clip", "size": "S"},
    "uniform-clip-XL": {"family": "clip", "size": "XL"},
    "uniform-clip-S-seed1": {"family": "clip", "size": "S", "seed": 1},
    "uniform-clip-S-128px": {"family": "clip", "size": "S", "resolution": 128},
    "uniform-causal-S": {"family": "causal", "size": "S"},
    "uniform-causal-S-teacher": {"family": "causal", "size": "S", "forcing": "teacher"},
    "uniform-batch28-x4": {"batch_frames": 28, "accumulate": 4},
    "uniform-32px-seed2": {"resolution": 32, "seed": 2},
}


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_tells_what_sets_its_run_apart(name):
    recipe = recipe_of(Args(recipe="uniform", **FOLDERS[name]))
    assert folder_of(recipe).as_posix() == f"runs/train/{name}"
    told = {**recipe.settings(), **recipe.model}
    assert FOLDERS[name].items() <= told.items()


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_as_it_stands_has_a_folder_of_its_name(name):
    recipe = recipe_of(Args(recipe=name, seed=0, family=RECIPES[name].family))
    assert folder_of(recipe).as_posix() == f"runs/train/{name}" and recipe == RECIPES[name]


def test_sizes_and_resolution_reach_the_model(tmp_path):
    small = {"widths": (16, 16), "latent_channels": 4}
    Autoencoder(resolution=128, **small).save_pretrained(tmp_path)
    args = Args(recipe="uniform", family="causal", size="S", resolution=128, autoencoder=str(tmp_path))
    model = make_model(recipe_of(args))
    assert len(model.transformer.blocks) == SIZES["S"].layers and model.resolution == 128
    with pytest.raises(ValueError, match=r"pictures of 64 pixels.* trained on 128"):
        make_model(recipe_of(replace(args, resolution=None)))


@pytest.mark.parametrize("name", ["steps", "clips", "batch_frames", "accumulate"])
def test_no_number_may_be_zero(name):
    with pytest.raises(ValueError, match=f"at least 1, not {{'{name}': 0}}"):
        recipe_of(Args(**{name: 0}))


@pytest.mark.parametrize("words", [["--size", "S"], ["--family", "clip", "--size", "huge"]])
def test_a_size_that_does_not_exist_is_refused_with_those_that_do(words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["train", "uniform", *words]) == 1
    error = capsys.readouterr().err
    assert f"no size '{words[-1]}'" in error and "clip and causal have tiny, S, B, L, XL" in error
    assert not list(tmp_path.iterdir())


TINY = ["--family", "convolutional", "--steps", "1", "--clips", "40"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--pretrained", "nowhere"], "no checkpoint 'nowhere'"),
        (["--pretrained", "drop"], "the pretrained one in drop 'motion'"),
        (["--family", "clip"], "worldsim train autoencoder"),
        (["--family", "causal", "--autoencoder", "nowhere"], "the autoencoder in nowhere cannot"),
        (["--batch-frames", "100"], "too little; lower --batch-frames"),
        (["--seed", "1"], "was trained with seed=0"),
    ],
)
def test_what_would_stop_a_run_is_told_before_its_clips_are_simulated(
    words, said, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    out = ["--out", "run"]
    if "--seed" in words:
        assert cli.main(["train", "uniform", *TINY, *out]) == 0
    monkeypatch.setattr(data, "make_clips", lambda recipe: pytest.fail("all clips were simulated"))
    if "--batch-frames" in words:
        monkeypatch.setattr(memory_fit, "free_memory", lambda device: 2**20)
    assert cli.main(["train", "uniform", *TINY, *words, *out]) == 1
    assert said in capsys.readouterr().err


def test_a_run_that_goes_on_needs_its_pretrained_weights_no_more(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["train", "uniform", *TINY, "--out", "first"]) == 0
    words = ["train", "uniform", *TINY, "--pretrained", "first/step-1", "--out", "second"]
    assert cli.main(words) == 0
    (tmp_path / "first").rename(tmp_path / "gone")
    assert cli.main(words) == 0
