"""Is imagined success, taken as a probability, right?"""

import numpy as np

from benchmarks.bridging.findings import Findings, place_of
from benchmarks.bridging.panels import Panel, match
from benchmarks.bridging.planning import MODEL
from benchmarks.statistics import brier_skill, calibration_error

ENOUGH = 5  #: samples of a start below which their share is hardly a probability


def calibration(imagined: Panel, real: Panel) -> Findings:
    """Brier skill score and expected calibration error of imagined success over all policies and starts.

    `brier_skill` and `calibration_error` take the share of samples in which a policy solves a start in
    imagination as the probability that it solves this start in reality; `..._of_rate` takes the policy's
    imagined success rate for each of its starts. Starts are drawn, with all policies that met them.
    """
    imagined, real = match(imagined, real)
    found = Findings()
    outcomes = real.success[..., 0]  # [P, N]
    starts = np.broadcast_to(np.arange(outcomes.shape[1]), outcomes.shape).ravel()
    shares = imagined.success.mean(-1)
    rates = np.broadcast_to(imagined.rates[:, None], outcomes.shape)
    if imagined.world == MODEL and imagined.success.shape[-1] < ENOUGH:
        found.notes.append(
            f"{imagined}: {imagined.success.shape[-1]} samples of each start make coarse probabilities, "
            f"{ENOUGH} are wanted where the model draws"
        )
    for suffix, predicted in (("", shares), ("_of_rate", rates)):
        for measure in (brier_skill, calibration_error):
            estimate = measure(predicted.ravel(), outcomes.ravel(), starts, resamples=2000)
            found.add(place_of(real), measure.__name__ + suffix, estimate)
    return found
