"""Box2D, set up so that its game-engine tolerances do not show.

Box2D lets contacts slower than 1 m/s stick (a compiled-in threshold) and keeps bodies a slop apart. Time and
length are therefore scaled: a body at v m/s moves at v·L·T units per unit of time, which lowers the threshold
to 1/T and shrinks the slop by L. Under gravity T is limited: below about g·h a resting body must not bounce.

Box2D's own damping divides velocities by 1 + c·h. Here they are scaled by e^(-c·h) after each step, and while
a frame lasts they are those of the mean of the coming step: free motion is exact at any step.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import Box2D
import numpy as np

from worldsim.bodies import Body, Part
from worldsim.engines.base import Simulation, is_floor, turns
from worldsim.engines.clearance import Clearance
from worldsim.engines.controls import Controls
from worldsim.engines.hold import started
from worldsim.scenes import DT, VIEW, Scene, initial_states

LENGTH = 10.0  #: L, Box2D units in a metre
SKIN = 0.0075  #: half of the overlap, in units, at which Box2D's continuous collision stops two discs
BOX_SKIN = 0.0025  #: what is left of it, in units, against a box, whose own skin is thicker
CENTRE = VIEW / 2  #: Box2D's origin, m: its numbers are float32 and finest around zero
BEYOND = 1000.0  #: half width of a floor, m
FASTEST = 2.0  #: units in one step; Box2D clips faster motion silently (b2_maxTranslation)


@dataclass(frozen=True)
class Clock:
    """Steps per frame, scale of time, gravity and damping of one scene.

    Box2D adds the whole of g·h to the velocity before it moves a body. Half of that, the kick, is added to
    the velocity written and taken off the velocity read (leapfrog): free flight is exact at any step.
    """

    steps: int
    scale: float
    gravity: float
    damping: float
    kick: float  #: that every dynamic body carries between frames, m/s

    @classmethod
    def of(cls, scene: Scene) -> "Clock":
        """1 ms and T = 100 under gravity, 10 ms and T = 1e4 without; with friction 5 ms and T = 10.

        Friction dissipates and makes piles: what counts is that resting bodies rest, not the last digit.
        """
        if scene.friction:
            return cls(
                20, 10.0, float(scene.gravity), float(scene.damping), float(scene.gravity) * DT / 20 / 2
            )
        if scene.gravity:
            return cls(100, 100.0, float(scene.gravity), 0.0, float(scene.gravity) * DT / 100 / 2)
        return cls(10, 1e4, 0.0, float(scene.damping), 0.0)

    def steps_for(self, speed: float, clear: bool) -> int:
        """Steps of a frame that begins with bodies at most this fast, m/s, few if nothing can touch.

        One impact at most triples the greatest speed: the relative speed, at most twice it, is kept. Under
        gravity the steps are short enough for 200 m/s.
        """
        if clear:
            return int((speed + self.gravity * DT) * LENGTH * DT / FASTEST) + 1
        return max(self.steps, int(3 * speed * LENGTH * DT / FASTEST) + 1)

    def slowing(self, h: float) -> tuple[float, float]:
        """Mean velocity during a step of h seconds and velocity after it, as shares of the one before it."""
        lost = self.damping * h
        return (-math.expm1(-lost) / lost, math.exp(-lost)) if lost else (1.0, 1.0)


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
            world = Box2D.b2World(gravity=(0.0, -clock.gravity * LENGTH * clock.scale**2), doSleep=False)
            self._worlds.append(world)
            self._bodies.append([_create(world, body, scene, clock) for body in scene.bodies])
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


def _create(world: Box2D.b2World, body: Body, scene: Scene, clock: Clock) -> Box2D.b2Body:
    """One Box2D body. Only bodies that turn need their mass and moment of inertia told: others keep what
    their fixtures weigh."""
    scale = LENGTH * clock.scale
    kind = {"dynamic": world.CreateDynamicBody, "kinematic": world.CreateKinematicBody}
    dynamic, turning = body.motion == "dynamic", turns(body, scene)
    velocity = body.velocity if body.motion != "fixed" else (0.0, 0.0)
    made = kind.get(body.motion, world.CreateStaticBody)(
        position=tuple((float(p) - CENTRE) * LENGTH for p in body.position),
        angle=float(body.angle),
        linearVelocity=(
            float(velocity[0]) * scale,
            float(velocity[1]) * scale + dynamic * clock.kick * scale,
        ),
        angularVelocity=float(body.spin) * clock.scale if turning else 0.0,
        fixedRotation=not turning,
        bullet=dynamic,
        allowSleep=False,
        linearDamping=0.0,
        angularDamping=0.0,
        fixtures=[_fixture(body, part, scene) for part in body.pieces],
    )
    if turning:
        inertia = float(body.inertia) * LENGTH**2
        made.massData = Box2D.b2MassData(mass=float(body.mass), center=(0.0, 0.0), I=inertia)
    return made


def _fixture(body: Body, part: Part, scene: Scene) -> Box2D.b2FixtureDef:
    """One disc or box; a disc is inflated by half of its skin, its density lowered to keep its mass."""
    place = tuple(float(p) * LENGTH for p in part.offset)
    if part.shape == "disc":
        reach = part.size[0] * LENGTH + SKIN
        shape = Box2D.b2CircleShape(radius=reach, pos=place)
        area = np.pi * reach**2
    else:
        width = BEYOND if is_floor(body) else part.size[0]
        half = (width * LENGTH - BOX_SKIN, part.size[1] * LENGTH - BOX_SKIN)
        shape = Box2D.b2PolygonShape(box=(*half, place, float(part.angle)))
        area = 4 * half[0] * half[1]
    return Box2D.b2FixtureDef(
        shape=shape,
        density=float(body.density * part.area / area),
        friction=float(scene.friction),
        restitution=float(scene.restitution),
        isSensor=not body.solid,
    )
