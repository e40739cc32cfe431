"""Masses and moments of inertia against brute force, and in both engines."""

import numpy as np
import pytest

from worldsim.bodies import Body, Part, compound
from worldsim.engines.box2d import Box2DSimulation
from worldsim.engines.box2d_model import LENGTH
from worldsim.engines.mujoco import MuJoCoSimulation
from worldsim.scenes import Scene

JAR = compound(
    "blue",
    (
        Part("box", (0.8, 0.15)),
        Part("box", (0.15, 0.6), (-0.65, 0.75)),
        Part("box", (0.2, 0.6), (0.75, 0.75), 0.2),
        Part("disc", (0.3,), (0.0, 2.0)),
    ),
    (5.0, 3.0),
    angle=0.7,
    density=1.5,
)
BAR = Body("blue", (1.2, 0.2), (5.0, 3.0), shape="box", angle=0.4)
DISC = Body("red", (0.8,), (5.0, 3.0))


def brute(body: Body) -> tuple[float, float]:
    """Mass and moment of inertia by a fine grid in the body's frame."""
    step = 0.005
    ticks = np.arange(-3, 3, step) + step / 2
    x, y = np.meshgrid(ticks, ticks)
    inside = np.zeros_like(x, dtype=bool)
    for part in body.pieces:
        u, v = x - part.offset[0], y - part.offset[1]
        c, s = np.cos(part.angle), np.sin(part.angle)
        along, across = c * u + s * v, c * v - s * u
        if part.shape == "disc":
            inside |= np.hypot(u, v) < part.size[0]
        else:
            inside |= (np.abs(along) < part.size[0]) & (np.abs(across) < part.size[1])
    weight = body.density * step**2 * inside
    return float(weight.sum()), float((weight * (x**2 + y**2)).sum())


@pytest.mark.parametrize("body", [JAR, BAR, DISC], ids=["jar", "bar", "disc"])
def test_mass_and_inertia(body):
    mass, inertia = brute(body)
    assert body.mass == pytest.approx(mass, rel=5e-3)
    assert body.inertia == pytest.approx(inertia, rel=5e-3)
    scene = Scene((body,), friction=0.5)
    [[weighed]] = Box2DSimulation([scene])._bodies
    assert weighed.mass == pytest.approx(body.mass, rel=1e-6)
    assert weighed.inertia == pytest.approx(body.inertia * LENGTH**2, rel=1e-6)
    assert tuple(weighed.localCenter) == (0.0, 0.0)
    batch = MuJoCoSimulation([scene])._groups[0]._batch
    assert batch.expand("body_mass")[0, 1] == pytest.approx(body.mass)
    assert batch.expand("body_inertia")[0, 1, 2] == pytest.approx(body.inertia)


def test_a_compound_body_lies_where_its_parts_were_put():
    """Its position is the centre of mass; corners of its first part are where the offsets said."""
    c, s = np.cos(0.7), np.sin(0.7)
    turn = np.array([[c, -s], [s, c]])
    corners = JAR.position + JAR.parts[0].corners @ turn.T
    given = np.array([5.0, 3.0]) + np.array([[0.8, 0.15], [-0.8, 0.15], [-0.8, -0.15], [0.8, -0.15]]) @ turn.T
    assert corners == pytest.approx(given)
    assert JAR.reach == pytest.approx(max(np.hypot(*(p.corners.T)).max() for p in JAR.parts[:3]), abs=0.5)


def test_parts_must_be_given_about_the_centre_of_mass():
    with pytest.raises(ValueError, match="centre of mass"):
        Body("blue", (1.0, 1.0), (5.0, 5.0), shape="compound", parts=(Part("disc", (1.0,), (1.0, 0.0)),))
    with pytest.raises(ValueError, match="compound bodies alone"):
        Body("blue", (1.0,), (5.0, 5.0), parts=(Part("disc", (1.0,)),))


def test_scenes_are_kept_as_plain_types():
    scene = Scene((JAR, BAR), friction=0.5, hold=3, gravity=5.0)
    assert Scene.from_dict(scene.to_dict()) == scene
    old = {k: v for k, v in Scene((DISC,)).to_dict().items() if k not in ("friction", "hold")}
    old["bodies"] = [
        {k: v for k, v in b.items() if k not in ("angle", "spin", "parts")} for b in old["bodies"]
    ]
    assert Scene.from_dict(old) == Scene((DISC,))
