"""Scaling: slopes of known power laws, and a study that goes on where it was stopped."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from benchmarks import results_io
from benchmarks.learned import scaling
from benchmarks.learned.scaling import Model, slopes
from worldsim.training.data import Batches
from worldsim.training.schedule import horizon_at, rows_at

NO_LOOKS = SimpleNamespace(map=lambda function: None)


def law(data, parameters, noise=0.0, seeds=1):
    rng = np.random.Generator(np.random.Philox(key=1))
    return [
        Model(
            str(p),
            p,
            n,
            seed,
            1.0,
            {"id": 2.0 * n**data * p**parameters * np.exp(noise * rng.normal(size=50))},
        )
        for p in (1_000, 10_000)
        for n in (100, 1_000, 10_000)
        for seed in range(seeds)
    ]


def test_slopes_of_an_exact_power_law():
    found = slopes(law(-0.5, -0.25), "id")
    assert found["slope_clips"] == pytest.approx((-0.5, -0.5, -0.5))
    assert found["slope_parameters"] == pytest.approx((-0.25, -0.25, -0.25))


def test_an_interval_holds_the_slope_and_shrinks_with_the_noise():
    wide, narrow = (slopes(law(-0.3, 0.0, noise, seeds=3), "id")["slope_clips"] for noise in (1.0, 0.1))
    for value, low, high in (wide, narrow):
        assert low < value < high and low < -0.3 < high
    assert narrow[2] - narrow[1] < 0.3 * (wide[2] - wide[1])


def test_a_clip_that_one_model_was_not_scored_on_counts_for_none():
    models = law(-0.5, 0.0)
    models[0].errors["id"][0] = np.nan
    models[1].errors["id"][1] = 1e6
    models[1].errors["id"][1] = np.nan
    assert slopes(models, "id")["slope_clips"][0] == pytest.approx(-0.5)


def test_a_study_goes_on_where_it_was_stopped(tmp_path, monkeypatch):
    sizes = {"direct": {name: {"widths": (w, w), "blocks": (1, 1)} for name, w in (("a", 8), ("b", 16))}}
    monkeypatch.setattr(scaling, "SIZES", sizes)
    args = scaling.Args(
        family="direct", clips=(4, 8), seeds=1, steps=2, asked=3, workers=1, work=tmp_path / "work",
        out=tmp_path / "scaling.json",
    )  # fmt: skip
    scaling.main(args)
    first = args.out.read_text()
    results = sorted((tmp_path / "work").glob("*/measured-*.json"))
    assert len(results) == 4
    results[0].unlink()
    scaling.main(args)
    assert json.loads(args.out.read_text())["rows"] == json.loads(first)["rows"]
    rows = results_io.read(args.out)[1]
    assert len(results_io.select(rows, metric="velocity_error", level="both")) == 4
    assert {r["value"] for r in results_io.select(rows, metric="epochs", clips=4)} == {(128 + 32) / 4}
    assert {r["value"] for r in results_io.select(rows, metric="never_met")} == {0.0}
    assert (tmp_path / "scaling.png").stat().st_size > 1000


@pytest.mark.parametrize(("family", "steps"), [("motion", 2_000), ("convolutional", 600)])
def test_every_clip_is_met_as_often_as_every_other_one(family, steps):
    """Counted over a whole training by the windows that it draws from the largest set of clips."""
    args = scaling.Args(family=family, steps=steps, seeds=1)
    _, recipe = scaling.plan(args)[-1]
    frames = np.ones((10_000, 32), dtype=bool)
    clips = SimpleNamespace(states=torch.zeros(10_000, 32, 1, 6), actions=torch.zeros(1), looks=NO_LOOKS,
                            length=np.full(10_000, 32), event=frames[:, 1:], seen=frames)  # fmt: skip
    batches = Batches(clips, recipe, 4, 32, torch.device("cpu"))
    met = np.zeros(10_000, dtype=int)
    for step in range(recipe.steps):
        clip, first = batches.windows(step, horizon_at(recipe, step), rows_at(recipe, step))
        np.add.at(met, clip, 1)
        assert (first + 4 + horizon_at(recipe, step) <= 32).all()
    assert met.min() >= 1 and met.max() - met.min() <= 1
    assert met.mean() == pytest.approx(scaling._epochs(recipe), abs=1e-3)


def test_a_family_without_sizes_is_refused():
    with pytest.raises(ValueError, match="no sizes of the family 'retrieval'"):
        scaling.plan(scaling.Args(family="retrieval"))
