"""Factors of variation: what differs between starts, who can know it, and how to set it.

A factor is *visible* (size, speed), *inferable* from the motion in the context frames (gravity, damping) or
*hidden* (restitution, friction, density, and a law that nothing obeys before the first decision). Levels
change visible factors alone: what would be hidden is never part of a level out of distribution, and a success
with a hidden factor changed is reported apart. Colour, shape and number are visible too, but a task fixes
them, for they tell its bodies apart; so it does with the sizes of boxes.

Factors come from a task's template. A changed start keeps its goal, its level and its number. What a level
proves of its starts, that they can be solved and not by doing nothing, is not proved of changed ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from envs.base import Task
from envs.draws import CONTEXT, DEVELOPMENT_IDS
from worldsim.engines import make_engine, simulate
from worldsim.scenes import VIEW, Body, Control, Scene

LAWS: dict[str, tuple[str, float, float, str]] = {  #: field of a scene: unit, least, most, what it is
    "gravity": ("m/s²", 0.0, 20.0, "pulls down on what moves"),
    "damping": ("1/s", 0.0, 5.0, "slows what moves"),
    "restitution": ("", 0.0, 1.0, "share of the speed that is left after a contact"),
    "friction": ("", 0.0, 2.0, "Coulomb's, of every contact"),
}
OF_BODIES: dict[str, tuple[str, float, float, str]] = {  #: quantity of a body: the same
    "radius": ("m", 0.2, 2.5, "radius of the {} disc"),
    "speed": ("m/s", 0.0, 10.0, "speed at the start of the {} {}; its direction stays"),
    "density": ("kg/m²", 0.05, 20.0, "mass by area of the {} {}"),
}


@dataclass(frozen=True)
class Factor:
    """One factor of a task's scenes.

    `kind` says who can know it (see the module), `low` and `high` what it may be, in `unit`. It is the field
    `quantity` of the scene, or of its body number `body`.
    """

    name: str
    kind: Literal["visible", "inferable", "hidden"]
    unit: str
    low: float
    high: float
    about: str
    quantity: str
    body: int | None = None


def factors_of(template: Scene) -> tuple[Factor, ...]:
    """The factors of all scenes of a template, those of its bodies named by their colours.

    Of scenes in which a body is placed only the laws vary: their objects are laid out to fit each other.
    """
    return (*_laws(template), *(() if template.places else _of_bodies(template)))


def _laws(template: Scene) -> list[Factor]:
    """Laws that do something: those at zero belong to other scenes."""
    solid = [b for b in template.bodies if b.solid]
    meets = len(solid) > 1 and any(b.motion == "dynamic" for b in solid)
    load = None if template.control is None else template.control.load
    free = any(b.motion == "dynamic" and i != load for i, b in enumerate(template.bodies))
    shown = free and not template.hold  # before the first decision
    found = []
    for name, (unit, low, high, about) in LAWS.items():
        if meets if name == "restitution" else getattr(template, name):
            inferable = shown and name in ("gravity", "damping")
            found.append(Factor(name, "inferable" if inferable else "hidden", unit, low, high, about, name))
    return found


def _of_bodies(template: Scene) -> list[Factor]:
    """Radii of discs, speeds of what moves by itself, densities where two bodies can push each other."""
    control, found = template.control, []
    dynamic = [b for b in template.bodies if b.motion == "dynamic" and b.solid]
    for i, body in enumerate(template.bodies):
        if body.motion == "fixed":
            continue
        commanded = control is not None and i in (control.body, control.load)
        carriage = control is not None and i == control.body and control.kind == "carry"
        has = {
            "radius": body.shape == "disc",
            "speed": carriage or (body.motion == "dynamic" and not commanded),
            "density": body in dynamic and len(dynamic) > 1,
        }
        for quantity in (q for q, there in has.items() if there):
            unit, low, high, about = OF_BODIES[quantity]
            kind: Literal["visible", "hidden"] = "hidden" if quantity == "density" else "visible"
            told = about.format(body.color, body.shape)
            found.append(Factor(f"{body.color}_{quantity}", kind, unit, low, high, told, quantity, i))
    return found


def read(scene: Scene, factors: Sequence[Factor]) -> dict[str, float]:
    """The values of some factors in a scene, by name."""
    return {f.name: _value(scene, f) for f in factors}


def _value(scene: Scene, factor: Factor) -> float:
    if factor.body is None:
        return float(getattr(scene, factor.quantity))
    body = scene.bodies[factor.body]
    return float(np.hypot(*body.velocity) if factor.quantity == "speed" else getattr(body, factor.quantity))


def checked(values: Mapping[str, Any], factors: Sequence[Factor]) -> dict[str, float]:
    """The same values as numbers. Raises ValueError for unknown factors and values that cannot be."""
    named = {f.name: f for f in factors}
    if unknown := [name for name in values if name not in named]:
        raise ValueError(f"no factor {unknown[0]!r}; there are {', '.join(named) or 'none'}")
    found: dict[str, float] = {}
    for name, value in values.items():
        factor = named[name]
        try:
            found[name] = float(value)
        except (TypeError, ValueError):
            found[name] = np.nan
        if not factor.low <= found[name] <= factor.high:
            unit = f" {factor.unit}" * bool(factor.unit)
            raise ValueError(f"{name} is {value!r}; expected {factor.low:g} to {factor.high:g}{unit}")
    return found


def change(scene: Scene, values: Mapping[str, Any], factors: Sequence[Factor]) -> Scene:
    """The scene with other values of some factors.

    Places stay, but a load hangs right below its carriage, and moves with it. Raises ValueError for unknown
    factors, values that cannot be, a speed for what rests, and where bodies would overlap at the start or be
    out of view in the context frames.
    """
    values = checked(values, factors)
    told = ", ".join(f"{name}={value:g}" for name, value in values.items())
    changed = [f for f in factors if f.name in values and values[f.name] != _value(scene, f)]
    bodies, laws = list(scene.bodies), dict[str, Any]()
    for factor in changed:
        value, i = values[factor.name], factor.body
        if i is None:
            laws[factor.quantity] = value
        elif factor.quantity == "radius":
            bodies[i] = replace(bodies[i], size=(value,))
        elif factor.quantity == "density":
            bodies[i] = replace(bodies[i], density=value)
        else:
            bodies[i] = replace(bodies[i], velocity=_faster(factor.name, bodies[i], value))
    moved = tuple(bodies) != scene.bodies
    new = replace(scene, bodies=_hung(bodies, scene.control) if moved else scene.bodies, **laws)
    _check_overlaps(new, [f.body for f in changed if f.quantity == "radius" and f.body is not None], told)
    if changed and not new.places:
        _check_view(new, told)
    return new


def _faster(name: str, body: Body, speed: float) -> tuple[float, float]:
    old = float(np.hypot(*body.velocity))
    if speed and not old:
        raise ValueError(f"{name} is {speed:g} m/s, but the {body.color} {body.shape} rests here: whereto?")
    ratio = speed / old if old else 0.0
    return body.velocity[0] * ratio, body.velocity[1] * ratio


def _hung(bodies: list[Body], control: Control | None) -> tuple[Body, ...]:
    """The same bodies with the load right below its carriage and as fast."""
    if control is not None and control.load is not None:
        carriage, load = bodies[control.body], bodies[control.load]
        place = (carriage.position[0], carriage.position[1] - carriage.half[1] - load.half[1])
        bodies[control.load] = replace(load, position=place, velocity=carriage.velocity)
    return tuple(bodies)


def _check_overlaps(scene: Scene, resized: Sequence[int], told: str) -> None:
    for i in resized:
        for j, other in enumerate(scene.bodies):
            body = scene.bodies[i]
            if i != j and body.solid and other.solid and (deep := -_gap(body, other)) > 0:
                raise ValueError(
                    f"{told}: the {body.color} and the {other.color} body would overlap by {deep:.2f} m"
                )


def _gap(one: Body, other: Body) -> float:
    """Distance of two bodies, m; turned and compound ones count as the circles around them."""
    straight = [b.shape == "box" and not b.angle for b in (one, other)]
    half = sum(np.array(b.half) * s for b, s in zip((one, other), straight))
    radii = sum(b.reach * (not s) for b, s in zip((one, other), straight))
    aside = np.abs(np.subtract(one.position, other.position)) - half
    inside = float(min(aside.max(), 0.0))
    return float(np.hypot(*np.maximum(aside, 0.0))) + inside - radii


def _check_view(scene: Scene, told: str) -> None:
    """Discs must be in view throughout the context, for their size is read from it; of boxes the middle."""
    states = simulate(make_engine("reference"), [scene], CONTEXT).states[0]
    for i, body in enumerate(scene.bodies):
        room = np.minimum(states[:, i, :2], VIEW - states[:, i, :2]).min()
        if body.motion != "fixed" and room < (body.radius if body.shape == "disc" else 0.0):
            raise ValueError(f"{told}: the {body.color} {body.shape} would not be in view at the start")


def quantiles(
    task: Task,
    level: str,
    starts: int = 200,
    shares: Sequence[float] = (0.1, 0.5, 0.9),
    first: int = DEVELOPMENT_IDS,
) -> dict[str, tuple[float, ...]]:
    """What a level truly holds: quantiles of each factor over the starts from number `first` on.

    A level names ranges, but draws are repeated until what was drawn fits into the view and can be solved, so
    that starts with some values are rarer than the range says.
    """
    factors = factors_of(task.template)
    told = [read(task.sample(level, first + i).scene, factors) for i in range(starts)]
    return {f.name: tuple(np.quantile([t[f.name] for t in told], shares).tolist()) for f in factors}
