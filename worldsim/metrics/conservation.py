"""Momentum and energy, from any velocities and heights: true states or tracks.

Velocities by finite differences are those of the middle of the interval, exactly so under constant gravity.
"""

import torch
from torch import Tensor

from worldsim.metrics.scoring import PerClip
from worldsim.scenes import DT


def disc_mass(radius: Tensor) -> Tensor:
    """Mass of discs of density 1 kg/m², kg."""
    return torch.pi * radius.double().square()


def midway(position: Tensor, gravity: float = 0.0) -> tuple[Tensor, Tensor]:
    """Velocity [N, T-1, B, 2] and height [N, T-1, B] halfway between frames, from positions [N, T, B, 2]."""
    position = position.double()
    velocity = (position[:, 1:] - position[:, :-1]) / DT
    height = (position[:, 1:, :, 1] + position[:, :-1, :, 1]) / 2 + gravity * DT**2 / 8
    return velocity, height


def momentum_drift(velocity: Tensor, mass: Tensor, valid: Tensor, start: int = 0) -> PerClip:
    """|P_t - P_start| / Σ m |v_start|, mean over the frames t > `start`, by clip.

    `velocity` [N, T, B, 2], `mass` [N, B] (zero: not counted), `valid` [N, T, B]; a frame counts when all
    its bodies with mass are valid, a clip when its frame `start` does and something moves there.
    """
    weighted = velocity.double() * mass.double()[:, None, :, None]
    total = weighted.sum(2)
    scale = weighted[:, start].norm(dim=-1).sum(-1)
    drift = (total - total[:, start : start + 1]).norm(dim=-1) / scale.clamp(min=1e-9)[:, None]
    return PerClip.of(drift, _counted(valid, mass, start, scale))


def energy_drift(
    velocity: Tensor, height: Tensor, mass: Tensor, valid: Tensor, gravity: float = 0.0, start: int = 0
) -> PerClip:
    """|E_t - E_start| / E_start, mean over the frames t > `start`, by clip; E = Σ m (v²/2 + g·height).

    Shapes and what counts as in `momentum_drift`; `height` [N, T, B] m above the zero of energy.
    """
    specific = velocity.double().square().sum(-1) / 2 + gravity * height.double()
    energy = (specific * mass.double()[:, None]).sum(-1)
    drift = (energy - energy[:, start : start + 1]).abs() / energy[:, start : start + 1].clamp(min=1e-9)
    return PerClip.of(drift, _counted(valid, mass, start, energy[:, start]))


def _counted(valid: Tensor, mass: Tensor, start: int, scale: Tensor) -> Tensor:
    """[N, T] bool: the frames after `start` to compare with it."""
    whole = (valid | (mass == 0)[:, None]).all(-1)
    counted = whole & whole[:, start : start + 1] & (scale > 1e-6)[:, None]
    counted[:, : start + 1] = False
    return counted
