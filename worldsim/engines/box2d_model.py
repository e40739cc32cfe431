"""Box2D worlds of scenes: how time and length are scaled, and what bodies are made of.

Box2D lets contacts slower than 1 m/s stick (a compiled-in threshold) and keeps bodies a slop apart. Time and
length are therefore scaled: a body at v m/s moves at v·L·T units per unit of time, which lowers the threshold
to 1/T and shrinks the slop by L. Under gravity T is limited: below about g·h a resting body must not bounce.
"""

import math
from dataclasses import dataclass

import Box2D
import numpy as np

from worldsim.bodies import Body, Part
from worldsim.engines.base import is_floor, turns
from worldsim.scenes import DT, VIEW, Scene

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


def make_world(scene: Scene, clock: Clock) -> tuple[Box2D.b2World, list[Box2D.b2Body]]:
    """A world at t = 0 and its bodies, in the order of the scene."""
    world = Box2D.b2World(gravity=(0.0, -clock.gravity * LENGTH * clock.scale**2), doSleep=False)
    return world, [_create(world, body, scene, clock) for body in scene.bodies]


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
