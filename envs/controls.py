"""What a person does, and how it becomes an action: a table from the kind of control."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from worldsim.scenes import DT

REACH = 1.0  #: m/s of a launch for each metre of a drag
Place = tuple[float, float]


@dataclass(frozen=True)
class Inputs:
    """Keys and mouse since the last picture.

    `keys` are those held down, of "left", "right", "up", "down" and "space"; `pointer` is where the mouse is
    while its button is held, `dragged` where a drag began and where it ended, once it has ended. Places are
    (x, y) in pixels of the picture shown, and in m of the view once a session has read them.
    """

    keys: frozenset[str] = frozenset()
    pointer: Place | None = None
    pressed: Place | None = None
    dragged: tuple[Place, Place] | None = None
    forward: bool = False
    quit: bool = False


@dataclass(frozen=True)
class Reading:
    """What an action is made of: inputs in m, the controlled body's place (2,) m, and the bounds [A]."""

    inputs: Inputs
    place: np.ndarray
    low: np.ndarray
    high: np.ndarray


def shorten(launch: np.ndarray, longest: float) -> np.ndarray:
    """A launch (2,) m/s no longer than allowed."""
    return launch * min(1.0, longest / max(float(np.hypot(*launch)), 1e-9))


def launch(reading: Reading) -> np.ndarray | None:
    """The drag, when it has ended: as long as it is in metres, in m/s."""
    if reading.inputs.dragged is None:
        return None
    start, end = reading.inputs.dragged
    return shorten(REACH * np.subtract(end, start), float(reading.high[0]))


def velocity(reading: Reading) -> np.ndarray:
    """Full speed along the arrow keys, or toward the mouse while its button is held; one or two numbers."""
    keys, size = reading.inputs.keys, len(reading.low)
    ways = (("left", "right"), ("down", "up"))[:size]
    sign = np.array([(more in keys) - (less in keys) for less, more in ways], dtype=float)
    if reading.inputs.pointer is not None and not sign.any():
        return np.clip((reading.inputs.pointer - reading.place)[:size] / DT, reading.low, reading.high)
    return np.where(sign > 0, reading.high, np.where(sign < 0, reading.low, 0.0))


def carry(reading: Reading) -> np.ndarray:
    """Up and down by keys or mouse, and release while the space bar is held: (m/s, 1 or 0)."""
    keys, pointer = reading.inputs.keys, reading.inputs.pointer
    sign = float(("up" in keys) - ("down" in keys))
    speed = reading.high[0] if sign > 0 else reading.low[0] if sign < 0 else 0.0
    if pointer is not None and not sign:
        speed = np.clip((pointer[1] - reading.place[1]) / DT, reading.low[0], reading.high[0])
    return np.array([speed, float("space" in keys)])


def place(reading: Reading) -> np.ndarray | None:
    """Where the mouse button was let go of."""
    if reading.inputs.dragged is None:
        return None
    return np.clip(reading.inputs.dragged[1], reading.low, reading.high)


CONTROLS: dict[str, tuple[Callable[[Reading], np.ndarray | None], str]] = {
    "launch": (launch, "drag the mouse to launch"),
    "velocity": (velocity, "arrow keys or the mouse steer"),
    "carry": (carry, "up and down move, space lets go"),
    "place": (place, "click where the ball shall go"),
}
