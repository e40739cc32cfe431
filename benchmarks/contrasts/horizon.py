"""(e) The divergence horizon predicts closed-loop failure."""

from collections.abc import Sequence

import numpy as np

from benchmarks.contrasts.verdict import (
    RESAMPLES,
    Contrast,
    Part,
    counted,
    drawn_part,
    generator,
    lacking,
    weights,
)
from benchmarks.prediction.cases import Case

CLAIM = "The divergence horizon predicts closed-loop failure"
TASKS = ("Strike", "Catch")
CHANCE = 0.60


def horizon_predicts(cases: Sequence[Case]) -> Contrast:
    """ "Per episode of CEM planned in a learned model: the first frame at which the model's picture of the
    executed actions parts from Box2D's by more than the task's tolerance (censored at the end), against
    failure. Measure: area under the ROC curve, models weighted alike. Supported if the area's lower end is
    above 0.60 on Strike and on Catch. Refuted if its upper end is below 0.60 on either."

    A failure and a success are told apart only while both are being played: success ends an episode, so that
    what is not seen to part after that says nothing about it (see `area`). The area is the mean over models
    of each one's own, over all levels that it was played on; models that always or never fail have none.
    Models and starts are drawn independently. The main p value is the larger of both tasks', against 0.60.
    """
    parts: list[Part] = []
    p: list[float | None] = []
    notes = []
    for task in TASKS:
        mine = [case for case in cases if case.task == task and case.parted]
        part, one, without = _area(task, mine)
        if np.isnan(part.value):
            return lacking("e", CLAIM, f"{task}: no model of which some episodes fail and some do not")
        parts.append(part)
        p.append(one)
        notes.append(f"(e) {task}: {counted(mine)}")
        if without:
            notes.append(f"(e) {task}: {', '.join(without)} always or never fail and have no area")
    supported, refuted = all(x.above(CHANCE) for x in parts), any(x.below(CHANCE) for x in parts)
    main = None if None in p else max(p)  # type: ignore[type-var]
    return Contrast("e", CLAIM, tuple(parts), main, supported, refuted, notes=tuple(notes))


def area(
    parted: np.ndarray, ended: np.ndarray, failed: np.ndarray, times: np.ndarray | None = None
) -> np.ndarray:
    """Area under the ROC curve [R] of early parting as a sign of failure: the chance that an episode which
    failed parts before one that did not, ties counting half (Mann and Whitney 1947). A pair of which neither
    parts before one of them has ended is a tie (Gehan 1965, "A generalized Wilcoxon test for comparing
    arbitrarily singly-censored samples"): that the other one parted later could not have been seen in both.

    `parted` [N] frames, infinite where never; `ended` [N] frames; `failed` [N] bool; episodes count `times`
    [R, N]. NaN where all fail or none.
    """
    times = np.ones((1, len(parted))) if times is None else times
    until = np.minimum(ended[failed][:, None], ended[~failed])
    lost, won = (np.where(p <= until, p, np.inf) for p in (parted[failed][:, None], parted[~failed]))
    earlier = (lost < won).astype(float) + 0.5 * (lost == won)
    a, b = times[:, failed], times[:, ~failed]
    scale = a.sum(1) * b.sum(1)
    return np.where(scale > 0, ((a @ earlier) * b).sum(1) / np.where(scale > 0, scale, 1.0), np.nan)


def _area(task: str, cases: Sequence[Case]) -> tuple[Part, float | None, list[str]]:
    """The mean area over models with its p value, and the models that have none."""
    rng, where = generator(), {"task": task}
    starts = sorted({(c.level, i) for c in cases for i in c.parted})
    drawn = weights(rng, len(starts)) if starts else np.zeros((RESAMPLES, 0))
    index = {start: i for i, start in enumerate(starts)}
    values, draws, without = [], [], []
    for model in dict.fromkeys(c.model for c in cases):
        episodes = [(c, i) for c in cases if c.model == model for i in c.parted]
        parted = np.array([np.inf if c.parted[i] is None else c.parted[i] for c, i in episodes], dtype=float)
        ended = np.array([c.frames[i] for c, i in episodes])
        failed = np.array([not c.solved[i] for c, i in episodes])
        if failed.all() or not failed.any():
            without.append(model)
            continue
        values.append(float(area(parted, ended, failed)[0]))
        draws.append(area(parted, ended, failed, drawn[:, [index[c.level, i] for c, i in episodes]]))
    if not values:
        return Part("area_under_roc", where, float("nan"), 0, None, CHANCE), None, without
    found, models = np.stack(draws, 1), weights(rng, len(values))
    models = np.where(np.isnan(found), 0.0, models)
    total = models.sum(1)
    means = np.where(total > 0, (models * np.nan_to_num(found)).sum(1) / np.maximum(total, 1), np.nan)
    return *drawn_part("area_under_roc", where, float(np.mean(values)), means, len(values), CHANCE), without
