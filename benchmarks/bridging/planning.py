"""What the model costs a planner, and what optimisation buys in imagination and in reality."""

from collections.abc import Iterator
from dataclasses import replace

from benchmarks.bridging.findings import Findings, place_of
from benchmarks.bridging.gap import over_starts
from benchmarks.bridging.panels import Panel, match
from benchmarks.episodes.specs import Spec
from benchmarks.statistics import Estimate, paired_difference

MODEL = "learned"  #: the world that imagination is, in specs
TRUE = "box2d"  #: the engine that policies which are not to know the model are prepared in
ABLE = 0.9  #: success with true dynamics below which a planner is itself the bottleneck
BASELINE = Spec("random")  #: what optimisation begins from


def twins(panel: Panel, dynamics: str) -> Iterator[tuple[Spec, Spec]]:
    """Policies prepared in the model, each with the same one prepared in the engine `dynamics`."""
    for spec in panel.policies:
        twin = replace(spec, prepared_in=dynamics)
        if spec.prepared_in == MODEL and twin in panel.policies:
            yield spec, twin


def planning_gaps(real: Panel) -> Findings:
    """Counterfactual planning gap: the same planner with true and with learned dynamics, both executed in
    the true ones, on the same starts and with the same draws; Newcombe's interval of the difference.

    All that differs is what it imagines in, so the difference is what the model costs. That holds while the
    planner can do the task at all: where it solves less than 90 % with true dynamics (of the rate itself, not
    of its interval), the metric is `planning_gap_limited` and a note says so, since what the planner misses
    either way hides what the model misses.
    """
    found = Findings()
    for spec, twin in twins(real, real.world):
        if spec.planner is None:
            continue
        able = float(real.of(twin).mean())
        name = "planning_gap" if able >= ABLE else "planning_gap_limited"
        if able < ABLE:
            found.notes.append(
                f"{real}: {twin} solves {able:.0%} with true dynamics, less than {ABLE:.0%}: the planner is "
                f"itself a bottleneck, its gap says little about the model"
            )
        found.add(place_of(real, spec), name, paired_difference(real.of(twin), real.of(spec)))
    return found


def lifts(imagined: Panel, real: Panel) -> Findings:
    """What each prepared policy gains over `random`, in imagination and in reality.

    `lift_imagined` and `lift_real` are differences of success on the same starts; `lift_lost` is the first
    minus the second: what optimisation seemed to buy and did not. Bootstrap of starts. Nothing where
    `random` was not played.
    """
    imagined, real = match(imagined, real)
    found = Findings()
    if BASELINE not in real.policies:
        found.notes.append(f"{real}: no lift without the policy {BASELINE}")
        return found
    for spec in real.policies:
        if not spec.prepared_in:
            continue
        dreamt = imagined.of(spec) - imagined.of(BASELINE)
        true = real.of(spec) - real.of(BASELINE)
        parts: dict[str, Estimate] = {
            "lift_imagined": over_starts(dreamt),
            "lift_real": over_starts(true),
            "lift_lost": over_starts(dreamt - true),
        }
        for name, estimate in parts.items():
            found.add(place_of(real, spec), name, estimate)
    return found
