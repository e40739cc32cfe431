"""Real success of learned models, predicted from their errors while their whole run is held out.

Success is predicted by five means, each judged by its mean absolute error over models:

typed         a few typed errors together
scalar        the one number that predicts best inside the training cases
mean          the training cases' mean success on the same task and level
wrong_engines typed errors again, learned from engines with one law error each: no learned model was seen
curves        the dose-response curves at the model's own position error, mean over types of law errors
"""

from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.prediction.cases import SCALARS, TYPED, Case, Place
from benchmarks.prediction.regression import Predictor, mean_rate, nested, split
from benchmarks.results_io import Row
from benchmarks.statistics import MODELS_NEEDED, Estimate, mean

PREDICTORS: dict[str, Predictor] = {
    "typed": nested([TYPED]),
    "scalar": nested([(name,) for name in SCALARS]),
    "mean": mean_rate,
}
BASELINES = ("scalar", "mean")
UNTAUGHT = ("wrong_engines", "curves")  #: these have seen no learned model
Fits = Mapping[Place, Sequence[tuple[float, float]]]  #: intercept and slope of each type of law error


def held_out(cases: Sequence[Case], predictor: Predictor) -> np.ndarray:
    """Predictions [M], each from the cases of other runs alone. Raises ValueError where there is one run."""
    found = np.zeros(len(cases))
    for run in sorted({case.run for case in cases}):
        mine, rest = split(cases, run)
        at = [i for i, case in enumerate(cases) if case.run == run]
        found[at] = predictor(rest, mine)
    return found


def along_curves(cases: Sequence[Case], fits: Fits) -> np.ndarray:
    """Success [M] on the dose-response curves at each model's own position error, mean over types; NaN where
    no curve was fitted."""
    found = []
    for case in cases:
        curves = np.array(fits.get(case.place, ())).reshape(-1, 2)
        ends = at_dose(curves, case.errors["position_error"])
        found.append(float(ends.mean()) if len(ends) else np.nan)
    return np.array(found)


def at_dose(curves: np.ndarray, dose: float) -> np.ndarray:
    """Success [L] of curves [L, 2] (intercept, slope) at a dose in m."""
    return np.asarray(1 / (1 + np.exp(-np.clip(curves[:, 0] + curves[:, 1] * dose, -500, 500))))


def predict(
    cases: Sequence[Case], engines: Sequence[Case] = (), fits: Fits | None = None
) -> dict[str, np.ndarray]:
    """Predictions [M] by each means that there is something for; NaN on tasks and levels on which no engine
    was made wrong."""
    found = {name: held_out(cases, predictor) for name, predictor in PREDICTORS.items()}
    if seen := {engine.place for engine in engines}:
        known = np.array([case.place in seen for case in cases])
        found["wrong_engines"] = np.where(known, PREDICTORS["typed"](engines, cases), np.nan)
    if fits:
        found["curves"] = along_curves(cases, fits)
    return {name: values for name, values in found.items() if not np.isnan(values).all()}


def rows(cases: Sequence[Case], predicted: Mapping[str, np.ndarray]) -> tuple[list[Row], list[str]]:
    """Rows of each prediction and of the errors over models, with notes on what has no interval.

    `predicted_success_...` by model, task and level; over models, mean absolute errors
    `prediction_error_...`, what the typed errors gain over both baselines (`prediction_gain_over_...`), what
    the two means that saw no learned model gain over the training mean where they say anything
    (`prediction_gain_of_..._over_mean`), and `prediction_error_floor`: what predicting the true rates would
    still be off by, since success was measured on so many starts. Models count alike, runs are drawn. Fewer
    than 10 models get no interval.
    """
    true = np.array([case.rate for case in cases])
    found: list[Row] = []
    for case, *values in zip(cases, *predicted.values()):
        where = {"task": case.task, "level": case.level, "model": case.model, "world": "box2d"}
        for name, value in zip(predicted, values):
            n = len(case.solved)
            if np.isfinite(value):
                said = {"metric": f"predicted_success_{name}", "value": float(value), "n": n}
                found.append(where | said)
    off = {name: np.abs(values - true) for name, values in predicted.items()}
    starts = np.array([len(case.solved) for case in cases])
    judged = {f"prediction_error_{name}": values for name, values in off.items()}
    judged |= {f"prediction_gain_over_{name}": off[name] - off["typed"] for name in BASELINES}
    judged |= {
        f"prediction_gain_of_{name}_over_mean": off["mean"] - off[name] for name in UNTAUGHT if name in off
    }
    judged["prediction_error_floor"] = np.sqrt(2 / np.pi * true * (1 - true) / starts)
    notes = []
    for name, values in judged.items():
        estimate = over_models(cases, values)
        found.append({"metric": name} | estimate.row())
        if estimate.needed is not None and name == "prediction_error_typed":
            count, runs = (len({getattr(c, kind) for c in cases}) for kind in ("model", "run"))
            notes.append(
                f"prediction: {count} models of {runs} training runs, no interval; {MODELS_NEEDED} models "
                "of 6 runs are needed"
            )
    return found, notes


def over_models(cases: Sequence[Case], values: np.ndarray) -> Estimate:
    """Mean over models of the mean of each one's values [M] (NaN: none), with an interval that draws runs."""
    each: dict[tuple[str, str], list[float]] = {}
    for case, value in zip(cases, values):
        if np.isfinite(value):
            each.setdefault((case.model, case.run), []).append(float(value))
    estimate = mean([float(np.mean(v)) for v in each.values()], clusters=[run for _, run in each])
    if len(each) < MODELS_NEEDED:
        return Estimate.without_interval(estimate.value, len(each), MODELS_NEEDED)
    return Estimate(estimate.value, estimate.low, estimate.high, len(each), estimate.needed)
