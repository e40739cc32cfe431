"""Law errors of motion, at every frame, wherever bodies are."""

from collections.abc import Sequence

import numpy as np

from worldsim.engines.base import AWAY
from worldsim.engines.perturbed.base import Frame, LawError, draws, dynamic, lacks_motion, table
from worldsim.scenes import DT, VIEW, Scene

AT_REST = 1e-9  #: slower bodies have no direction of motion, m/s
STILL = 0.05  #: the same where there is friction, m/s, and for what is drawn to the mean speed: engines leave
#: resting bodies trembling
ACROSS = np.pi / 2  #: along its motion an error would leave a falling body on its path
MEAN_SPEED = 2.5  #: m/s, the middle of the range of training clips, see `worldsim.scenarios.base.SPEED`


class _Motion(LawError):
    @classmethod
    def lacks(cls, scene: Scene) -> str:
        """See `LawError.lacks`."""
        return lacks_motion(scene)


class VelocityBias(_Motion):
    """Each moving dynamic body drifts at right angles to its own motion, more and more off its path.

    The engine underneath stays true and only the readout drifts: which bodies meet does not change. A body
    at rest stays exact.
    """

    about = "moving bodies also move to their left with this speed"
    unit = "m/s"
    low, high = -5.0, 5.0

    def __init__(self, strength: float, scenes: Sequence[Scene]) -> None:
        super().__init__(strength, scenes)
        cos, sin = np.cos(ACROSS), np.sin(ACROSS)
        self._turn = strength * np.array([[cos, sin], [-sin, cos]])
        self._dynamic = table(scenes, dynamic)
        self._rest = np.array([STILL if s.friction else AT_REST for s in scenes])[:, None, None]
        self._offset = np.zeros((*self._dynamic.shape, 2))

    def _drift(self, states: np.ndarray) -> np.ndarray:
        """Extra velocity [N, B, 2] of each body, m/s, from its true motion now."""
        velocity = states[..., 3:5]
        speed = np.sqrt(np.square(velocity).sum(axis=-1, keepdims=True))
        moving = (speed > self._rest) & self._dynamic[..., None]
        direction = np.divide(velocity, speed, out=np.zeros_like(velocity), where=moving)
        return direction @ self._turn

    def disturb(self, frame: Frame) -> np.ndarray:
        """See `LawError.disturb`; the offset grows by the drift at the frame's end times 0.1 s."""
        self._offset += self._drift(frame.after) * DT
        return frame.after

    def see(self, states: np.ndarray) -> np.ndarray:
        """See `LawError.see`; the first frame is exact in position and already drifts in velocity."""
        drift = self._drift(states)
        states[..., :2] += self._offset
        states[..., 3:5] += drift
        return states


class Jitter(_Motion):
    """A random walk: each frame displaces each body anew; it goes on and meets others from there."""

    about = "standard deviation of a displacement in x and in y at every frame"
    unit = "m"
    high = 0.5

    def __init__(self, strength: float, scenes: Sequence[Scene]) -> None:
        super().__init__(strength, scenes)
        self._generators, self._row = draws(scenes, "perturbed", "jitter")
        self._size = max(len(s.bodies) for s in scenes)
        sizes = dict(zip(self._row.tolist(), (len(s.bodies) for s in scenes)))
        self._bodies = [sizes[i] for i in range(len(self._generators))]

    def disturb(self, frame: Frame) -> np.ndarray:
        """See `LawError.disturb`."""
        noise = np.zeros((len(self._generators), self._size, 2))
        for i, (generator, count) in enumerate(zip(self._generators, self._bodies)):
            noise[i, :count] = generator.standard_normal((count, 2))
        states = frame.after.copy()
        states[..., :2] += self.strength * noise[self._row] * frame.mobile[..., None]
        return states


class MeanDrift(_Motion):
    """Moving bodies are drawn to the speed of the clips that models learn from, and keep what they gained.

    Learned models do so out of distribution (Kang et al., "How Far is Video Generation from World Model").
    """

    about = f"rate at which speeds approach {MEAN_SPEED} m/s, the middle of the training range"
    unit = "1/s"
    high = 10.0

    def disturb(self, frame: Frame) -> np.ndarray:
        """See `LawError.disturb`."""
        states = frame.after.copy()
        speed = np.sqrt(np.square(states[..., 3:5]).sum(-1))
        moving = frame.mobile & (speed > STILL)
        share = -np.expm1(-self.strength * DT)
        ratio = np.divide(MEAN_SPEED, speed, out=np.ones_like(speed), where=moving)
        states[..., 3:5] *= (1 + share * (ratio - 1))[..., None]
        return states


class Vanishing(_Motion):
    """A dynamic body is gone from one frame on: it is neither seen nor met again. When is up to its start."""

    about = "rate at which each dynamic body vanishes for good"
    unit = "1/s"
    high = 10.0

    def __init__(self, strength: float, scenes: Sequence[Scene]) -> None:
        super().__init__(strength, scenes)
        self._dynamic = table(scenes, dynamic)
        self._left = np.full(self._dynamic.shape, np.inf)  # time that each body still has, s
        generators, rows = draws(scenes, "perturbed", "vanishing")
        waits = [generator.exponential(size=self._dynamic.shape[1]) for generator in generators]
        if strength:
            self._left[self._dynamic] = (np.array(waits)[rows] / strength)[self._dynamic]

    def disturb(self, frame: Frame) -> np.ndarray:
        """See `LawError.disturb`; what vanished waits far above the view."""
        self._left -= DT
        states = frame.after.copy()
        rows, bodies = np.nonzero(self._left <= 0)
        states[rows, bodies] = 0.0
        states[rows, bodies, 0], states[rows, bodies, 1] = VIEW / 2, AWAY * (1.0 + bodies)
        return states
