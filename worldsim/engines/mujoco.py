"""MuJoCo, planar: spheres and boxes that slide in x and y, contacts as one-step dampers.

An impact is a damper that acts for one step: its reference acceleration turns the normal velocity v into
-e·v within h. Spring-like contacts, MuJoCo's default, are ten to a hundred times less exact. All scenes of
one layout run as one `mujoco.batch.Batch` (MuJoCo 3.17 and later) with sizes and masses of their own.

Joint dampers are explicit and so strong that a step of h takes exactly 1 - e^(-c·h) of a velocity.
"""

import os
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from worldsim.engines.base import is_floor
from worldsim.engines.clearance import Clearance
from worldsim.engines.controls import Controls
from worldsim.engines.damping import decay, reach
from worldsim.scenes import DT, Body, Scene, initial_states

try:
    import mujoco
    from mujoco.batch import Batch
except (ImportError, RuntimeError, AttributeError) as error:
    raise ImportError(
        f"MuJoCo could not be imported (MUJOCO_GL={os.environ.get('MUJOCO_GL', '')!r}): {error}. Physics "
        "needs no graphics: unset MUJOCO_GL, or name a backend that this machine has"
    ) from error

STEP = 0.001  #: s; a frame in which nothing can touch is one step of 0.1 s
HEAVY = 1e9  #: kg; a solid kinematic body: nothing pushes it
DEPTH = 10.0  #: half extent of boxes across the plane, m


_NO = 'contype="0" conaffinity="0"'  # contacts are the named pairs only


class MuJoCoEngine:
    """Discs without friction, fixed and kinematic boxes, in MuJoCo."""

    name = "mujoco"

    def start(self, scenes: Sequence[Scene]) -> "MuJoCoSimulation":
        """Start N scenes at t = 0. Raises ValueError for a solid dynamic box, which would have to turn."""
        for index, scene in enumerate(scenes):
            if any(b.shape == "box" and b.motion == "dynamic" for b in scene.bodies):
                raise ValueError(
                    f"scene {index} has a dynamic box; the mujoco engine slides bodies, use box2d"
                )
        return MuJoCoSimulation(scenes)


class MuJoCoSimulation:
    """N running scenes, one batch for each layout among them."""

    def __init__(self, scenes: Sequence[Scene]):
        self._controls = Controls(scenes)
        self._states = initial_states(scenes).states[:, 0]
        layouts: dict[tuple[object, ...], list[int]] = {}
        for i, scene in enumerate(scenes):
            layouts.setdefault(
                tuple((b.shape, b.motion, b.solid, is_floor(b)) for b in scene.bodies), []
            ).append(i)
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
        self._rows = rows
        self._moving = [j for j, b in enumerate(bodies) if b.motion == "dynamic" or _pushes(b)]
        self._batch = None
        if self._moving:
            self._batch = _batch(scenes, self._moving)
            self._timestep = self._batch.expand("opt.timestep")
            self._dampers = self._batch.expand("dof_damping")
        self._mass = np.array([[_damped_mass(s.bodies[j]) for j in self._moving] for s in scenes])
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
        clear = self._clearance.clear(states[self._rows])
        self._timestep[:] = h = np.where(clear, DT, STEP)
        kept = decay(self._damping, h)
        self._dampers[:] = np.repeat(self._mass * ((1 - kept) / h)[:, None], 2, axis=1)
        told = kinematic[index]
        ahead = np.where(told, 1.0, (reach(self._damping, h) / h / kept)[:, None])[..., None]
        kick = self._gravity * ~told * (h[:, None] / 2)
        self._batch.qpos[:] = now[..., 0:2].reshape(len(now), -1)
        now[..., 4] += kick
        self._batch.qvel[:] = (now[..., 3:5] * ahead).reshape(len(now), -1)
        for chosen, steps in ((clear, 1), (~clear, round(DT / STEP))):
            if chosen.any():
                self._batch.step(ids=np.flatnonzero(chosen), nstep=steps)
        after = now.copy()
        after[..., 0:2] = self._batch.qpos.reshape(len(now), -1, 2)
        after[..., 3:5] = self._batch.qvel.reshape(len(now), -1, 2) / ahead
        after[..., 4] -= kick
        after[told] = now[told]
        states[index] = after


def _pushes(body: Body) -> bool:
    """Whether a kinematic body takes part in contacts."""
    return body.motion == "kinematic" and body.solid


def _damped_mass(body: Body) -> float:
    """The mass that damping slows, kg."""
    return body.mass if body.motion == "dynamic" else 0.0


def _batch(scenes: Sequence[Scene], moving: Sequence[int]) -> Batch:
    """Simulations of scenes of one layout, each with its own sizes, masses and law constants."""
    model = mujoco.MjModel.from_xml_string(_xml(scenes[0], moving))
    batch = Batch(model, len(scenes), nthread=min(_cores(), 1 + len(scenes) // 32))
    batch.expand("opt.gravity")[:] = [(0.0, -s.gravity, 0.0) for s in scenes]
    size, bound, place = batch.expand("geom_size"), batch.expand("geom_rbound"), batch.expand("geom_pos")
    mass, inertia = batch.expand("body_mass"), batch.expand("body_inertia")
    for k, body in enumerate(scenes[0].bodies):
        if k not in moving and not body.solid:
            continue
        g, b = model.geom(f"{k}").id, model.geom(f"{k}").bodyid[0]
        if body.shape == "disc":
            size[:, g, 0] = bound[:, g] = [s.bodies[k].radius for s in scenes]
        elif not is_floor(body):
            size[:, g, :2] = [s.bodies[k].size for s in scenes]
            bound[:, g] = np.sqrt(np.square(size[:, g]).sum(axis=1))
        if k in moving:
            mass[:, b] = [HEAVY if _pushes(s.bodies[k]) else s.bodies[k].mass for s in scenes]
            inertia[:, b] = mass[:, b, None]  # unused: nothing turns
        else:
            place[:, g, :2] = [s.bodies[k].position for s in scenes]
            place[:, g, 1] += [s.bodies[k].size[1] if is_floor(body) else 0.0 for s in scenes]
    if model.npair:
        solref = batch.expand("pair_solref")
        solref[..., 0], solref[..., 1] = 0.0, np.array([[-(1 + s.restitution) / STEP] for s in scenes])
    batch.set_const()
    return batch


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _xml(scene: Scene, moving: Sequence[int]) -> str:
    """The model of a layout. Joints come in the order of `moving`, x before y."""
    parts, solid = [], []
    for k, body in enumerate(scene.bodies):
        if k not in moving and not body.solid:
            continue
        if body.solid:
            solid.append(k)
        if is_floor(body):
            geom = f'<geom name="{k}" type="plane" size="1 1 1" euler="-90 0 0" {_NO}/>'
        elif body.shape == "disc":
            geom = f'<geom name="{k}" type="sphere" size="1" {_NO}/>'
        else:
            geom = f'<geom name="{k}" type="box" size="1 1 {DEPTH}" {_NO}/>'
        if k in moving:
            heavy = 'gravcomp="1"' if _pushes(body) else ""
            geom = (
                f'<body {heavy}><inertial pos="0 0 0" mass="1" diaginertia="1 1 1"/>'
                f'<joint type="slide" axis="1 0 0"/><joint type="slide" axis="0 1 0"/>{geom}</body>'
            )
        parts.append(geom)
    pairs = "".join(
        f'<pair geom1="{i}" geom2="{j}" condim="1" solimp="0.9999 0.9999 0.001 0.5 1"/>'
        for i, j in combinations(solid, 2)
        if i in moving or j in moving
    )
    return f"""<mujoco>
      <option timestep="{STEP}" integrator="Euler" jacobian="dense" tolerance="1e-12">
        <flag eulerdamp="disable"/>
      </option>
      <worldbody>{"".join(parts)}</worldbody>
      <contact>{pairs}</contact>
    </mujoco>"""
