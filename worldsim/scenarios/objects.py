"""The eight kinds of objects that templates are made of, after the public study's combinatorial data (PHYRE).

A kind makes one object, a list of bodies, from a random stream: where it stands or hangs is drawn anew until
it fits. What stands, stands on the floor of the room; everything else hangs in the air until it is released.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from worldsim.bodies import Body, Part, compound
from worldsim.scenes import VIEW

FLOOR_TOP, WALL = 0.3, 0.2  #: m, height of the floor and thickness of the walls
CLEAR = 0.2  #: m, free space between two objects at the start
ROOM = compound(
    "black",
    (
        Part("box", (VIEW / 2, FLOOR_TOP / 2), (VIEW / 2, FLOOR_TOP / 2)),
        *(
            Part("box", (WALL / 2, (VIEW - FLOOR_TOP) / 2), (x, (VIEW + FLOOR_TOP) / 2))
            for x in (WALL / 2, VIEW - WALL / 2)
        ),
    ),
    (0.0, 0.0),
    motion="fixed",
)
HEIGHT = (2.2, 8.5)  #: m, where things hang
STAND = 0.005  #: m, above the floor

Object = tuple[Body, ...]
Kind = Callable[[np.random.Generator], Object]


def _hang(rng: np.random.Generator, margin: float) -> tuple[float, float]:
    return float(rng.uniform(WALL + margin, VIEW - WALL - margin)), float(rng.uniform(*HEIGHT))


def _side(rng: np.random.Generator, margin: float) -> float:
    return float(rng.uniform(WALL + margin, VIEW - WALL - margin))


def small_ball(rng: np.random.Generator) -> Object:
    """A dynamic ball."""
    radius = float(rng.uniform(0.35, 0.55))
    return (Body("grey", (radius,), _hang(rng, radius)),)


def large_ball(rng: np.random.Generator) -> Object:
    """A larger dynamic ball."""
    radius = float(rng.uniform(0.65, 0.95))
    return (Body("grey", (radius,), _hang(rng, radius)),)


def pegs(rng: np.random.Generator) -> Object:
    """Three fixed black balls in a row."""
    step, angle = rng.uniform(0.8, 1.1), float(rng.uniform(-0.6, 0.6))
    row = tuple(Part("disc", (0.25,), (float(step * i), 0.0)) for i in (-1, 0, 1))
    return (compound("black", row, _hang(rng, 1.4), angle=angle, motion="fixed"),)


def shelf(rng: np.random.Generator) -> Object:
    """A fixed bar."""
    half = float(rng.uniform(1.0, 1.7))
    angle = float(rng.uniform(-0.4, 0.4))
    return (Body("black", (half, 0.15), _hang(rng, half), shape="box", motion="fixed", angle=angle),)


def bar(rng: np.random.Generator) -> Object:
    """A dynamic bar."""
    half = float(rng.uniform(0.8, 1.3))
    angle = float(rng.uniform(-np.pi / 2, np.pi / 2))
    return (Body("grey", (half, 0.18), _hang(rng, half), shape="box", angle=angle),)


def bars(rng: np.random.Generator) -> Object:
    """Three standing dynamic bars; the middle one comes first."""
    height, step = float(rng.uniform(0.6, 1.0)), float(rng.uniform(0.6, 0.9))
    x, y = _side(rng, step + 0.3), FLOOR_TOP + STAND + height
    return tuple(Body("grey", (0.18, height), (x + step * i, y), shape="box") for i in (0, -1, 1))


def jar(rng: np.random.Generator) -> Object:
    """A standing jar, open at its top: a base and two walls."""
    half, height = float(rng.uniform(0.7, 0.9)), float(rng.uniform(0.45, 0.6))
    parts = (
        Part("box", (half, 0.15), (0.0, 0.15)),
        Part("box", (0.15, height), (0.15 - half, 0.3 + height)),
        Part("box", (0.15, height), (half - 0.15, 0.3 + height)),
    )
    return (compound("grey", parts, (_side(rng, half), FLOOR_TOP + STAND)),)


def stick(rng: np.random.Generator) -> Object:
    """A tall standing stick."""
    height = float(rng.uniform(1.1, 1.5))
    place = (_side(rng, 0.3), FLOOR_TOP + STAND + height)
    return (Body("grey", (0.15, height), place, shape="box"),)


KINDS: tuple[Kind, ...] = (
    small_ball,
    large_ball,
    pegs,
    shelf,
    bar,
    bars,
    jar,
    stick,
)
LOOSE = (small_ball, large_ball, bar)  #: kinds that hang in the air and fall
MOBILE = (*LOOSE, bars, jar, stick)  #: kinds whose bodies move

GRID = 50  #: points along a side of the view at which overlaps are looked for
_TICKS = (np.arange(GRID) + 0.5) * VIEW / GRID
_GRID = np.stack(np.meshgrid(_TICKS, _TICKS), axis=-1)


def occupied(body: Body, margin: float = CLEAR / 2) -> np.ndarray:
    """[50, 50] bool: points of a grid over the view that lie within `margin` m of a body."""
    c, s = np.cos(body.angle), np.sin(body.angle)
    away = (_GRID - body.position) @ np.array([[c, -s], [s, c]])
    taken = np.zeros(_GRID.shape[:2], dtype=bool)
    for part in body.pieces:
        c, s = np.cos(part.angle), np.sin(part.angle)
        own = (away - part.offset) @ np.array([[c, -s], [s, c]])
        if part.shape == "disc":
            taken |= np.hypot(own[..., 0], own[..., 1]) < part.size[0] + margin
        else:
            taken |= (np.abs(own) < np.add(part.size, margin)).all(axis=-1)
    return taken


def fits(made: Object, taken: np.ndarray) -> bool:
    """Whether an object keeps clear of what is `taken` [50, 50]; what stands may touch the floor."""
    lifted = (replace(b, position=(b.position[0], b.position[1] + CLEAR)) if _stands(b) else b for b in made)
    return not any((occupied(body) & taken).any() for body in lifted)


def _stands(body: Body) -> bool:
    return body.position[1] < HEIGHT[0]
