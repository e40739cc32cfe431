"""Templates: a red ball among four objects of eight kinds, all at rest until they are released.

After the public study's combinatorial data: C(8, 4) = 70 templates, of which 60 are trained on and 10 held
out. Gravity is 5 m/s²: what falls from the top of the view lands within 2 s and rests within the clip.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from worldsim.scenarios import base
from worldsim.scenarios.objects import KINDS, LOOSE, MOBILE, ROOM, Kind, Object, fits, occupied
from worldsim.scenes import VIEW, Body, Scene, Trajectory

TEMPLATES = tuple(combinations(KINDS, 4))
HELD_OUT = TEMPLATES[3::7]
TRAINED = tuple(t for t in TEMPLATES if t not in HELD_OUT)
RED, BLUE, GREEN = 0, 1, 2
RADIUS = 0.8  #: m, of the red ball
HOLD = 3  #: frames before the release: the context shows a scene at rest
WALLS = occupied(ROOM, 0.0)
NEAR = 2.2  #: m, between the blue and the green body sideways: the red ball can bring them together
MEET, MEETING = 0.8, 0.85  #: m; so close, one above the other, are the two in this share of draws of clips
TRIES = 60  #: draws of an object before a layout is given up
BALL = Body("red", (RADIUS,), (5.0, 9.0))


class Templates:
    """Blue and green are bodies of two of the objects that move; other ones are grey, fixed ones black."""

    name = "templates"
    levels = ("id", "held_out")
    frames = 48
    template = Scene(
        (BALL, Body("blue", (0.5,), (3.0, 5.0)), Body("green", (0.5,), (7.0, 5.0))),
        gravity=5.0,
        restitution=0.2,
        friction=0.5,
        hold=HOLD,
    )

    def propose(self, level: str, rng: np.random.Generator) -> Scene | None:
        """See `Scenario.propose`; the red ball is anywhere in the room."""
        meets, scene = rng.random() < MEETING, self.layout(level, rng)
        if scene is None or (meets and _apart(scene.bodies[BLUE], scene.bodies[GREEN]) > MEET):
            return None
        taken = np.logical_or.reduce([occupied(body) for body in scene.bodies[1:]])
        for _ in range(TRIES):
            x, y = rng.uniform(RADIUS, VIEW - RADIUS, 2)
            ball = replace(BALL, position=(float(x), float(y)))
            if not (occupied(ball) & taken).any():
                return replace(scene, bodies=(ball, *scene.bodies[1:]))
        return None

    def layout(self, level: str, rng: np.random.Generator) -> Scene | None:
        """A scene whose red ball is still out of the way; None where the objects did not fit."""
        templates = TRAINED if level == "id" else HELD_OUT
        kinds = templates[rng.integers(len(templates))]
        taken, objects = WALLS, []
        for kind in kinds:
            made = next((o for o in (kind(rng) for _ in range(TRIES)) if fits(o, taken)), None)
            if made is None:
                return None
            taken = np.logical_or.reduce([taken, *(occupied(body) for body in made)])
            objects.append(made)
        blue, green = _pair(kinds, rng)
        if _apart(objects[blue][0], objects[green][0]) > NEAR:
            return None
        others = [b for i, made in enumerate(objects) for b in made[1 if i in (blue, green) else 0 :]]
        pair = _painted(objects[blue], "blue"), _painted(objects[green], "green")
        away = replace(BALL, position=(-10.0 * VIEW, VIEW / 2))
        return replace(self.template, bodies=(away, *pair, ROOM, *others))

    def accept(self, level: str, clips: Trajectory) -> np.ndarray:
        """Every draw belongs to its level."""
        return np.ones(len(clips.states), dtype=bool)

    def actions(self, scenes: Sequence[Scene], keys: np.ndarray, frames: int) -> np.ndarray:
        """Nothing can be actuated."""
        return base.no_actions(scenes, frames)


def _apart(one: Body, other: Body) -> float:
    """Sideways distance, m."""
    return abs(one.position[0] - other.position[0])


def _pair(kinds: Sequence[Kind], rng: np.random.Generator) -> tuple[int, int]:
    """Which two of the objects are blue and green: they move, and one of them hangs if any does."""
    mobile = [i for i, kind in enumerate(kinds) if kind in MOBILE]
    loose = [i for i in mobile if kinds[i] in LOOSE] or mobile
    first = int(rng.choice(loose))
    second = int(rng.choice([i for i in mobile if i != first]))
    return (first, second) if rng.random() < 0.5 else (second, first)


def _painted(made: Object, color: str) -> Body:
    """The first body of an object in another colour."""
    return replace(made[0], color=color)
