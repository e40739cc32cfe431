"""What `worldsim bench cost` will not be able to tell, said before hours of playing."""

from collections.abc import Iterable, Sequence

from benchmarks.contrasts import horizon, pressure, ranking, spread
from benchmarks.contrasts.pressure import exploited
from benchmarks.costing.predictions import Entrant, Prediction, enter
from benchmarks.costing.sweep import Sweep
from benchmarks.costing.verdicts import Contrasts, panels
from benchmarks.episodes import records
from benchmarks.episodes.workshop import Workshop
from benchmarks.prediction.cases import Place
from benchmarks.statistics import MODELS_NEEDED, units_needed

BRIDGE = (
    f"worldsim bench bridge --levels id {' '.join(pressure.LEVELS)}"  #: it writes one file: all in a call
)


def of(
    sweep: Sweep, stages: Sequence[str], prediction: Prediction, contrasts: Contrasts, workshop: Workshop
) -> list[str]:
    """A line on each model that is not at hand, and on each interval and contrast that cannot come out."""
    found = []
    if "prediction" in stages:
        entrants, notes = enter(prediction, workshop)
        found += [*notes, *too_few(entrants)]
    if "contrasts" in stages:
        episodes = records.read(contrasts.bridge / "episodes").values()
        paired, notes = panels(episodes, workshop)
        lacks = exploited(paired)
        found += notes + [f"{note}; to play it: {BRIDGE}" for note in lacks.notes if not lacks.parts]
    return found


def too_few(entrants: Sequence[Entrant]) -> list[str]:
    """What so many models are too few for."""

    def count(places: Iterable[Place]) -> int:
        return len({e.model for e in entrants if (e.task, e.level) in places})

    told = []
    models, runs = (len({getattr(e.model, kind) for e in entrants}) for kind in ("name", "run"))
    if models < MODELS_NEEDED or runs < units_needed():
        told.append(
            f"prediction: {models} models of {runs} training runs are at hand; an interval needs "
            f"{MODELS_NEEDED} models of {units_needed()} runs, and any prediction 2 runs"
        )
    if (n := count(spread.PLACES)) < MODELS_NEEDED:
        told.append(f"(b) will be undecided: {n} models at hand, {MODELS_NEEDED} are needed")
    for place in ranking.PLACES:
        if (n := count([place])) < MODELS_NEEDED:
            told.append(f"(d) leaves out {' '.join(place)}: {n} models at hand, {MODELS_NEEDED} are needed")
    for task in horizon.TASKS:
        if (n := count({(e.task, e.level) for e in entrants if e.task == task})) < units_needed():
            told.append(f"(e) will be undecided: {n} models at hand on {task}, {units_needed()} are needed")
    return told
