"""Rigid bodies: discs, boxes, and bodies made of several of them, with mass and moment of inertia."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

CENTRED = 1e-9  #: m; parts may be this far off their centre of mass


@dataclass(frozen=True)
class Part:
    """A disc or box of a body: `offset` m from the body's centre and turned by `angle`, both in its frame."""

    shape: Literal["disc", "box"]
    size: tuple[float, ...]
    offset: tuple[float, float] = (0.0, 0.0)
    angle: float = 0.0

    @property
    def area(self) -> float:
        """Area, m²: π r² or 4 a b."""
        if self.shape == "disc":
            return np.pi * self.size[0] ** 2
        return 4.0 * self.size[0] * self.size[1]

    @property
    def inertia(self) -> float:
        """Second moment of the area about the body's centre, m⁴.

        About its own centre a disc has A r²/2 and a box A (a² + b²)/3; Steiner's theorem adds A d².
        """
        own = self.size[0] ** 2 / 2 if self.shape == "disc" else (self.size[0] ** 2 + self.size[1] ** 2) / 3
        return self.area * (own + self.offset[0] ** 2 + self.offset[1] ** 2)

    @property
    def corners(self) -> np.ndarray:
        """Corners [4, 2] of a box, counter-clockwise, or of the square around a disc, in the body's frame."""
        half = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * (self.size[0], self.size[-1])
        c, s = np.cos(self.angle), np.sin(self.angle)
        return half @ np.array([[c, s], [-s, c]]) + self.offset


@dataclass(frozen=True)
class Body:
    """One rigid body.

    `size` is (radius,) of a disc, (half width, half height) of a box, in m, and of a compound body those of
    the box around it at angle 0. `position` is its centre of mass; `angle` and `spin` are in radians and
    rad/s. A dynamic body obeys forces and contacts, a kinematic one only its commands, a fixed one nothing.
    Bodies with `solid=False` touch nothing. `parts`, of compound bodies alone, must not overlap; see
    `compound`. Raises ValueError where parts do not fit the shape, or are given about another point.
    """

    color: str
    size: tuple[float, ...]
    position: tuple[float, float]
    velocity: tuple[float, float] = (0.0, 0.0)
    shape: Literal["disc", "box", "compound"] = "disc"
    motion: Literal["dynamic", "kinematic", "fixed"] = "dynamic"
    density: float = 1.0
    solid: bool = True
    angle: float = 0.0
    spin: float = 0.0
    parts: tuple[Part, ...] = ()

    def __post_init__(self) -> None:
        if bool(self.parts) != (self.shape == "compound"):
            raise ValueError(f"a {self.shape} has {len(self.parts)} parts; compound bodies alone have parts")
        if self.parts and np.abs(_centre(self.parts)).max() > CENTRED:
            raise ValueError(f"the parts' centre of mass is {_centre(self.parts)}, not 0; use `compound`")

    @property
    def radius(self) -> float:
        """Radius of a disc, half the width of a box, m."""
        return self.size[0]

    @property
    def half(self) -> tuple[float, float]:
        """Half width and half height at angle 0, m; the radius of a disc twice."""
        return (self.size[0], self.size[-1])

    @property
    def pieces(self) -> tuple[Part, ...]:
        """The discs and boxes that it is made of."""
        if self.shape == "compound":
            return self.parts
        return (Part(self.shape, self.size),)

    @property
    def mass(self) -> float:
        """Mass, kg."""
        return sum(self.density * part.area for part in self.pieces)

    @property
    def inertia(self) -> float:
        """Moment of inertia about the centre of mass, kg m²."""
        return sum(self.density * part.inertia for part in self.pieces)

    @property
    def reach(self) -> float:
        """Radius of the circle around it, m."""
        far = [
            np.hypot(*p.offset) + p.size[0] if p.shape == "disc" else np.hypot(*p.corners.T).max()
            for p in self.pieces
        ]
        return float(max(far))


def _centre(parts: tuple[Part, ...]) -> np.ndarray:
    """Centre of mass (2,) of parts of one density."""
    return np.average([p.offset for p in parts], axis=0, weights=[p.area for p in parts])


def compound(color: str, parts: tuple[Part, ...], position: tuple[float, float], **rest: Any) -> Body:
    """A body made of parts that do not overlap; `position` is where the origin of their offsets lies.

    Offsets are moved to the centre of mass. `rest` are further fields of `Body`.
    """
    centre = _centre(parts)
    x, y = map(float, centre)
    moved = tuple(replace(p, offset=(p.offset[0] - x, p.offset[1] - y)) for p in parts)
    angle = rest.get("angle", 0.0)
    c, s = np.cos(angle), np.sin(angle)
    place = np.add(position, np.array([[c, -s], [s, c]]) @ centre)
    size = np.abs(np.concatenate([p.corners for p in moved])).max(axis=0)
    return Body(
        color,
        (float(size[0]), float(size[1])),
        (float(place[0]), float(place[1])),
        shape="compound",
        parts=moved,
        **rest,
    )
