"""Scores and ranks of models that were handed in, on the very same starts."""

from collections.abc import Sequence

import numpy as np

from benchmarks.bridging.panels import match, panel
from benchmarks.bridging.planning import MODEL
from benchmarks.episodes.protocol import Protocol
from benchmarks.ranked.submissions import Submission
from benchmarks.results_io import Row
from benchmarks.statistics import spearman, units_needed
from benchmarks.statistics.estimate import LEVEL, percentiles
from benchmarks.statistics.resampling import redrawn

RESAMPLES = 5_000
SCORES = {"real_success": "Real success", "agreement": "Agreement"}  #: metrics and their heads


def ranks(submissions: Sequence[Submission], protocol: Protocol, seed: int = 0) -> list[Row]:
    """Scores and ranks of E submissions, with intervals over draws of starts that all of them share.

    `real_success`: success in the engine of the policies that were prepared in the model, mean over
    policies, levels and tasks. `agreement`: Spearman's correlation of imagined and real success over the
    policies, mean over levels and tasks; 0 where imagination, or reality, treats all policies alike.
    `rank_by_...`: 1 + how many are strictly better; its interval holds the ranks of 95 % of the draws, none
    with fewer than 6 starts.
    Starts are drawn within each task, the same ones for all of its levels, since levels vary the same starts.
    """
    draws = {
        task: np.concatenate(
            [np.ones((1, protocol.starts)), redrawn(np.eye(protocol.starts), RESAMPLES, seed + number)]
        )
        for number, task in enumerate(protocol.tasks)
    }
    both = np.stack([_scores(one, protocol, draws) for one in submissions], axis=-1)  # [2, 1 + R, E]
    rows = []
    for metric, scores in zip(SCORES, both):
        places = 1 + (scores[:, None, :] > scores[:, :, None] + 1e-12).sum(-1)  # [1 + R, E]
        for name, values in ((metric, scores), (f"rank_by_{metric}", places)):
            low, high = percentiles(values[1:], LEVEL)
            for e, one in enumerate(submissions):
                row: Row = {"model": one.name, "metric": name, "value": float(values[0, e])}
                if protocol.starts >= units_needed():
                    row |= {"low": float(low[e]), "high": float(high[e])}
                rows.append(row | {"n": protocol.starts})
    return rows


def _scores(one: Submission, protocol: Protocol, draws: dict[str, np.ndarray]) -> np.ndarray:
    """Both scores [2, 1 + R] of a submission, of all starts and of each draw."""
    engine, found = protocol.engines[0], []
    for task, level in dict.fromkeys((r.task, r.level) for r in one.played.records):
        imagined, real = match(
            panel(one.played.records, task, level, MODEL), panel(one.played.records, task, level, engine)
        )
        weights = draws[task] / protocol.starts
        dreamt, true = (weights @ p.success.mean(-1).T for p in (imagined, real))  # [1 + R, P]
        inside = [i for i, spec in enumerate(real.policies) if spec.prepared_in == MODEL]
        agreed = np.nan_to_num(spearman(imagined=dreamt, real=true))
        found.append(np.stack([true[:, inside].mean(-1), agreed]))
    return np.mean(found, axis=0)
