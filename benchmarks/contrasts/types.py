"""(a) Types of error differ in cost at equal open-loop error."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
from scipy import stats

from benchmarks.contrasts.verdict import Contrast, Part, drawn_part, generator, lacking, weights
from benchmarks.prediction.cases import Place

CLAIM = "Types of error differ in cost at equal open-loop error"
DOSE = 0.4  #: m
PLACES: tuple[Place, ...] = (("Strike", "id"), ("Catch", "bounce"))
PAIR = ("velocity_bias", "momentum_leak")
ALIKE = 0.10
Solved = Mapping[str, Mapping[int, bool]]  #: by type of law error: success by start


def types_differ(solved: Mapping[Place, Solved]) -> Contrast:
    """ "Thirteen law errors, matched at 0.4 m mean position error under random actions, on Strike `id` and
    Catch `bounce`, 200 starts each. Test: Cochran's Q over all types that could be matched, on the same
    starts, in each task. Supported if p < .05 (Holm) in both tasks and the paired difference in success
    between `velocity_bias` and `momentum_leak` has an interval that excludes 0 in both, whatever its sign.
    Refuted if in both tasks all pairwise differences of success lie within ± 0.10 with their intervals."

    The main p value is the larger of both tasks'. Only starts that every type has played count.
    """
    parts, p, apart, alike, notes = [], [], [], [], []
    for place in PLACES:
        here, where = solved.get(place, {}), {"task": place[0], "level": place[1]}
        if lacks := [law for law in PAIR if law not in here]:
            return lacking("a", CLAIM, f"{' '.join(place)}: {' and '.join(lacks)} could not be matched")
        starts = sorted(set.intersection(*(set(s) for s in here.values())))
        if not starts:
            return lacking("a", CLAIM, f"{' '.join(place)}: no start was played with every type")
        outcomes = np.array([[here[law][i] for i in starts] for law in here], dtype=float)  # [types, starts]
        p.append(cochran(outcomes))
        drawn = weights(generator(), len(starts)) / len(starts)
        index = {law: i for i, law in enumerate(here)}
        bias, leak = (outcomes[index[law]] for law in PAIR)
        part = _difference("velocity_bias_minus_momentum_leak", where, bias - leak, drawn)
        parts.append(part)
        apart.append(part.above(0) or part.below(0))
        pairs = [outcomes[i] - outcomes[j] for i, j in combinations(range(len(outcomes)), 2)]
        every = [_difference("", where, d, drawn) for d in pairs]
        alike.append(all(d.within(ALIKE) for d in every))
        notes.append(
            f"(a) {' '.join(place)}: {len(here)} types on {len(starts)} starts, Cochran's Q p = {p[-1]:.2g}"
        )
    return Contrast("a", CLAIM, tuple(parts), max(p), all(apart), all(alike), True, tuple(notes))


def cochran(outcomes: np.ndarray) -> float:
    """p value of Cochran's Q (1950, "The comparison of percentages in matched samples") for outcomes
    [types, starts] of 0 and 1; 1 where all types agree on every start."""
    k, by_type, by_start = len(outcomes), outcomes.sum(1), outcomes.sum(0)
    scale = k * by_start.sum() - np.square(by_start).sum()
    if k < 2 or scale == 0:
        return 1.0
    q = (k - 1) * (k * np.square(by_type).sum() - by_type.sum() ** 2) / scale
    return float(stats.chi2.sf(q, k - 1))


def _difference(name: str, where: dict[str, str], values: np.ndarray, drawn: np.ndarray) -> Part:
    return drawn_part(name, where, float(values.mean()), drawn @ values, len(values))[0]
