"""Box2D, set up so that its game-engine tolerances do not show; `box2d_model` says how it is scaled.

Box2D's own damping divides velocities by 1 + c·h. Here they are scaled by e^(-c·h) after each step, and while
a frame lasts they are those of the mean of the coming step: free motion is exact at any step.
"""

from collections.abc import Sequence

import Box2D
import numpy as np

from worldsim.engines.base import Simulation
from worldsim.engines.box2d_model import CENTRE, LENGTH, Clock, make_world
from worldsim.engines.clearance import Clearance
from worldsim.engines.controls import Controls
from worldsim.engines.hold import started
from worldsim.scenes import DT, Scene, initial_states


class Box2DEngine:
    """Discs, boxes and bodies made of them in Box2D 2.3."""

    name = "box2d"

    def start(self, scenes: Sequence[Scene]) -> Simulation:
        """Start N scenes at t = 0."""
        return started(scenes, Box2DSimulation)


class Box2DSimulation:
    """N running scenes, each with a Box2D world of its own."""

    def __init__(self, scenes: Sequence[Scene]):
        self._controls = Controls(scenes)
        self._clearance = Clearance(scenes)
        self._states = initial_states(scenes).states[:, 0]
        self._clocks = [Clock.of(scene) for scene in scenes]
        self._scale = np.array([LENGTH * clock.scale for clock in self._clocks])
        self._worlds, self._bodies = [], []
        for i, (scene, clock) in enumerate(zip(scenes, self._clocks, strict=True)):
            world, bodies = make_world(scene, clock)
            self._worlds.append(world)
            self._bodies.append(bodies)
            for j, body in enumerate(scene.bodies):
                if body.motion == "fixed":
                    self._states[i, j, 3:] = 0.0
        dynamic = [
            (i, j) for i, s in enumerate(scenes) for j, b in enumerate(s.bodies) if b.motion == "dynamic"
        ]
        self._rows, self._columns = np.array(dynamic, dtype=int).reshape(-1, 2).T
        self._dynamic = [[b for b in bodies if b.type == Box2D.b2_dynamicBody] for bodies in self._bodies]

    @property
    def states(self) -> np.ndarray:
        return self._states.copy()

    def put(self, bodies: np.ndarray, states: np.ndarray) -> None:
        """See `Simulation.put`; contacts keep their memory."""
        self._states[bodies] = states[bodies]
        self._push(bodies)

    def step(self, actions: np.ndarray) -> np.ndarray:
        """Advance by one frame."""
        held = self._controls.held.copy()
        launches = self._controls.begin_frame(self._states, actions)
        self._launch(launches)
        self._push(self._controls.kinematic | held)
        speed = np.sqrt(np.square(self._states[..., 3:5]).sum(axis=-1)).max(axis=1).tolist()
        clear = self._clearance.clear(self._states).tolist()
        for i, (world, clock) in enumerate(zip(self._worlds, self._clocks)):
            steps = clock.steps_for(speed[i], clear[i])
            h = DT / steps
            more = (clock.gravity * h / 2 - clock.kick) * LENGTH * clock.scale
            mean, kept = clock.slowing(h)
            _accelerate(self._dynamic[i], more)
            _scale(self._dynamic[i], mean)
            for _ in range(steps):
                world.Step(h / clock.scale, 8, 3)
                _scale(self._dynamic[i], kept)
            _scale(self._dynamic[i], 1 / mean)
            _accelerate(self._dynamic[i], -more)
            if clock.damping and not clear[i]:
                _drive(self._dynamic[i])
        told = self._states[self._controls.kinematic]
        self._read()
        self._states[self._controls.kinematic] = told
        self._controls.end_frame(self._states)
        return self.states

    def _launch(self, launches: np.ndarray) -> None:
        """Add the launches [L, 2], m/s, to the velocities."""
        for i, j, launch in zip(self._controls.rows, self._controls.body, launches):
            if launch.any():
                vx, vy = self._bodies[i][j].linearVelocity
                more = launch * self._scale[i]
                self._bodies[i][j].linearVelocity = (vx + float(more[0]), vy + float(more[1]))
                self._states[i, j, 3:5] += launch

    def _push(self, bodies: np.ndarray) -> None:
        """Give some bodies [N, B], such as those that move as they are told, their exact states."""
        for i, j in np.argwhere(bodies):
            x, y, angle, vx, vy, spin = self._states[i, j].tolist()
            scale, body = float(self._scale[i]), self._bodies[i][j]
            kick = self._clocks[i].kick if body.type == Box2D.b2_dynamicBody else 0.0
            body.position = ((x - CENTRE) * LENGTH, (y - CENTRE) * LENGTH)
            body.linearVelocity = (vx * scale, (vy + kick) * scale)
            if not body.fixedRotation:
                body.angle, body.angularVelocity = angle, spin * self._clocks[i].scale

    def _read(self) -> None:
        """Read the dynamic bodies; only bodies in flight carry a kick."""
        raw, kicks = [], []
        for bodies, clock in zip(self._dynamic, self._clocks):
            for body in bodies:
                (x, y), (vx, vy) = body.position, body.linearVelocity
                raw.append((x, y, body.angle, vx, vy, body.angularVelocity))
                lies = clock.gravity and any(map(_bears, body.contacts))
                kicks.append(0.0 if lies else clock.kick)
        if not raw:
            return
        read, scale = np.array(raw), self._scale[self._rows, None]
        read[:, :2] = read[:, :2] / LENGTH + CENTRE
        read[:, 3:5] /= scale
        read[:, 4] -= kicks
        read[:, 5:] *= LENGTH / scale
        self._states[self._rows, self._columns] = read


def _bears(edge: Box2D.b2ContactEdge) -> bool:
    """Whether a contact pushes: bodies that touch nothing are sensors."""
    return edge.contact.touching and not edge.other.fixtures[0].sensor


def _accelerate(bodies: Sequence[Box2D.b2Body], more: float) -> None:
    """Add to the vertical velocity of some bodies, Box2D units."""
    if more:
        for body in bodies:
            vx, vy = body.linearVelocity
            body.linearVelocity = (vx, vy + more)


def _scale(bodies: Sequence[Box2D.b2Body], factor: float) -> None:
    """Multiply the velocity of some bodies."""
    if factor != 1.0:
        for body in bodies:
            vx, vy = body.linearVelocity
            body.linearVelocity = (vx * factor, vy * factor)


def _drive(bodies: Sequence[Box2D.b2Body]) -> None:
    """What a frame's last step took from damped bodies while something pushed them: they keep up with it."""
    for body in bodies:
        for edge in body.contacts:
            if edge.other.type != Box2D.b2_kinematicBody or not _bears(edge):
                continue
            manifold = edge.contact.worldManifold  # kept: its normal is a view
            nx, ny = manifold.normal  # from the contact's first body to its second
            way = 1.0 if edge.contact.fixtureB.body == body else -1.0
            (vx, vy), (ux, uy) = body.linearVelocity, edge.other.linearVelocity
            lack = max(0.0, way * ((ux - vx) * nx + (uy - vy) * ny))
            body.linearVelocity = (vx + way * lack * nx, vy + way * lack * ny)
