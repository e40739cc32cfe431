"""Null physics in which nothing pulls and nothing touches: bodies keep their velocities, or do not move at
all. Controls still work."""

from collections.abc import Sequence

import numpy as np

from worldsim.engines.base import Simulation
from worldsim.engines.controls import Controls
from worldsim.engines.hold import started
from worldsim.scenes import DT, Scene, initial_states


class InertiaEngine:
    """Constant velocities, no contacts, no gravity: what a planner without the task's law imagines."""

    name = "inertia"

    def start(self, scenes: Sequence[Scene]) -> Simulation:
        """Start N scenes at t = 0."""
        return started(scenes, InertiaSimulation)


class FrozenEngine:
    """Nothing moves by itself: what a planner that does not even know inertia imagines."""

    name = "frozen"

    def start(self, scenes: Sequence[Scene]) -> Simulation:
        """Start N scenes at t = 0."""
        return started(scenes, lambda some: InertiaSimulation(some, drift=False))


class InertiaSimulation:
    """N scenes in which nothing happens; without `drift` dynamic bodies stay where they are."""

    def __init__(self, scenes: Sequence[Scene], drift: bool = True):
        self._controls = Controls(scenes)
        self._states = initial_states(scenes).states[:, 0]
        self._dynamic = np.zeros(self._states.shape[:2], dtype=bool)
        for i, scene in enumerate(scenes):
            for j, body in enumerate(scene.bodies):
                self._dynamic[i, j] = drift and body.motion == "dynamic"
                if body.motion == "fixed":
                    self._states[i, j, 3:] = 0.0

    @property
    def states(self) -> np.ndarray:
        return self._states.copy()

    def put(self, bodies: np.ndarray, states: np.ndarray) -> None:
        """See `Simulation.put`."""
        self._states[bodies] = states[bodies]

    def step(self, actions: np.ndarray) -> np.ndarray:
        """Advance by one frame."""
        launches = self._controls.begin_frame(self._states, actions)
        self._states[self._controls.rows, self._controls.body, 3:5] += launches
        free = self._dynamic & ~self._controls.held
        self._states[..., :3] += self._states[..., 3:] * (DT * free[..., None])
        self._controls.end_frame(self._states)
        return self.states
