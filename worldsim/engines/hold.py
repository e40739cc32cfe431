"""Scenes that stand still until they are released, in front of any engine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from worldsim.engines.base import Simulation
from worldsim.scenes import Limits, Scene, initial_states


def started(scenes: Sequence[Scene], make: Callable[[Sequence[Scene]], Simulation]) -> Simulation:
    """The simulation that `make` makes of scenes, held still for as long as each scene says."""
    return HeldSimulation(scenes, make) if any(scene.hold for scene in scenes) else make(scenes)


@dataclass
class _Group:
    """Rows that are released together after `wait` more frames."""

    rows: np.ndarray
    simulation: Simulation
    size: int  #: of their actions
    wait: int


class HeldSimulation:
    """N scenes that show their first state, without velocities, until their own simulation begins."""

    def __init__(self, scenes: Sequence[Scene], make: Callable[[Sequence[Scene]], Simulation]) -> None:
        self._limits = Limits.of(scenes)
        self._states = initial_states(scenes).states[:, 0]
        self._groups = []
        for wait in sorted({scene.hold for scene in scenes}):
            rows = np.flatnonzero([scene.hold == wait for scene in scenes])
            some = [scene for scene in scenes if scene.hold == wait]
            self._groups.append(_Group(rows, make(some), max(s.action_size for s in some), wait))
            self._states[rows, :, 3:] *= wait == 0

    @property
    def states(self) -> np.ndarray:
        return self._states.copy()

    def step(self, actions: np.ndarray) -> np.ndarray:
        """Advance by one frame; actions on scenes that are held do nothing."""
        actions = self._limits.apply(actions)
        for group in self._groups:
            if group.wait:
                group.wait -= 1
                now = group.simulation.states
                now[..., 3:] *= group.wait == 0
            else:
                now = group.simulation.step(actions[group.rows, : group.size])
            self._states[group.rows, : now.shape[1]] = now
        return self.states

    def put(self, bodies: np.ndarray, states: np.ndarray) -> None:
        """See `Simulation.put`; what is held keeps the velocity that it will have at its release."""
        self._states[bodies] = states[bodies]
        for group in self._groups:
            own = group.simulation.states
            told = states[group.rows, : own.shape[1]].copy()
            if group.wait:
                told[..., 3:] = own[..., 3:]
            group.simulation.put(bodies[group.rows, : own.shape[1]], told)
