"""Actions to velocities, alike in every engine."""

from collections.abc import Sequence

import numpy as np

from worldsim.engines.base import is_floor
from worldsim.scenes import DT, RELEASE, VIEW, Limits, Scene


class Controls:
    """The controls and the bodies of N scenes that move as they are told.

    Kinematic bodies, the loads that they carry and bodies that are not yet placed follow their commands
    exactly, whatever the engine: they are moved here, in float64.

    Attributes
    ----------
    rows, body
        Rows and body indices of the launched bodies, [L] each.
    held : [N, B] bool
        Loads that ride along in the coming frame, and bodies that are not in the world.
    kinematic : [N, B] bool
        Bodies that move as they are told in the coming frame, loads included.
    """

    def __init__(self, scenes: Sequence[Scene]):
        self._limits = Limits.of(scenes)
        controls = [(i, s.control) for i, s in enumerate(scenes) if s.control is not None]
        launched = [(i, c.body) for i, c in controls if c.kind == "launch"]
        self.rows, self.body = np.array(launched, dtype=int).reshape(-1, 2).T
        # a command is a component of the action that is a velocity along an axis: row, component, body, axis
        commands = [(i, a, c.body, a) for i, c in controls if c.kind == "velocity" for a in range(len(c.low))]
        commands += [(i, 0, c.body, 1) for i, c in controls if c.kind == "carry"]
        self._row, self._component, self._box, self._axis = np.array(commands, dtype=int).reshape(-1, 4).T
        self._lowest = np.array([_lowest(scenes[i], b, axis) for i, _, b, axis in commands])
        self._highest = np.array([VIEW - scenes[i].bodies[b].half[axis] for i, _, b, axis in commands])
        loads = [(i, c.body, c.load) for i, c in controls if c.kind == "carry" and c.load is not None]
        self._carrier, self._carriage, self._load = np.array(loads, dtype=int).reshape(-1, 3).T
        placed = [(i, c.body) for i, c in controls if c.kind == "place"]
        self._placed, self._place = np.array(placed, dtype=int).reshape(-1, 2).T
        self._room = np.array([scenes[i].bodies[b].radius for i, b in placed])
        self._begun = False
        most = max(len(s.bodies) for s in scenes)
        self._driven = np.zeros((len(scenes), most), dtype=bool)
        for i, scene in enumerate(scenes):
            self._driven[i, : len(scene.bodies)] = [b.motion == "kinematic" for b in scene.bodies]
        self.held = np.zeros_like(self._driven)
        self.held[self._carrier, self._load] = True
        self.held[self._placed, self._place] = True

    @property
    def kinematic(self) -> np.ndarray:
        return self._driven | self.held

    def begin_frame(self, states: np.ndarray, actions: np.ndarray) -> np.ndarray:
        """Write the velocities of the coming frame into `states` [N, B, 6]; return launches [L, 2], m/s.

        A commanded box ends the frame inside the view, with its load above the floor. Raises
        ValueError as `worldsim.scenes.limit_actions` does.
        """
        actions = self._limits.apply(actions)
        if len(self._placed) and not self._begun:
            where = actions[self._placed, :2]
            fits = ((where >= self._room[:, None]) & (where <= VIEW - self._room[:, None])).all(axis=1)
            rows, bodies = self._placed[fits], self._place[fits]
            states[rows, bodies, :2] = where[fits]
            self.held[rows, bodies] = False
        self._begun = True
        if len(self._row):
            place = states[self._row, self._box, self._axis]
            target = place + actions[self._row, self._component] * DT
            target = np.clip(target, self._lowest, self._highest)
            states[self._row, self._box, 3 + self._axis] = (target - place) / DT
        if len(self._load):
            self.held[self._carrier, self._load] &= actions[self._carrier, 1] <= RELEASE
            riding = self.held[self._carrier, self._load]
            rows, loads = self._carrier[riding], self._load[riding]
            states[rows, loads, 3:5] = states[rows, self._carriage[riding], 3:5]
        return actions[self.rows, :2] if len(self.rows) else np.zeros((0, 2))

    def end_frame(self, states: np.ndarray) -> None:
        """Move the kinematic bodies and loads of `states` [N, B, 6] by one frame."""
        kinematic = self.kinematic
        moved = states[kinematic]
        moved[:, :2] += moved[:, 3:5] * DT
        states[kinematic] = moved


def _lowest(scene: Scene, body: int, axis: int) -> float:
    """The least coordinate, m, that commands can bring a body to, with room for what hangs below it."""
    control, lowest = scene.control, scene.bodies[body].half[axis]
    if control is None or control.load is None or axis == 0:
        return lowest
    floors = [b.position[1] + b.half[1] for b in scene.bodies if is_floor(b)]
    return lowest + 2 * scene.bodies[control.load].half[1] + max(floors, default=0.0)
