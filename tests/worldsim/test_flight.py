"""Gravity fitted to flights made by hand."""

import numpy as np
import pytest

from worldsim.engines import make_engine, simulate
from worldsim.metrics.contacts import find_contacts
from worldsim.metrics.flight import flights, gravity_ratio, riding
from worldsim.scenarios.carriage import Carriage
from worldsim.scenarios.fall import FLOOR
from worldsim.scenes import Body, Scene

DROP = Scene((FLOOR, Body("blue", (0.8,), (3.0, 6.0), (1.0, 0.0))), gravity=2.5, restitution=0.8)
RADIUS = np.array([[0.0, 0.8]])


def numbered(position: np.ndarray, valid: np.ndarray | None = None) -> np.ndarray:
    valid = np.ones(position.shape[:3], dtype=bool) if valid is None else valid
    return flights(position, RADIUS, valid, find_contacts(position, RADIUS, valid, [DROP]), [DROP])


def ratio(position: np.ndarray, shown: np.ndarray | None = None) -> np.ndarray:
    """Ratio [T] against the truth of the drop."""
    shown = np.ones(position.shape[:3], dtype=bool) if shown is None else shown
    true = numbered(simulate(make_engine("analytic"), [DROP], position.shape[1]).states[..., :2])
    found = gravity_ratio(position, numbered(position, shown), true, shown, [DROP])
    return found.value[0].numpy()


def falling(gravity: float, frames: int = 16) -> np.ndarray:
    t = 0.1 * np.arange(frames)
    position = np.zeros((1, frames, 2, 2))
    position[0, :, 0] = FLOOR.position
    position[0, :, 1] = np.stack([3.0 + t, 6.0 - gravity * t**2 / 2], axis=1)
    return position


@pytest.mark.parametrize("gravity", [0.0, 2.0, 2.5, -1.0])
def test_gravity_is_recovered(gravity):
    assert ratio(falling(gravity)) == pytest.approx(np.full(16, gravity / 2.5), abs=1e-9)


def test_flights_are_parted_by_impacts():
    position = simulate(make_engine("analytic"), [DROP], 48).states[..., :2]
    number = numbered(position)[0, :, 1]
    impact = int(np.ceil(10 * np.sqrt(2 * (6 - 1.1) / 2.5)))
    assert number[impact] == number[impact - 1] + 1
    assert (np.diff(np.unique(number[number > 0])) == 1).all()
    assert np.nanmax(np.abs(ratio(position) - 1)) < 1e-9


def test_what_lies_does_not_fly():
    position = falling(0.0, 20)
    position[0, :, 1, 1] = 1.1
    assert not numbered(position).any()
    assert np.nanmax(ratio(falling(2.5))) == pytest.approx(1) and np.isnan(ratio(position)).all()


def test_vanishing_counts_as_no_gravity():
    shown = np.ones((1, 16, 2), dtype=bool)
    shown[0, 8:, 1] = False
    found = ratio(falling(2.5), shown)
    assert found[:8] == pytest.approx(1.0) and (found[8:] == 0).all()


def test_a_load_flies_from_its_release_on():
    scene = Carriage().template
    actions = np.zeros((1, 19, 2))
    actions[0, 7:, 1] = 1.0
    held = riding([scene], actions, 20)
    assert held[0, :, 2].tolist() == [t < 7 for t in range(20)] and not held[..., :2].any()
    states = simulate(make_engine("analytic"), [scene], 20, actions).states
    falls = np.diff(states[0, :, 2, 1], 2) < -1e-3
    assert np.flatnonzero(falls)[0] + 1 == 7  # the first bend of its path is at frame 7
