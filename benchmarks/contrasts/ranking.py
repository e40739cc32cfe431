"""(d) Task success ranks models differently from pixel metrics."""

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
from benchmarks.prediction.cases import Case, Place
from benchmarks.statistics import MODELS_NEEDED, kendall

CLAIM = "Task success ranks models differently from pixel metrics"
PLACES: tuple[Place, ...] = tuple((task, level) for task in ("Strike", "Catch") for level in ("id", "both"))
PICTURES = ("psnr", "ssim")
AGREE = 0.8
LPIPS = "(d) LPIPS is not measured: the weights of its network do not come with this package"


def ranks_differ(cases: Sequence[Case]) -> Contrast:
    """ "At least ten learned models on Strike and Catch, levels `id` and `both`: Kendall's τ_b between the
    ranking by success and the rankings by PSNR and by SSIM of open-loop rollouts (LPIPS where its weights can
    be had). Supported if for PSNR and SSIM both the upper end of τ_b's interval is below 0.8 on at least one
    task and level. Refuted if the lower end is above 0.8 on all."

    Both are to be below 0.8 on the same task and level. Models are drawn, and starts, independently for
    success and for pictures. The main p value is the smallest over tasks and levels of the larger of both
    metrics', times the number of tasks and levels.
    """
    parts: list[Part] = []
    p: list[float] = []
    below, above, notes = [], [], [LPIPS]
    for place in PLACES:
        here = [case for case in cases if case.place == place]
        if len(here) < MODELS_NEEDED:
            notes.append(f"(d) {' '.join(place)}: {len(here)} learned models, {MODELS_NEEDED} are needed")
            continue
        notes.append(f"(d) {' '.join(place)}: {counted(here)}")
        success, mine, pair = _by_start(here), [], []
        for name in PICTURES:
            part, one = _tau(name, place, success, np.array([getattr(case, name) for case in here]))
            mine.append(part)
            pair.append(1.0 if one is None else one)
        if any(np.isnan(part.value) for part in mine):
            notes.append(f"(d) {' '.join(place)}: all models are alike in success or in pictures: no ranking")
            continue
        parts += mine
        p.append(max(pair))
        below.append(all(part.below(AGREE) for part in mine))
        above.append(all(part.above(AGREE) for part in mine))
    if not parts:
        return lacking("d", CLAIM, "; ".join(note.removeprefix("(d) ") for note in notes))
    whole = len(below) == len(PLACES)
    main = min(1.0, min(p) * len(PLACES))
    return Contrast("d", CLAIM, tuple(parts), main, any(below), whole and all(above), notes=tuple(notes))


def _by_start(cases: Sequence[Case]) -> np.ndarray:
    """Success [models, starts] on the starts that all have played."""
    starts = sorted(set.intersection(*(set(case.solved) for case in cases)))
    return np.array([[case.solved[i] for i in starts] for case in cases], dtype=float)


def _tau(name: str, place: Place, success: np.ndarray, pictures: np.ndarray) -> tuple[Part, float | None]:
    """τ_b of mean success and mean picture score of M models, and its p value against 0.8."""
    rng = generator()
    models = rng.integers(len(success), size=(RESAMPLES, len(success)))
    means = [weights(rng, v.shape[1]) @ v.T / v.shape[1] for v in (success, pictures)]  # [R, M] each
    one, two = (np.take_along_axis(m, models, 1) for m in means)
    value = float(kendall(imagined=pictures.mean(1), real=success.mean(1)))
    where = {"task": place[0], "level": place[1]}
    draws = kendall(imagined=two, real=one)
    return drawn_part(f"kendall_of_success_and_{name}", where, value, draws, len(success), AGREE)
