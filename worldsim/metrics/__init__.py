"""Physics errors of tracked videos.

All of them by type, from one entry: `typed.typed_errors`.
"""

from worldsim.metrics.conservation import disc_mass, energy_drift, midway, momentum_drift
from worldsim.metrics.position import permanence, position_error, position_error_by_frame, position_errors
from worldsim.metrics.scoring import ByFrame, PerClip, impacts, in_view, scoring_mask
from worldsim.metrics.survival import Survival, kaplan_meier
from worldsim.metrics.velocity import velocity_error, velocity_error_public, velocity_errors

__all__ = [
    "ByFrame",
    "PerClip",
    "Survival",
    "disc_mass",
    "energy_drift",
    "impacts",
    "in_view",
    "kaplan_meier",
    "midway",
    "momentum_drift",
    "permanence",
    "position_error",
    "position_error_by_frame",
    "position_errors",
    "scoring_mask",
    "velocity_error",
    "velocity_error_public",
    "velocity_errors",
]
