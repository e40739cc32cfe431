"""The protocol that every physics engine follows.

An engine starts a batch of scenes; a simulation advances all of them by one frame at a time. A running
simulation is never copied: whoever needs a copy starts the same scenes again and replays the same actions,
which is exact, while restoring positions and velocities alone loses contact memory.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from worldsim.scenes import VIEW, Body, Scene, Trajectory

AWAY = 1000.0  #: m; a body that has vanished waits this high above the view, or higher


class Simulation(Protocol):
    """A batch of running scenes."""

    @property
    def states(self) -> np.ndarray:
        """States [N, B, 6] float64 at the present frame (a copy)."""
        ...

    def step(self, actions: np.ndarray) -> np.ndarray:
        """Apply actions [N, A] at the present frame, advance 0.1 s, return the states [N, B, 6].

        Raises ValueError on a wrong shape or NaN (see `worldsim.scenes.limit_actions`).
        """
        ...

    def put(self, bodies: np.ndarray, states: np.ndarray) -> None:
        """Go on with the chosen `bodies` [N, B] bool in other `states` [N, B, 6]; the others stay."""
        ...


class Engine(Protocol):
    """A physics engine: a name and a way to start scenes."""

    @property
    def name(self) -> str:
        """As in `make_engine`."""
        ...

    def start(self, scenes: Sequence[Scene]) -> Simulation:
        """Start N scenes at t = 0; padded bodies have zero states."""
        ...


def is_floor(body: Body) -> bool:
    """Whether a level fixed box spans the view; every engine lets such a floor go on beyond its edges."""
    fixed = body.solid and body.shape == "box" and body.motion == "fixed" and not body.angle
    return fixed and body.size[0] - abs(body.position[0] - VIEW / 2) >= VIEW / 2 - 1e-9


def turns(body: Body, scene: Scene) -> bool:
    """Whether a body can turn: all dynamic ones but discs without friction, where it makes no difference."""
    return body.motion == "dynamic" and (body.shape != "disc" or scene.friction > 0)


def simulate(
    engine: Engine, scenes: Sequence[Scene], frames: int, actions: np.ndarray | None = None
) -> Trajectory:
    """Run whole clips: `frames` frames, the first at t = 0.

    `actions` [N, frames - 1, A]; action t leads from frame t to frame t + 1. None means do nothing. Bodies
    that vanished on the way are not present.
    """
    size = max(s.action_size for s in scenes)
    if actions is None:
        actions = np.zeros((len(scenes), frames - 1, size))
    if actions.shape != (len(scenes), frames - 1, size):
        raise ValueError(f"actions have shape {actions.shape}; expected {(len(scenes), frames - 1, size)}")
    simulation = engine.start(scenes)
    states = [simulation.states]
    for t in range(frames - 1):
        states.append(simulation.step(actions[:, t]))
    count = np.array([len(s.bodies) for s in scenes])
    exists = np.arange(states[0].shape[1]) < count[:, None]
    told = np.stack(states, axis=1)
    return Trajectory(told, exists[:, None] & (told[..., 1] < AWAY))
