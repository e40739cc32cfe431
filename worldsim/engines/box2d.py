"""Box2D, set up so that its game-engine tolerances do not show.

Box2D lets contacts slower than 1 m/s stick (a compiled-in threshold) and keeps bodies a slop apart. Time and
length are therefore scaled: a body at v m/s moves at v·L·T units per unit of time, which lowers the threshold
to 1/T and shrinks the slop by L. Under gravity T is limited: below about g·h a resting body must not bounce.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import Box2D
import numpy as np

from worldsim.engines.base import is_floor
from worldsim.engines.controls import Controls
from worldsim.scenes import DT, VIEW, Body, Scene, initial_states

LENGTH = 10.0  #: L, Box2D units in a metre
SKIN = 0.0075  #: half of the overlap, in units, at which Box2D's continuous collision stops two discs
BOX_SKIN = 0.0025  #: what is left of it, in units, against a box, whose own skin is thicker
CENTRE = VIEW / 2  #: Box2D's origin, m: its numbers are float32 and finest around zero
BEYOND = 1000.0  #: half width of a floor, m
FASTEST = 2.0  #: units in one step; Box2D clips faster motion silently (b2_maxTranslation)


@dataclass(frozen=True)
class Clock:
    """Steps per frame and the scale of time.

    Box2D adds the whole of g·h to the velocity before it moves a body. Half of that kick is added to the
    velocity written and taken off the velocity read (leapfrog), which makes free flight exact.
    """

    steps: int
    scale: float
    kick: float

    @classmethod
    def of(cls, scene: Scene) -> "Clock":
        """1 ms and T = 100 under gravity (5 ms where nothing can touch), 10 ms and T = 1e4 without."""
        if scene.gravity == 0.0:
            return cls(10, 1e4, 0.0)
        steps = 100 if sum(b.solid for b in scene.bodies) > 1 else 20
        return cls(steps, 100.0, scene.gravity * DT / steps / 2)

    def steps_at(self, speed: float) -> int:
        """Steps of a frame that begins with bodies at most this fast, m/s.

        One impact at most triples the greatest speed: relative speed, at most twice it, is kept.
        """
        if self.kick:
            return self.steps
        return max(self.steps, int(3 * speed * LENGTH * DT / FASTEST) + 1)


class Box2DEngine:
    """Discs and boxes without friction in Box2D 2.3."""

    name = "box2d"

    def start(self, scenes: Sequence[Scene]) -> "Box2DSimulation":
        """Start N scenes at t = 0."""
        return Box2DSimulation(scenes)


class Box2DSimulation:
    """N running scenes, each with a Box2D world of its own."""

    def __init__(self, scenes: Sequence[Scene]):
        self._controls = Controls(scenes)
        self._states = initial_states(scenes).states[:, 0]
        self._clocks = [Clock.of(scene) for scene in scenes]
        self._worlds, self._bodies = [], []
        for i, (scene, clock) in enumerate(zip(scenes, self._clocks, strict=True)):
            world = Box2D.b2World(gravity=(0.0, -scene.gravity * LENGTH * clock.scale**2), doSleep=False)
            self._worlds.append(world)
            self._bodies.append([_create(world, body, scene.restitution, clock) for body in scene.bodies])
            for j, body in enumerate(scene.bodies):
                if body.motion == "fixed":
                    self._states[i, j, 3:] = 0.0
        self._speed = _fastest(self._states)

    @property
    def states(self) -> np.ndarray:
        return self._states.copy()

    def step(self, actions: np.ndarray) -> np.ndarray:
        """Advance by one frame."""
        launches = self._controls.begin_frame(self._states, actions)
        for i, j, launch in zip(self._controls.rows, self._controls.body, launches, strict=True):
            if launch.any():
                scale = LENGTH * self._clocks[i].scale
                vx, vy = self._bodies[i][j].linearVelocity
                self._bodies[i][j].linearVelocity = (vx + float(launch[0]) * scale, vy + float(launch[1]) * scale)
                self._speed[i] += np.hypot(*launch)
        self._push()
        for i, (world, clock) in enumerate(zip(self._worlds, self._clocks, strict=True)):
            steps = clock.steps_at(self._speed[i])
            h = DT / steps / clock.scale
            for _ in range(steps):
                world.Step(h, 8, 3)
            self._read(i, clock)
        self._controls.end_frame(self._states)
        self._speed = _fastest(self._states)
        return self.states

    def _push(self) -> None:
        """Give kinematic bodies their exact position and commanded velocity."""
        for i, j in np.argwhere(self._controls.kinematic):
            x, y, _, vx, vy, _ = self._states[i, j].tolist()
            scale = LENGTH * self._clocks[i].scale
            self._bodies[i][j].position = ((x - CENTRE) * LENGTH, (y - CENTRE) * LENGTH)
            self._bodies[i][j].linearVelocity = (vx * scale, vy * scale)

    def _read(self, i: int, clock: Clock) -> None:
        """Read the dynamic bodies of scene i."""
        scale = LENGTH * clock.scale
        for j, body in enumerate(self._bodies[i]):
            if body.type != Box2D.b2_dynamicBody:
                continue
            (x, y), (vx, vy) = body.position, body.linearVelocity
            flies = clock.kick and not any(edge.contact.touching for edge in body.contacts)
            drop = clock.kick if flies else 0.0
            self._states[i, j] = (
                x / LENGTH + CENTRE,
                y / LENGTH + CENTRE,
                body.angle,
                vx / scale,
                vy / scale - drop,
                body.angularVelocity / clock.scale,
            )


def _fastest(states: np.ndarray) -> np.ndarray:
    """Greatest speed [N] of each scene of `states` [N, B, 6], m/s."""
    return np.sqrt(np.square(states[..., 3:5]).sum(axis=-1)).max(axis=1)


def _create(world: Box2D.b2World, body: Body, restitution: float, clock: Clock) -> Box2D.b2Body:
    """One Box2D body; a disc is inflated by half of its skin, its density lowered to keep its mass."""
    scale = LENGTH * clock.scale
    if body.shape == "disc":
        reach = body.radius * LENGTH + SKIN
        shape = Box2D.b2CircleShape(radius=reach)
        area = np.pi * reach**2
    else:
        width = BEYOND if is_floor(body) else body.size[0]
        half = (width * LENGTH - BOX_SKIN, body.size[1] * LENGTH - BOX_SKIN)
        shape = Box2D.b2PolygonShape(box=half)
        area = 4 * half[0] * half[1]
    kind = {"dynamic": world.CreateDynamicBody, "kinematic": world.CreateKinematicBody}
    dynamic = body.motion == "dynamic"
    velocity = body.velocity if body.motion != "fixed" else (0.0, 0.0)
    fixture = Box2D.b2FixtureDef(
        shape=shape,
        density=float(body.mass / area),
        friction=0.0,
        restitution=float(restitution),
        isSensor=not body.solid,
    )
    return kind.get(body.motion, world.CreateStaticBody)(
        position=tuple((float(p) - CENTRE) * LENGTH for p in body.position),
        linearVelocity=(float(velocity[0]) * scale, float(velocity[1]) * scale + dynamic * clock.kick * scale),
        fixedRotation=body.shape == "disc",
        bullet=dynamic,
        allowSleep=False,
        linearDamping=0.0,
        angularDamping=0.0,
        fixtures=[fixture],
    )
