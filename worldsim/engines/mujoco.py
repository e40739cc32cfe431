"""MuJoCo, planar: spheres and boxes that slide in x and y and turn about z, contacts as one-step dampers.

An impact is a damper that acts for one step: its reference acceleration turns the normal velocity v into
-e·v within h. Spring-like contacts, MuJoCo's default, are ten to a hundred times less exact. All scenes of
one layout run as one `mujoco.batch.Batch` (MuJoCo 3.17 and later) with sizes and masses of their own.

Joint dampers are explicit and so strong that a step of h takes exactly 1 - e^(-c·h) of a velocity.
"""

from collections.abc import Sequence

import numpy as np

from worldsim.engines.base import Simulation, turns
from worldsim.engines.clearance import Clearance
from worldsim.engines.controls import Controls
from worldsim.engines.damping import decay, reach
from worldsim.engines.hold import started
from worldsim.engines.mujoco_model import layout, make_batch, pushes, step_of
from worldsim.scenes import DT, Scene, initial_states


class MuJoCoEngine:
    """Discs, boxes and bodies made of them in MuJoCo."""

    name = "mujoco"

    def start(self, scenes: Sequence[Scene]) -> Simulation:
        """Start N scenes at t = 0."""
        return started(scenes, MuJoCoSimulation)


class MuJoCoSimulation:
    """N running scenes, one batch for each layout among them."""

    def __init__(self, scenes: Sequence[Scene]):
        self._controls = Controls(scenes)
        self._states = initial_states(scenes).states[:, 0]
        layouts: dict[tuple[object, ...], list[int]] = {}
        for i, scene in enumerate(scenes):
            layouts.setdefault(layout(scene), []).append(i)
            for j, body in enumerate(scene.bodies):
                if body.motion == "fixed":
                    self._states[i, j, 3:] = 0.0
        self._groups = [_Group([scenes[i] for i in rows], np.array(rows)) for rows in layouts.values()]

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
        for group in self._groups:
            group.step(self._states, self._controls.kinematic)
        self._controls.end_frame(self._states)
        return self.states


class _Group:
    """Scenes of one layout: `rows` [n] of the whole batch, and the batch of simulations."""

    def __init__(self, scenes: Sequence[Scene], rows: np.ndarray):
        bodies = scenes[0].bodies
        self._rows, self._count = rows, len(bodies)
        self._moving = [j for j, b in enumerate(bodies) if b.motion == "dynamic" or pushes(b)]
        joints = [(m, a) for m, j in enumerate(self._moving) for a in range(2 + turns(bodies[j], scenes[0]))]
        self._body, self._axis = np.array(joints, dtype=int).reshape(-1, 2).T
        self._short = step_of(scenes[0])
        self._batch = None
        if self._moving:
            self._batch = make_batch(scenes, self._moving)
            self._timestep = self._batch.expand("opt.timestep")
            self._dampers = self._batch.expand("dof_damping")
        free = np.array([[s.bodies[j].motion == "dynamic" for j in self._moving] for s in scenes])
        mass = np.array([[s.bodies[j].mass for j in self._moving] for s in scenes]) * free
        self._damped = mass[:, self._body] * (self._axis < 2)  # what damping slows along each joint, kg
        self._damping = np.array([s.damping for s in scenes])
        self._clearance = Clearance(scenes)
        self._gravity = np.array([[s.gravity] for s in scenes])

    def step(self, states: np.ndarray, kinematic: np.ndarray) -> None:
        """Advance the group's rows of `states` [N, B, 6] by one frame, in place, but for `kinematic` [N, B].

        Positions and velocities are handed over at each frame; these contacts keep no memory. MuJoCo adds g·h
        to the velocity before it moves a body: half of that is added before and taken off after (leapfrog).
        Likewise it moves a damped body by the velocity that it has after a step, not by the step's mean.
        """
        if self._batch is None:
            return
        index = np.ix_(self._rows, np.array(self._moving))
        now = states[index]
        clear = self._clearance.clear(states[self._rows, : self._count])
        self._timestep[:] = h = np.where(clear, DT, self._short)
        kept = decay(self._damping, h)
        self._dampers[:] = self._damped * ((1 - kept) / h)[:, None]
        told = kinematic[index]
        straight = ~told[:, self._body] & (self._axis < 2)
        ahead = np.where(straight, (reach(self._damping, h) / h / kept)[:, None], 1.0)
        kick = self._gravity * ~told * (h[:, None] / 2)
        self._batch.qpos[:] = now[:, self._body, self._axis]
        now[..., 4] += kick
        self._batch.qvel[:] = now[:, self._body, 3 + self._axis] * ahead
        for chosen, steps in ((clear, 1), (~clear, round(DT / self._short))):
            if chosen.any():
                self._batch.step(ids=np.flatnonzero(chosen), nstep=steps)
        after = now.copy()
        after[:, self._body, self._axis] = self._batch.qpos
        after[:, self._body, 3 + self._axis] = self._batch.qvel / ahead
        after[..., 4] -= kick
        after[told] = now[told]
        states[index] = after
