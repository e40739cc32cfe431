"""A deliberately wrong physics: any engine, seen with a velocity error."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from worldsim.engines.base import Engine, Simulation
from worldsim.scenes import DT, Scene

AT_REST = 1e-9  #: slower bodies have no direction of motion, m/s
TREMBLING = 0.05  #: the same where there is friction: engines leave resting bodies trembling, m/s


@dataclass(frozen=True)
class PerturbedEngine:
    """Each moving dynamic body drifts with an extra velocity along its own motion.

    The wrapped engine stays true: only the readout drifts, so an error of the law is injected without
    changing which bodies meet. A body at rest stays exact.

    Parameters
    ----------
    engine
        The physics underneath.
    velocity_error
        Magnitude of the extra velocity, m/s; negative values slow bodies down.
    angle
        Direction of the extra velocity against the body's own motion, radians, counter-clockwise.
    """

    engine: Engine
    velocity_error: float
    angle: float = 0.0

    @property
    def name(self) -> str:
        return f"{self.engine.name}+{self.velocity_error:g}@{self.angle:g}"

    def start(self, scenes: Sequence[Scene]) -> "PerturbedSimulation":
        """Start N scenes at t = 0; the first frame is exact in position and already drifts in velocity."""
        return PerturbedSimulation(self.engine.start(scenes), scenes, self.velocity_error, self.angle)


class PerturbedSimulation:
    """N running scenes, seen with a drift."""

    def __init__(self, simulation: Simulation, scenes: Sequence[Scene], velocity_error: float, angle: float):
        self._simulation = simulation
        self._turn = velocity_error * np.array(
            [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
        )
        self._true = simulation.states
        self._offset = np.zeros((*self._true.shape[:2], 2))
        self._dynamic = np.zeros(self._true.shape[:2], dtype=bool)
        self._rest = np.array([TREMBLING if s.friction else AT_REST for s in scenes])[:, None, None]
        for i, scene in enumerate(scenes):
            self._dynamic[i, : len(scene.bodies)] = [b.motion == "dynamic" for b in scene.bodies]

    def _drift(self) -> np.ndarray:
        """Extra velocity [N, B, 2] of each body, m/s, from its true motion now."""
        velocity = self._true[..., 3:5]
        speed = np.sqrt(np.square(velocity).sum(axis=-1, keepdims=True))
        moving = (speed > self._rest) & self._dynamic[..., None]
        direction = np.divide(velocity, speed, out=np.zeros_like(velocity), where=moving)
        return direction @ self._turn

    @property
    def states(self) -> np.ndarray:
        seen = self._true.copy()
        seen[..., :2] += self._offset
        seen[..., 3:5] += self._drift()
        return seen

    def step(self, actions: np.ndarray) -> np.ndarray:
        """Advance by one frame; the offset grows by the drift at the frame's end times 0.1 s."""
        self._true = self._simulation.step(actions)
        self._offset += self._drift() * DT
        return self.states
