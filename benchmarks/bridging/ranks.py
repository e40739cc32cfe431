"""Does imagination rank policies, and world models, as reality does?"""

from collections import Counter
from collections.abc import Mapping

import numpy as np

from benchmarks.bridging.findings import Findings, place_of
from benchmarks.bridging.panels import Panel, match
from benchmarks.bridging.planning import MODEL
from benchmarks.episodes.specs import LEARNERS, Spec
from benchmarks.results_io import Row
from benchmarks.statistics import (
    MODELS_NEEDED,
    POLICIES_NEEDED,
    Estimate,
    agreement,
    bootstrap,
    top1_regret,
)

BAND = (0.2, 0.8)  #: real success of policies that are neither hopeless nor perfect
BAND_NEEDED = 12  #: policies in the band below which agreement within it has no interval
PER_RUN = 5  #: most policies that may come from one training run: they are no independent units


def policy_agreement(imagined: Panel, real: Panel) -> Findings:
    """Agreement over policies, of all and (metrics `..._band`) of those with real success in [.2, .8].

    Measures and their intervals over policies: `benchmarks.statistics.agreement`; `..._without_one` holds
    the range when any one policy is left out. `regret` is the real success lost by taking the policy that
    is best in imagination; the policies are fixed and the starts are drawn, and the choice is made anew in
    each draw. Fewer than 20 policies, or 12 in the band, or more than 5 of one training run, get no interval.
    """
    imagined, real = match(imagined, real)
    found = Findings()
    crowded = {run: n for run, n in Counter(map(run_of, real.policies)).items() if run and n > PER_RUN}
    for run, n in crowded.items():
        found.notes.append(
            f"{real}: {n} policies come from the training run {run}, at most {PER_RUN} may: "
            f"agreement gets no interval"
        )
    dreamt, true = imagined.rates, real.rates
    middle = in_band(true)
    for suffix, chosen, needed in (("", true >= 0, POLICIES_NEEDED), ("_band", middle, BAND_NEEDED)):
        needed = len(real.policies) + needed if crowded else needed
        _measures(found, place_of(real), suffix, dreamt[chosen], true[chosen], needed, "policies")
    found.add(place_of(real), "policies_in_band", Estimate.without_interval(int(middle.sum()), len(true)))
    found.add(place_of(real), "regret", regret(imagined, real))
    return found


def model_agreement(pairs: Mapping[str, tuple[Panel, Panel]]) -> Findings:
    """Agreement over world models, by name their panels in imagination and reality.

    For each policy prepared in the model: does its success in a model's imagination tell how well the same
    policy, prepared in that model, does in reality? Metrics `..._over_models`, and `..._over_models_band` of
    the models with real success in [.2, .8]. Fewer than 10 models get no interval.
    """
    found = Findings()
    matched = {name: match(*pair) for name, pair in pairs.items()}
    panels = [real for _, real in matched.values()]
    shared = [s for s in panels[0].policies if all(s in p.policies for p in panels)] if panels else []
    for spec in (s for s in shared if s.prepared_in == MODEL):
        dreamt, true = (np.array([pair[i].of(spec).mean() for pair in matched.values()]) for i in (0, 1))
        where, middle = place_of(panels[0], spec), in_band(true)
        for suffix, chosen in (("_over_models", true >= 0), ("_over_models_band", middle)):
            _measures(found, where, suffix, dreamt[chosen], true[chosen], MODELS_NEEDED, "models")
    return found


def in_band(rates: np.ndarray) -> np.ndarray:
    """Which success rates lie in the middle band."""
    return (rates >= BAND[0] - 1e-9) & (rates <= BAND[1] + 1e-9)


def regret(imagined: Panel, real: Panel) -> Estimate:
    """See `policy_agreement`; both panels have the same policies and starts."""
    dreamt, true = imagined.success.mean(-1), real.success.mean(-1)  # [P, N]

    def statistic(weights: np.ndarray) -> np.ndarray:
        total = weights.sum(1, keepdims=True)
        return top1_regret(imagined=weights @ dreamt.T / total, real=weights @ true.T / total)

    return bootstrap(statistic, [np.arange(true.shape[1])])


def run_of(spec: Spec) -> str:
    """The training run that a policy comes from, "" where it was not trained; lengths of a run are one."""
    if spec.policy not in LEARNERS:
        return ""
    seed = dict(spec.knobs).get("seed", 0)
    return f"{spec.policy},seed={seed:g}@{spec.prepared_in}"


def _measures(
    found: Findings, where: Row, suffix: str, dreamt: np.ndarray, true: np.ndarray, needed: int, units: str
) -> None:
    if len(true) < 3:
        place = " ".join(map(str, where.values()))
        found.notes.append(f"{place}: {len(true)} {units} have no agreement{suffix}, {needed} are needed")
        return
    for name, measured in agreement(imagined=dreamt, real=true, needed=needed).items():
        found.add(where, name + suffix, measured.estimate)
        low, high = measured.without_one
        if not np.isnan([measured.estimate.value, low, high]).any():
            spread = Estimate(measured.estimate.value, low, high, len(true))
            found.add(where, f"{name}{suffix}_without_one", spread)
