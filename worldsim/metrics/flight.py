"""Gravity fitted to free flight, and where bodies fly freely."""

from collections.abc import Sequence

import numpy as np
import torch

from worldsim.metrics.contacts import Contacts
from worldsim.metrics.scoring import ByFrame
from worldsim.scenes import DT, RELEASE, Scene

SHORTEST = 6  #: frames of a flight that a parabola is fitted to; the fit's error falls as length^(-5/2)
LYING = 0.1  #: m; a disc that stays this close to a fixed body for a whole frame lies on it


def gravity_ratio(
    position: np.ndarray,
    flying: np.ndarray,
    true_flight: np.ndarray,
    shown: np.ndarray,
    scenes: Sequence[Scene],
) -> ByFrame:
    """Fitted gravity over true gravity: 1 is right, 0 is a straight line.

    A parabola is fitted by least squares to each of the prediction's own flights (`flights`: numbers
    [N, T, B]), so that the time and place of impacts do not matter; each frame of a flight counts. Where the
    truth flies (`true_flight` [N, T, B]) and the prediction does not show the body (`shown` [N, T, B]) the
    ratio is 0. Nothing is scored without gravity.
    """
    gravity = np.array([scene.gravity for scene in scenes])
    ratio, scored = np.zeros(flying.shape), np.zeros(flying.shape, dtype=bool)
    for n in np.flatnonzero(gravity > 0):
        for b in range(flying.shape[2]):
            for number in np.unique(flying[n, :, b][flying[n, :, b] > 0]):
                t = np.flatnonzero(flying[n, :, b] == number)
                if len(t) >= SHORTEST:
                    bend = np.polynomial.polynomial.polyfit(t - t.mean(), position[n, t, b, 1], 2)[2]
                    ratio[n, t, b], scored[n, t, b] = -2 * bend / DT**2 / gravity[n], True
    gone = (true_flight > 0) & ~shown & (gravity > 0)[:, None, None]
    ratio[gone], scored[gone] = 0.0, True
    return ByFrame.of(torch.as_tensor(ratio), torch.as_tensor(scored))


def flights(
    position: np.ndarray, radius: np.ndarray, valid: np.ndarray, contacts: Contacts, scenes: Sequence[Scene]
) -> np.ndarray:
    """Numbers [N, T, B] of the flights that frames belong to, 0 where a body does not fly freely.

    A flight of a dynamic body ends at an impact, where the body is not `valid` [N, T, B], and where it lies
    on a fixed body. `position` [N, T, B, 2] m, `radius` [N, B] m.
    """
    free = valid.copy()
    for j, body in enumerate(scenes[0].bodies):
        if body.motion != "dynamic":
            free[:, :, j] = False
        for i, other in enumerate(scenes[0].bodies):
            if body.solid and other.solid and other.motion == "fixed":
                half = np.array([scene.bodies[i].half for scene in scenes])[:, None]
                away = position[:, :, j] - position[:, :, i]
                away = away - np.clip(away, -half, half)
                near = np.sqrt((away**2).sum(-1)) - radius[:, j, None] < LYING
                free[:, 1:, j] &= ~(near[:, 1:] & near[:, :-1])
                free[:, :-1, j] &= ~(near[:, 1:] & near[:, :-1])
    broken = np.zeros_like(free)  # [N, T, B]: a new flight begins at this frame
    after = np.ceil(contacts.time).astype(int)
    for k in range(2):
        broken[contacts.clip, np.minimum(after, free.shape[1] - 1), contacts.pair[:, k]] = True
    broken[:, 1:] |= free[:, 1:] & ~free[:, :-1]
    return np.where(free, 1 + broken.cumsum(axis=1), 0)


def riding(scenes: Sequence[Scene], actions: np.ndarray, frames: int) -> np.ndarray:
    """[N, T, B] bool: loads that a carriage still holds, up to the frame of their release.

    `actions` [N, T-1, A]; the load leaves with the first one that lets go.
    """
    held = np.zeros((len(scenes), frames, max(len(s.bodies) for s in scenes)), dtype=bool)
    for n, scene in enumerate(scenes):
        if scene.control is not None and scene.control.load is not None:
            let_go = np.flatnonzero(actions[n, :, 1] > RELEASE)
            held[n, : (let_go[0] if len(let_go) else frames), scene.control.load] = True
    return held
