"""The gap between imagined and real success, and the table of what was promised and what was kept."""

import numpy as np

from benchmarks.bridging.findings import Findings, place_of
from benchmarks.bridging.panels import Panel, match
from benchmarks.statistics import Estimate, average, bootstrap, mean, paired_difference, proportion

TABLE = {  #: success in imagination, in reality
    "solved_in_both": (True, True),
    "phantom_success": (True, False),
    "missed_success": (False, True),
    "solved_in_none": (False, False),
}


def gaps(imagined: Panel, real: Panel) -> Findings:
    """The gap of each policy, and their mean.

    `gap`: imagined minus real success on the same starts: Newcombe's interval where imagination has one
    sample of each start or all are alike, else the bootstrap of starts. The 2x2 table as shares of all
    starts and samples, which sum to 1: `solved_in_both`, `phantom_success` (imagined alone),
    `missed_success` (real alone) and `solved_in_none`; the gap is the second minus the third, so that a gap
    of zero may hide both.
    `phantom_rate` is the share of imagined successes that fail in reality, `missed_rate` that of imagined
    failures that succeed. Without a policy: the mean gap and its mean size, over policies and starts drawn
    independently (Owen 2007, "The pigeonhole bootstrap").
    """
    imagined, real = match(imagined, real)
    found = Findings()
    for i, spec in enumerate(imagined.policies):
        where = place_of(real, spec)
        dreamt, true = imagined.success[i], real.success[i]  # [N, K], [N, 1]
        found.add(where, "gap", gap(dreamt, true))
        for name, (one, other) in TABLE.items():
            found.add(where, name, _share((dreamt == one) & (true == other)))
        both = np.broadcast_to(true, dreamt.shape)
        for name, wanted in (("phantom_rate", True), ("missed_rate", False)):
            kept = dreamt == wanted
            if kept.any():
                wrong, clusters = (both != wanted)[kept], np.nonzero(kept)[0]
                first = np.unique(clusters, return_index=True)[1]  # one sample of each start
                single = _alike(dreamt)
                found.add(where, name, proportion(wrong[first]) if single else mean(wrong, clusters))
    differences = imagined.success.mean(-1) - real.success.mean(-1)  # [P, N]
    found.add(place_of(real), "gap", _over_policies(differences))
    return found


def gap(dreamt: np.ndarray, true: np.ndarray) -> Estimate:
    """Imagined success [N, K] minus real success [N, 1] of one policy."""
    if _alike(dreamt):
        return paired_difference(dreamt[:, 0], true[:, 0])
    return over_starts(dreamt.mean(1) - true[:, 0])


def over_starts(values: np.ndarray) -> Estimate:
    """Mean of values [N] by start, with the bootstrap of starts; no interval where all starts are alike:
    each draw of them would be the same, which is no certainty."""
    if np.ptp(values) == 0:
        return Estimate.without_interval(float(values[0]), len(values))
    return mean(values)


def _share(flags: np.ndarray) -> Estimate:
    """Share of flags [N, K]; the start is the unit."""
    return proportion(flags[:, 0]) if _alike(flags) else over_starts(flags.mean(1))


def _alike(flags: np.ndarray) -> bool:
    """Whether samples [N, K] tell no more than the first of them: a model that does not draw."""
    return bool((flags == flags[:, :1]).all())


def _over_policies(values: np.ndarray) -> Estimate:
    """Mean of values [P, N] over policies and starts, both drawn."""
    policies, starts = (index.ravel() for index in np.indices(values.shape))
    flat = values.ravel()
    return bootstrap(lambda w: average(flat, w), [policies], crossed=starts, resamples=2000)
