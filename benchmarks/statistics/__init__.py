"""Statistics of results: intervals for rates and means, comparisons, agreement, calibration.

All intervals are two-sided, 95 % by default. What is random is drawn from the seed that is given: the same
seed gives the same interval. Too few units for an interval give an `Estimate` that says how many it needs.
"""

from benchmarks.statistics.aggregates import auccess, iqm, performance_profile, probability_of_improvement
from benchmarks.statistics.agreement import (
    MODELS_NEEDED,
    POLICIES_NEEDED,
    Agreement,
    agreement,
    kendall,
    mmrv,
    pearson,
    spearman,
    top1_regret,
)
from benchmarks.statistics.calibration import brier_skill, calibration_error
from benchmarks.statistics.estimate import Estimate, units_needed
from benchmarks.statistics.multiplicity import benjamini_hochberg, holm
from benchmarks.statistics.rates import (
    clopper_pearson,
    mcnemar,
    paired_difference,
    paired_ratio,
    proportion,
    wilson,
)
from benchmarks.statistics.resampling import average, bootstrap, mean

__all__ = [
    "MODELS_NEEDED",
    "POLICIES_NEEDED",
    "Agreement",
    "Estimate",
    "agreement",
    "auccess",
    "average",
    "benjamini_hochberg",
    "bootstrap",
    "brier_skill",
    "calibration_error",
    "clopper_pearson",
    "holm",
    "iqm",
    "kendall",
    "mcnemar",
    "mean",
    "mmrv",
    "paired_difference",
    "paired_ratio",
    "pearson",
    "performance_profile",
    "probability_of_improvement",
    "proportion",
    "spearman",
    "top1_regret",
    "units_needed",
    "wilson",
]
