"""Actions to velocities, alike in every engine."""

from collections.abc import Sequence

import numpy as np

from worldsim.scenes import DT, VIEW, Limits, Scene


class Controls:
    """The controls and the kinematic bodies of N scenes.

    Kinematic bodies follow their commands exactly, whatever the engine: they are moved here, in float64.

    Attributes
    ----------
    rows, body
        Rows and body indices of the launched bodies, [L] each.
    kinematic : [N, B] bool
    """

    def __init__(self, scenes: Sequence[Scene]):
        self._limits = Limits.of(scenes)
        controls = [(i, s.control) for i, s in enumerate(scenes) if s.control is not None]
        launched = [(i, c.body) for i, c in controls if c.kind == "launch"]
        pushed = [(i, c.body) for i, c in controls if c.kind == "velocity"]
        self.rows, self.body = np.array(launched, dtype=int).reshape(-1, 2).T
        self._pushed, self._pushed_body = np.array(pushed, dtype=int).reshape(-1, 2).T
        self._half = np.array([scenes[i].bodies[b].size[0] for i, b in pushed])
        most = max(len(s.bodies) for s in scenes)
        self.kinematic = np.zeros((len(scenes), most), dtype=bool)
        for i, scene in enumerate(scenes):
            self.kinematic[i, : len(scene.bodies)] = [b.motion == "kinematic" for b in scene.bodies]

    def begin_frame(self, states: np.ndarray, actions: np.ndarray) -> np.ndarray:
        """Write the kinematic bodies' velocities into `states` [N, B, 6]; return launches [L, 2], m/s.

        A box's velocity is such that it ends the frame inside the view (`worldsim.scenes.frame_velocity`).
        Raises ValueError as `worldsim.scenes.limit_actions` does.
        """
        actions = self._limits.apply(actions)
        if len(self._pushed):
            x = states[self._pushed, self._pushed_body, 0]
            target = np.clip(x + actions[self._pushed, 0] * DT, self._half, VIEW - self._half)
            states[self._pushed, self._pushed_body, 3] = (target - x) / DT
        return actions[self.rows, :2] if len(self.rows) else np.zeros((0, 2))

    def end_frame(self, states: np.ndarray) -> None:
        """Move the kinematic bodies of `states` [N, B, 6] by one frame."""
        moved = states[self.kinematic]
        moved[:, :2] += moved[:, 3:5] * DT
        states[self.kinematic] = moved
