"""(b) Injected errors move success within the range that learned models show."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from benchmarks.contrasts.verdict import Contrast, Part, counted, drawn_part, generator, lacking, weights
from benchmarks.prediction.cases import Case, Place
from benchmarks.prediction.held_out import Fits, at_dose
from benchmarks.statistics import MODELS_NEEDED, proportion, wilson

CLAIM = "Injected errors move success within the range that learned models show"
PLACES: tuple[Place, ...] = (("Strike", "id"), ("Catch", "id"), ("Catch", "bounce"))
SHARE, HALF = 0.70, 0.50


def within_range(cases: Sequence[Case], fits: Fits, furthest: float) -> Contrast:
    """ "For at least ten learned models (families, sizes, training lengths) on Strike `id` and Catch `id`,
    `bounce`: the success that the fitted dose-response curves give at the model's own position error, from
    the least to the greatest over types. Unit: a model on a task and level. Supported if at least 70 % of the
    learned models' successes lie in that range, widened by their own intervals, and the lower end of the
    share's interval is above 50 %. Refuted if the upper end is below 70 %."

    A success lies in the range widened by its own interval if its Wilson interval meets the range. Units are
    drawn; where all are alike the interval is Clopper and Pearson's. `furthest` is the largest dose that was
    tested, m: a note says how many models lie beyond it, where the curves are continued.
    """
    used = [case for case in cases if case.place in PLACES and fits.get(case.place)]
    models = {case.model for case in used}
    if not used:
        return lacking("b", CLAIM, "no learned model on a task and level whose curves were fitted")
    inside = np.array([_lies_inside(case, fits) for case in used])
    beyond = sum(case.errors["position_error"] > furthest for case in used)
    notes = [
        f"(b) {counted(used)}; {inside.sum()} of {len(used)} on a task and level lie in the range; {beyond} "
        f"have a larger error than the largest dose tested, {furthest:.2g} m, where curves are continued"
    ]
    part, p = _share(inside)
    if len(models) < MODELS_NEEDED:
        notes.append(f"(b) {len(models)} learned models, no interval; {MODELS_NEEDED} are needed")
        return Contrast("b", CLAIM, (Part(part.name, {}, part.value, part.n, None),), notes=tuple(notes))
    supported = part.value >= SHARE and part.above(HALF)
    return Contrast("b", CLAIM, (part,), p, supported, part.below(SHARE), notes=tuple(notes))


def _lies_inside(case: Case, fits: Fits) -> bool:
    ends = at_dose(np.array(fits[case.place]).reshape(-1, 2), case.errors["position_error"])
    low, high = wilson(sum(case.solved.values()), len(case.solved))
    return bool(high >= ends.min() and low <= ends.max())


def _share(inside: np.ndarray) -> tuple[Part, float | None]:
    draws = weights(generator(), len(inside)) @ inside / len(inside)
    part, p = drawn_part("share_in_range", {}, float(inside.mean()), draws, len(inside), HALF)
    if inside.all() or not inside.any():

        def exact(level: float) -> tuple[float, float]:
            found = proportion(inside, level)
            return found.low, found.high

        part = Part(part.name, part.where, part.value, part.n, exact, HALF)
        p = float(stats.binomtest(int(inside.sum()), len(inside), HALF).pvalue)
    return part, p
