"""Prediction on made-up models whose success is a known function of their errors, or of none."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.prediction import cases as store
from benchmarks.prediction.cases import TYPED, Case
from benchmarks.prediction.held_out import PREDICTORS, along_curves, held_out, over_models, predict, rows
from benchmarks.prediction.regression import fit
from benchmarks.results_io import check, select

PLACES = (("Strike", "id"), ("Catch", "id"), ("Catch", "bounce"))
STARTS = 200


def models(success, count=16, seed=0, places=PLACES):
    """Models with random typed errors; `success` maps errors and the place to a probability."""
    rng, found = np.random.default_rng(seed), []
    for m in range(count):
        for place in places:
            errors = {name: float(rng.uniform(0, 1)) for name in TYPED} | {"position_error": 0.5}
            solved = rng.random(STARTS) < success(errors, place)
            found.append(Case(f"m{m}", f"run{m}", *place, errors, dict(enumerate(map(bool, solved)))))
    return found


def error(found, name):
    (row,) = select(found, metric=f"prediction_error_{name}")
    return row["value"]


def curve(errors, place):
    """Falls with one error alone; one place is harder."""
    return 1 / (1 + np.exp(-(2 - 5 * errors["momentum"] - (place[1] == "bounce"))))


def two(errors, place):
    return 1 / (1 + np.exp(-(4 - 5 * errors["momentum"] - 5 * errors["position"])))


def test_success_that_follows_one_error_is_predicted_as_well_as_by_that_error_alone():
    made = models(curve)
    found, notes = rows(made, predict(made))
    check(found)
    assert not notes
    assert error(found, "typed") < 0.4 * error(found, "mean")
    assert error(found, "typed") < 1.5 * error(found, "scalar")
    (gain,) = select(found, metric="prediction_gain_over_mean")
    assert gain["low"] > 0 and gain["n"] == 16
    assert error(found, "floor") < error(found, "typed") < 3 * error(found, "floor")


def test_success_that_follows_two_errors_is_predicted_better_than_by_any_one():
    made = models(two)
    found, _ = rows(made, predict(made))
    (gain,) = select(found, metric="prediction_gain_over_scalar")
    assert gain["low"] > 0


def test_noise_is_not_predicted():
    rng = np.random.default_rng(1)
    made = models(lambda errors, place: rng.uniform(0.1, 0.9), count=20)
    found, _ = rows(made, predict(made))
    (gain,) = select(found, metric="prediction_gain_over_mean")
    assert gain["low"] < 0 and gain["value"] < 0.02


def test_nothing_of_a_model_that_is_held_out_leaks_into_its_prediction():
    """Its success, and that of a sibling of the same run, is turned around: its predictions are the same."""
    made = [replace(c, run="run0") if c.run == "run1" else c for c in models(curve, count=8)]
    turned = [
        replace(c, solved={i: not s for i, s in c.solved.items()}) if c.run == "run0" else c for c in made
    ]
    mine = [i for i, c in enumerate(made) if c.run == "run0"]
    assert len(mine) == 6
    for name, predictor in PREDICTORS.items():
        one, other = held_out(made, predictor), held_out(turned, predictor)
        assert (one[mine] == other[mine]).all(), name
        assert (np.delete(one, mine) != np.delete(other, mine)).any(), name


def test_the_mean_is_that_of_the_place_among_the_others():
    made = models(curve, count=4)
    found = held_out(made, PREDICTORS["mean"])
    for case, value in zip(made, found):
        others = [c.rate for c in made if c.place == case.place and c.run != case.run]
        assert value == pytest.approx(np.mean(others))


def test_few_models_have_no_interval_and_few_runs_neither():
    made = models(curve, count=9, places=PLACES[:1])
    found, notes = rows(made, predict(made))
    assert all(r["low"] is None for r in found if r["metric"].startswith("prediction_error"))
    assert notes == ["prediction: 9 models of 9 training runs, no interval; 10 models of 6 runs are needed"]
    crowded = [replace(c, run=f"run{int(c.model[1:]) % 5}") for c in models(curve, count=12)]
    estimate = over_models(crowded, np.arange(float(len(crowded))))
    assert np.isnan(estimate.low) and estimate.needed == 6 and estimate.n == 12


def test_wrong_engines_and_curves_predict_without_any_learned_model():
    engines, made = models(curve, seed=3), models(curve, count=10, seed=4)
    fits = {place: [(2.0, -4.0), (0.0, 0.0)] for place in PLACES}
    found = predict(made, engines, fits)
    turned = [replace(c, solved={i: not s for i, s in c.solved.items()}) for c in made]
    assert (found["wrong_engines"] == PREDICTORS["typed"](engines, turned)).all()
    true = np.array([c.rate for c in made])
    assert np.abs(found["wrong_engines"] - true).mean() < 0.06
    assert found["curves"] == pytest.approx(0.5)  # both curves say one half at 0.5 m
    assert np.isnan(along_curves(made, {})).all() and "curves" not in predict(made, (), {})


def test_where_no_engine_was_wrong_nothing_is_said():
    """Engines and curves know two of three places; what they gain is counted on these alone."""
    engines = models(curve, seed=3, places=PLACES[:2])
    made = models(curve, count=10, seed=4)
    found = predict(made, engines, {place: [(2.0, -4.0)] for place in PLACES[:2]})
    known = np.array([case.place in PLACES[:2] for case in made])
    for name in ("wrong_engines", "curves"):
        assert (np.isfinite(found[name]) == known).all()
    told, _ = rows(made, found)
    check(told)
    (gain,) = select(told, metric="prediction_gain_of_wrong_engines_over_mean")
    off = {name: np.abs(found[name] - [c.rate for c in made])[known].mean() for name in found}
    assert gain["value"] == pytest.approx(off["mean"] - off["wrong_engines"]) and gain["low"] > 0
    assert len(select(told, metric="predicted_success_curves")) == 20


def test_what_a_case_lacks_counts_as_the_mean_of_the_others():
    made = models(curve)
    whole = fit(made, ("momentum",), 0.03)
    bare = replace(made[0], errors={})
    middle = replace(made[0], errors={"momentum": float(whole.centre[0])})
    assert whole([bare]) == pytest.approx(whole([middle]))


def test_cases_are_kept_as_they_are(tmp_path):
    made = [replace(models(curve, count=1)[0], psnr=[20.5], parted={3: None, 4: 12})]
    store.write(tmp_path / "cases.json", made)
    assert store.read(tmp_path / "cases.json") == made
    assert store.read(tmp_path / "none.json") == []
