"""(c) Exploitation is positive out of distribution and grows with pressure."""

from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.bridging.panels import Panel, match
from benchmarks.contrasts.verdict import Contrast, drawn_part, generator, lacking, weights
from benchmarks.episodes.specs import Spec
from benchmarks.policy_set import PRESSURES
from benchmarks.prediction.cases import Place

CLAIM = "Exploitation is positive out of distribution and grows with pressure"
LEVELS, TASKS = ("speed", "size", "both"), ("Strike", "Catch")
PLACES: tuple[Place, ...] = tuple((task, level) for task in TASKS for level in LEVELS)
NOTHING = 0.03
SHIPPED = ("cem@learned", "cem@box2d")  #: optimised in the model, and not
PRESSED = tuple((f"cem,iterations={n}@learned", f"cem,iterations={n}@box2d") for n in PRESSURES)
POLICIES = (*SHIPPED, *(name for pair in PRESSED for name in pair))


def exploited(panels: Mapping[Place, tuple[Panel, Panel]]) -> Contrast:
    """ "Exploitation: imagined minus real success of policies that were optimised in the model, minus the
    same of policies that were not (difference in differences), levels `speed`, `size` and `both` of Strike
    and Catch together. Pressure: iterations of CEM, those of the policy set (`benchmarks/policy_set.py`).
    Supported if exploitation at the shipped budget is above 0 and the slope over the logarithm of pressure is
    above 0, both intervals excluding 0. Refuted if either is below 0 with an interval that excludes 0, or
    both intervals lie within ± 0.03."

    `panels` are imagined and real ones by task and level, all six. The two policies are the same CEM, planned
    in the model and in Box2D; levels count alike. Starts are drawn within each task, the same ones for all of
    its levels, since levels vary the same starts. The logarithm is that to base 2, as everywhere in the
    bridge: the slope is the growth per doubling. The main p value is the larger of both.
    """
    if lacks := [" ".join(place) for place in PLACES if place not in panels]:
        return lacking("c", CLAIM, f"the policy set has not been played on {', '.join(lacks)}")
    excess, slopes, starts = [], [], []
    for place in PLACES:
        imagined, real = match(*panels[place])
        if absent := [name for name in POLICIES if Spec.parse(name) not in real.policies]:
            return lacking("c", CLAIM, f"{' '.join(place)} lacks {', '.join(absent)}")
        excess.append(_excess(imagined, real, *SHIPPED))
        trace = [_excess(imagined, real, *pair) for pair in PRESSED]
        x = np.log2(PRESSURES) - np.log2(PRESSURES).mean()
        slopes.append(x @ np.stack(trace) / (x @ x))
        starts.append(real.starts)
    drawn, units = _drawn(starts)
    parts, p = [], []
    for name, values in (("exploitation", excess), ("exploitation_slope", slopes)):
        draws = np.mean([w @ v for w, v in zip(drawn, values)], axis=0)
        part, one = drawn_part(name, {}, float(np.mean([v.mean() for v in values])), draws, units)
        parts.append(part)
        p.append(one)
    supported = all(part.above(0) for part in parts)
    refuted = any(part.below(0) for part in parts) or all(part.within(NOTHING) for part in parts)
    main = None if None in p else max(p)  # type: ignore[type-var]
    return Contrast("c", CLAIM, tuple(parts), main, supported, refuted)


def _drawn(starts: Sequence[Sequence[int]]) -> tuple[list[np.ndarray], int]:
    """For each place the shares of its starts in each draw [R, N], one set of draws for each task, and how
    many starts there are to draw."""
    found, units = [], 0
    for number, task in enumerate(TASKS):
        mine = [own for own, place in zip(starts, PLACES) if place[0] == task]
        every = sorted(set().union(*mine))
        counts = weights(generator(number), len(every))
        for own in mine:
            here = counts[:, np.searchsorted(every, own)]
            found.append(here / here.sum(1, keepdims=True))
        units += len(every)
    return found, units


def _excess(imagined: Panel, real: Panel, inside: str, outside: str) -> np.ndarray:
    """How much more the model flatters the first policy than the second, by start [N]."""
    gaps = [imagined.of(s) - real.of(s) for s in map(Spec.parse, (inside, outside))]
    return np.asarray(gaps[0] - gaps[1])
