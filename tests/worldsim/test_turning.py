"""Bodies that turn and rub: closed forms in both engines, and the engines against each other."""

import functools

import numpy as np
import pytest

from worldsim.bodies import Body, Part, compound
from worldsim.engines import make_engine, simulate
from worldsim.engines.perturbed import PerturbedEngine
from worldsim.scenes import DT, Scene

ENGINES = ("box2d", "mujoco")
G = 5.0
FLOOR = Body("black", (5.0, 0.15), (5.0, 0.15), shape="box", motion="fixed")
TOP = 0.3
SLOPE = 0.35  #: radians
PLANE = Body("black", (6.0, 0.2), (5.0, 4.0), shape="box", motion="fixed", angle=-SLOPE)
DOWN, UP = np.array([np.cos(SLOPE), -np.sin(SLOPE)]), np.array([np.sin(SLOPE), np.cos(SLOPE)])


def on_the_slope(body: Body, height: float) -> Body:
    """The body `height` m above the upper end of the slope's surface."""
    x, y = np.array(PLANE.position) - 3.0 * DOWN + (0.2 + height) * UP
    return Body(body.color, body.size, (float(x), float(y)), shape=body.shape, angle=-SLOPE)


def travelled(engine: str, body: Body, friction: float, frames: int = 16) -> np.ndarray:
    """Distances [T, 2] m along and off the slope, and θ, of a body let go of on it."""
    scene = Scene((PLANE, body), gravity=G, restitution=0.0, friction=friction)
    states = simulate(make_engine(engine), [scene], frames).states[0, :, 1]
    way = states[:, :2] - states[0, :2]
    return np.stack([way @ DOWN, way @ UP, states[:, 2] - states[0, 2]], axis=1)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("friction", [0.0, 0.1, 0.25])
def test_a_box_slides_down_a_slope_as_coulomb_says(engine, friction):
    """a = g (sin α - μ cos α)."""
    box = on_the_slope(Body("blue", (0.5, 0.4), (0, 0), shape="box"), 0.4)
    way, t = travelled(engine, box, friction), DT * np.arange(16)
    expected = G * (np.sin(SLOPE) - friction * np.cos(SLOPE)) * t**2 / 2
    assert way[:, 0] == pytest.approx(expected, abs=0.02)
    assert np.abs(way[:, 1]).max() < 0.01 and np.abs(way[:, 2]).max() < 0.01


@pytest.mark.parametrize("engine", ENGINES)
def test_a_box_stays_where_friction_holds_it(engine):
    """tan α < μ."""
    box = on_the_slope(Body("blue", (0.5, 0.4), (0, 0), shape="box"), 0.4)
    assert np.abs(travelled(engine, box, np.tan(SLOPE) * 1.2, 31)).max() < 0.02


@pytest.mark.parametrize("engine", ENGINES)
def test_a_narrow_box_tips_over_where_a_wide_one_stays(engine):
    """On a rough slope a box tips when its centre stands beyond its lower edge: tan α > width / height."""
    rough = 2.0
    for half_width, tips in ((0.9 * np.tan(SLOPE), True), (1.1 * np.tan(SLOPE), False)):
        box = on_the_slope(Body("blue", (half_width, 1.0), (0, 0), shape="box"), 1.0)
        turned = travelled(engine, box, rough, 31)[-1, 2]
        assert (turned < -0.8) if tips else (abs(turned) < 0.02)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_disc_rolls_down_a_slope(engine):
    """a = 2/3 g sin α without slipping, turning by the way over the radius."""
    way = travelled(engine, on_the_slope(Body("blue", (0.6,), (0, 0)), 0.6), 0.5)
    t = DT * np.arange(16)
    assert way[:, 0] == pytest.approx(G * np.sin(SLOPE) * t**2 / 3, abs=0.02)
    assert way[:, 2] == pytest.approx(-way[:, 0] / 0.6, abs=0.03)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("restitution", [0.2, 1.0])
def test_a_tilted_bar_strikes_the_floor(engine, restitution):
    """One impact at a corner r off the centre: J = -(1 + e) v / (1/m + r_x²/I)."""
    bar = Body("blue", (1.0, 0.2), (5.0, 3.0), shape="box", angle=0.5)
    scene = Scene((FLOOR, bar), gravity=G, restitution=restitution)
    states = simulate(make_engine(engine), [scene], 12).states[0, :, 1]
    c, s = np.cos(0.5), np.sin(0.5)
    corner = np.array([-c * 1.0 + s * 0.2, -s * 1.0 - c * 0.2])  # the lowest one
    fall = 3.0 + corner[1] - TOP
    when, speed = np.sqrt(2 * fall / G), -np.sqrt(2 * fall * G)
    push = -(1 + restitution) * speed / (1 / bar.mass + corner[0] ** 2 / bar.inertia)
    spin = corner[0] * push / bar.inertia
    after = int(when / DT) + 1
    assert states[after - 1, 5] == pytest.approx(0.0, abs=1e-6)
    assert states[after, 5] == pytest.approx(spin, rel=0.02)
    rise = speed + push / bar.mass - G * (after * DT - when)
    assert states[after, 4] == pytest.approx(rise, abs=0.05)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_elastic_bar_keeps_its_energy(engine):
    """It bounces and turns on a smooth floor; potential, kinetic and turning energy add up to one sum."""
    bar = Body("blue", (1.0, 0.2), (5.0, 3.0), shape="box", angle=1.2)
    scene = Scene((FLOOR, bar), gravity=G, restitution=1.0)
    s = simulate(make_engine(engine), [scene], 32).states[0, :, 1]
    energy = (
        bar.mass * (np.square(s[:, 3:5]).sum(-1) / 2 + G * (s[:, 1] - TOP)) + bar.inertia * s[:, 5] ** 2 / 2
    )
    assert np.abs(s[:, 5]).max() > 1.0  # it was set turning
    assert energy == pytest.approx(energy[0], rel=0.03)
    assert np.abs(s[:, 3]).max() < 1e-6  # a smooth floor pushes upward alone


@functools.cache
def messy(count: int = 24) -> list[Scene]:
    """Six mixed bodies above a floor, friction 0.5, restitution 0.2."""
    rng, scenes = np.random.default_rng(0), []
    for _ in range(count):
        bodies: list[Body] = [FLOOR]
        for number in range(6):
            place = (1.5 + 3.4 * (number % 3) + rng.uniform(-0.3, 0.3), 2.0 + 3.5 * (number // 3))
            angle = float(rng.uniform(0, np.pi))
            if number % 3 == 0:
                bodies.append(Body("blue", (float(rng.uniform(0.4, 0.8)),), place))
            elif number % 3 == 1:
                bodies.append(Body("grey", (1.0, 0.2), place, shape="box", angle=angle))
            else:
                parts = (Part("box", (0.7, 0.15)), Part("box", (0.15, 0.5), (-0.55, 0.65)))
                bodies.append(compound("grey", parts, place, angle=angle))
        scenes.append(Scene(tuple(bodies), gravity=G, restitution=0.2, friction=0.5))
    return scenes


def test_engines_agree_about_piles_up_to_chaos():
    """The public study's complex scenes: median 0.13 m, mean 0.46 m at frame 31."""
    box2d, mujoco = (simulate(make_engine(e), messy(), 32).states for e in ENGINES)
    apart = np.linalg.norm(box2d[:, -1, 1:, :2] - mujoco[:, -1, 1:, :2], axis=-1)
    assert np.median(apart) < 0.13 and apart.mean() < 0.46
    early = np.linalg.norm(box2d[:, 6, 1:, :2] - mujoco[:, 6, 1:, :2], axis=-1)
    assert np.median(early) < 0.01


@pytest.mark.parametrize("engine", ENGINES)
def test_bodies_do_not_sink_into_each_other(engine):
    """Piles at rest lie above the floor: the lowest point of every body."""
    states = simulate(make_engine(engine), messy()[:8], 48).states[:, -1]
    for scene, now in zip(messy(), states):
        for body, (_, y, angle, *_) in zip(scene.bodies[1:], now[1:]):
            turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            lowest = min(
                (turn @ p.offset)[1] - p.size[0] if p.shape == "disc" else (p.corners @ turn.T)[:, 1].min()
                for p in body.pieces
            )
            assert y + lowest > TOP - 0.03


@pytest.mark.parametrize("engine", ["analytic"])
def test_what_has_no_closed_form_is_refused_by_name(engine):
    bar = Body("blue", (1.0, 0.2), (5.0, 3.0), shape="box")
    for scene, word in (
        (Scene((bar,)), "turn"),
        (Scene((Body("blue", (1.0,), (5.0, 5.0)),), friction=0.5), "friction"),
    ):
        with pytest.raises(ValueError, match=word):
            make_engine(engine).start([scene])
        with pytest.raises(ValueError, match="use box2d or mujoco"):
            make_engine(engine).start([scene])


def test_a_wrong_physics_leaves_resting_bodies_where_they_are():
    """An engine leaves what rests on a rough floor trembling: that is no motion with a direction."""
    box = Body("blue", (0.8, 0.4), (5.0, TOP + 0.4), shape="box")
    falling = Body("red", (0.5,), (2.0, 8.0))
    scene = Scene((FLOOR, box, falling), gravity=G, restitution=0.2, friction=0.5)
    right, wrong = (
        simulate(engine, [scene], 12).states[0]
        for engine in (make_engine("box2d"), PerturbedEngine(make_engine("box2d"), "velocity_bias", 0.5))
    )
    assert np.abs(wrong[:, 1, :2] - box.position).max() < 0.01
    assert wrong[-1, 2, 0] - right[-1, 2, 0] == pytest.approx(0.5 * 1.1, abs=0.06)


@pytest.mark.parametrize("name", ["box2d", "mujoco"])
def test_a_body_goes_on_turning_from_where_it_is_put(name):
    box = Body("blue", (0.8, 0.3), (5.0, 5.0), shape="box")
    running = make_engine(name).start([Scene((box,))])
    there = running.states
    there[0, 0] = [4.0, 6.0, 0.7, 0.5, 0.0, 1.5]
    running.put(np.ones((1, 1), dtype=bool), there)
    now = running.step(np.zeros((1, 0)))[0, 0]
    assert now == pytest.approx([4.05, 6.0, 0.85, 0.5, 0.0, 1.5], abs=1e-4)
