"""The laws benchmark at a tiny size: its nulls must come out as they must."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.learned.laws import figures, models
from benchmarks.learned.laws.cell import STREAM, measure
from benchmarks.learned.laws.command import Args, plan
from benchmarks.learned.laws.parts import make_rows
from benchmarks.learned.laws.published import SCENARIOS, published
from benchmarks.results_io import read, select
from worldsim.metrics.rollouts import make_clips as clips_of
from worldsim.models import load_model
from worldsim.models.autoencoder import Autoencoder
from worldsim.models.direct import DirectModel
from worldsim.training.cost import training_flops
from worldsim.training.data import make_clips
from worldsim.training.recipes import get_recipe
from worldsim.training.trainer import train


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> Args:
    folder = tmp_path_factory.mktemp("laws")
    args = Args(models=(), clips=8, memory=40, workers=1, work=folder / "work", out=folder / "laws.json")
    for cell in plan(args):
        if cell.scenario == "collision" and cell.level in ("id", "both"):
            measure(cell, args.work)
    return args


def rows_of(args: Args):
    return [row for path in sorted(args.work.glob("*-*.json")) for row in read(path)[1]]


def value(rows, **columns) -> float:
    (row,) = select(rows, **columns)
    return row["value"]


def test_the_floor_is_low_and_a_null_model_is_wrong_after_the_impact(measured):
    rows = rows_of(measured)
    where = {"scenario": "collision", "level": "id", "metric": "velocity_error"}
    assert value(rows, model="tracker", **where) < 0.01
    assert value(rows, model="inertia", **where) > 1.0  # only frames after the impact count
    assert value(rows, model="retrieval", **where) > 0.1
    drift = {**where, "metric": "momentum_drift"}
    assert value(rows, model="tracker", **drift) < 0.01
    frames = value(rows, model="tracker", **{**where, "metric": "velocity_error_frames"})
    assert 8 * 5 < frames < 8 * 28 * 2


def test_fast_and_slow_clips_are_told_apart(measured):
    """By the speeds at which balls begin; together they are the whole level."""
    cells = [c for c in plan(measured) if c.scenario == "collision" and c.model == "inertia"]
    (both,), (inside,) = ([c for c in cells if c.level == level] for level in ("both", "id"))
    meta, whole = read(both.file(measured.work))
    found = {row["factor"]: row for row in make_rows(both, meta["clips"])}
    speeds = [
        max(abs(b.velocity[0]) for b in s.bodies) for s in clips_of("collision", "both", 8, STREAM).scenes
    ]
    fast = [clip["error"] for clip, speed in zip(meta["clips"], speeds, strict=True) if speed >= 4.5]
    assert found["fast"]["n"] == len(fast) and found["slow"]["n"] == 8 - len(fast) > 0
    assert found["fast"]["value"] == pytest.approx(np.mean(fast))
    parts = sum(row["value"] * row["n"] for row in found.values()) / 8
    assert parts == pytest.approx(value(whole, metric="velocity_error"), abs=1e-4)
    assert not list(make_rows(inside, read(inside.file(measured.work))[0]["clips"]))


def test_all_levels_of_the_study_are_planned():
    cells = plan(Args(models=("table",)))
    assert {c.level for c in cells if c.scenario == "collision"} == set(figures.LEVELS)
    assert {c.scenario for c in cells if c.model == "table"} == {"uniform", "collision"}
    assert {c.scenario for c in cells if c.model == "inertia"} == set(SCENARIOS)


def test_an_autoencoder_is_a_floor_of_every_scenario(tmp_path: Path):
    folder = tmp_path / "a-run" / "step-1"
    Autoencoder(widths=(8,), latent_channels=4).save_pretrained(folder)
    args = Args(models=(), autoencoders=(str(folder),), clips=3, work=tmp_path / "work")
    cells = [cell for cell in plan(args) if cell.name == "autoencoder"]
    assert {c.scenario for c in cells} == set(SCENARIOS)
    measure(cells[0], args.work)
    _, rows = read(cells[0].file(args.work))
    assert (
        value(rows, model="autoencoder", scenario="uniform", level="id", metric="permanence") < 1
    )  # untrained
    with pytest.raises(ValueError, match="cannot be read"):
        plan(replace(args, autoencoders=(str(tmp_path),)))


def test_an_autoencoder_of_larger_pictures_stands_beside_the_tracker_on_them(tmp_path: Path):
    for run, side in (("one", 64), ("two", 128), ("three", 128)):
        Autoencoder(resolution=side, widths=(8,), latent_channels=4).save_pretrained(tmp_path / run)
    one, two, three = (str(tmp_path / run) for run in ("one", "two", "three"))
    cells = plan(Args(models=(), autoencoders=(one, two), clips=3))
    first = {c.name: c for c in reversed(cells) if c.scenario == "uniform"}
    assert {"tracker", "tracker 128 px", "autoencoder", "autoencoder 128 px"} < set(first)
    errors = {}
    for name in ("tracker", "tracker 128 px", "autoencoder 128 px"):
        measure(first[name], tmp_path)
        _, rows = read(first[name].file(tmp_path))
        errors[name] = value(rows, model=name, metric="velocity_error")
    assert errors["tracker 128 px"] < errors["tracker"] < errors["autoencoder 128 px"]
    with pytest.raises(ValueError, match="two autoencoders are both of pictures of 128 pixels"):
        plan(Args(models=(), autoencoders=(two, three)))


def test_the_cost_of_training_stands_beside_the_errors(tmp_path: Path):
    recipe = replace(get_recipe("uniform").of_family("direct"), steps=2, clips=4, batch_frames=4)
    recipe = replace(recipe, model={**recipe.model, "widths": (8, 8), "blocks": (1, 1)})
    folder = str(train(recipe, make_clips(recipe), tmp_path / "uniform-direct"))
    [row] = models.cost(folder)
    assert row["model"] == "uniform-direct" and row["n"] == 2
    assert row["seed"] == 0 and row["value"] == training_flops(load_model(folder), recipe, 2) > 1e6
    assert models.scenarios_of(folder) == ["uniform"] and not list(models.cost("no such folder"))
    errors = [
        {"model": "uniform-direct", "scenario": "uniform", "metric": "velocity_error", "level": level,
         "seed": 0, "value": value, "low": value, "high": value, "n": 9}
        for level, value in (("id", 0.1), ("size", 0.4))
    ]  # fmt: skip
    figure = figures.over_cost([row, *errors])
    points = {tuple(line.get_ydata()) for line in figure.axes[0].lines}
    assert points == {(0.1, 0.4), (0.1,), (0.4,)}


def test_a_model_is_called_by_its_folder_and_family(tmp_path: Path):
    assert models.called("drop") == "drop-motion"
    for folder, name in (("uniform", "uniform-direct"), ("uniform-direct", "uniform-direct"),
                         ("directory", "directory-direct")):  # fmt: skip
        DirectModel(widths=(8, 8), blocks=(1, 1)).save_pretrained(tmp_path / folder / "step-1")
        assert models.called(str(tmp_path / folder / "step-1")) == name
    with pytest.raises(ValueError, match="no checkpoint"):
        models.called("nowhere")


def test_runs_that_differ_in_their_seed_alone_share_a_name_but_no_two_rows(tmp_path: Path):
    """Which of three folders is meant, the column seed tells."""
    folders = [tmp_path / name / "step-1" for name in ("uniform", "uniform-seed1", "twin/uniform")]
    for folder, seed in zip(folders, (0, 1, 0)):
        DirectModel(widths=(8, 8), blocks=(1, 1)).save_pretrained(folder)
        recipe = replace(get_recipe("uniform").of_family("direct"), seed=seed)
        (folder / "training.json").write_text(json.dumps({"step": 1, "recipe": recipe.settings()}))
    one, other, twin = map(str, folders)
    assert models.called(one) == models.called(other) == "uniform-direct"
    assert [models.seed_of(folder) for folder in (one, other)] == [{"seed": 0}, {"seed": 1}]
    assert len({cell.file(tmp_path) for cell in plan(Args(models=(one, other)))}) == 4 * 2 + 3 * 15
    with pytest.raises(ValueError, match="one training seed are both called uniform-direct"):
        plan(Args(models=(one, twin)))


def test_what_is_measured_has_its_file_and_other_numbers_another(measured):
    cell = plan(measured)[0]
    memory = replace(cell, model="retrieval")
    assert cell.file(measured.work) != replace(cell, clips=9).file(measured.work)
    assert cell.file(measured.work) == replace(cell, memory=41).file(measured.work)
    assert memory.file(measured.work) != replace(memory, memory=41).file(measured.work)


def test_a_model_of_unknown_origin_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="no checkpoint"):
        models.scenarios_of(str(tmp_path / "nowhere"))


def test_figures_and_table(measured):
    rows = rows_of(measured) + list(published())
    clips = [c for path in sorted(measured.work.glob("*-*.json")) for c in read(path)[0]["clips"]]
    drawn = figures.draw(rows, clips)
    assert set(drawn) == {"levels", "map"} and len(drawn["map"].axes) >= 2
    assert figures.table(rows).row_count == len(select(rows, metric="velocity_error"))
