"""Box2D and MuJoCo against the closed form, at the accuracy that the ground truth promises."""

import functools

import numpy as np
import pytest

from worldsim.engines import make_engine, simulate
from worldsim.scenes import Body, Scene

G = 2.5
FLOOR = Body("black", (5.0, 0.15), (5.0, 0.15), shape="box", motion="fixed")
TOP = 0.3
ENGINES = ("box2d", "mujoco")
COUNT = 60


def ranges(level: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two radii, m, and two speeds, m/s; "slow" closes at less than 1 m/s."""
    if level == "id":
        return rng.uniform(0.7, 1.5, 2), rng.uniform(1.0, 4.0, 2)
    if level == "slow":
        return rng.uniform(0.3, 2.0, 2), rng.uniform(0.05, 0.45, 2)
    low, high = ((0.3, 0.6), (1.5, 2.0))[int(rng.integers(2))]
    return rng.uniform(low, high, 2), rng.uniform(4.5, 6.0, 2)


@functools.cache
def scenes(kind: str, level: str, restitution: float = 1.0) -> list[Scene]:
    rng = np.random.default_rng([len(kind), len(level)])
    found = []
    for _ in range(COUNT):
        (r1, r2), (v1, v2) = ranges(level, rng)
        gap, aside = (v1 + v2) * rng.uniform(0.45, 2.2), rng.uniform(-0.7, 0.7) if kind == "oblique" else 0.0
        if kind in ("head_on", "oblique"):
            first = Body("blue", (r1,), (2.0, 5.0), (v1, 0.0))
            found.append(Scene((first, Body("red", (r2,), (2.0 + r1 + gap + r2, 5.0 + aside), (-v2, 0.0)))))
            continue
        ball = Body(
            "blue", (r1,), (float(rng.uniform(2, 4)), float(rng.uniform(r1 + 1.5, 10 - r1))), (v1, 0.0)
        )
        bodies = (ball,) if kind == "parabola" else (FLOOR, ball)
        found.append(Scene(bodies, gravity=G, restitution=restitution))
    return found


@functools.cache
def run(engine: str, kind: str, level: str, restitution: float = 1.0) -> np.ndarray:
    return simulate(make_engine(engine), scenes(kind, level, restitution), 32).states


def position_error(engine: str, kind: str, level: str, restitution: float = 1.0) -> np.ndarray:
    """[N, T, B] m."""
    true = run("analytic", kind, level, restitution)
    return np.linalg.norm(run(engine, kind, level, restitution)[..., :2] - true[..., :2], axis=-1)


@pytest.mark.parametrize("level", ["id", "ood", "slow"])
@pytest.mark.parametrize("engine", ENGINES)
def test_head_on_collisions(engine, level):
    true, seen = run("analytic", "head_on", level), run(engine, "head_on", level)
    assert (np.abs(true[:, -1, :, 3] - true[:, 0, :, 3]).max(axis=1) > 0.02).all()  # every pair met
    assert np.abs(seen[:, -1, :, 3:5] - true[:, -1, :, 3:5]).max() <= 1e-3
    limit = {"box2d": 0.005, "mujoco": 0.025 if level == "ood" else 0.011}[engine]
    assert position_error(engine, "head_on", level).max() <= limit


@pytest.mark.parametrize("level", ["id", "ood", "slow"])
@pytest.mark.parametrize("engine", ENGINES)
def test_collisions_conserve_momentum_and_energy(engine, level):
    mass = np.array([[b.mass for b in s.bodies] for s in scenes("oblique", level)])[:, None]
    velocity = run(engine, "oblique", level)[..., 3:5]
    momentum = (mass[..., None] * velocity).sum(axis=2)
    scale = (mass[..., None] * np.abs(velocity[:, :1])).sum(axis=(2, 3))
    energy = (mass * np.square(velocity).sum(axis=-1)).sum(axis=2)
    assert (np.linalg.norm(momentum - momentum[:, :1], axis=-1) / scale).max() <= 1e-3
    assert np.abs(energy / energy[:, :1] - 1).max() <= 1e-3


@pytest.mark.parametrize("engine", ENGINES)
def test_oblique_collisions_agree_on_average(engine):
    """Near-grazing impacts amplify the contact's position; the mean is what an engine promises."""
    assert position_error(engine, "oblique", "id").mean() <= 0.006
    assert position_error(engine, "oblique", "ood").mean() <= 0.014


@pytest.mark.parametrize("level", ["id", "ood"])
@pytest.mark.parametrize("engine", ENGINES)
def test_parabola(engine, level):
    true = run("analytic", "parabola", level)
    t = 0.1 * np.arange(32)
    start = true[:, 0, 0]
    assert true[:, :, 0, 1] == pytest.approx(start[:, 1:2] - G * t**2 / 2, abs=1e-9)
    assert position_error(engine, "parabola", level).max() <= 1e-3


@pytest.mark.parametrize("level", ["id", "ood"])
@pytest.mark.parametrize("engine", ENGINES)
def test_bounces(engine, level):
    """Any frame within 3 cm; every apex, read from height and speed in flight, within 1 cm."""
    true, seen = (run(e, "drop", level, 0.8)[:, :, 1] for e in ("analytic", engine))
    radius = np.array([s.bodies[1].radius for s in scenes("drop", level, 0.8)])[:, None]
    assert position_error(engine, "drop", level, 0.8).max() <= 0.03
    height = true[..., 1] - radius - TOP
    flying = height > np.abs(true[..., 4]) * 0.02  # not within 20 ms of an impact
    assert (flying & (true[..., 4] > 0)).sum() > COUNT  # some have bounced
    apex = [s[..., 1] + s[..., 4] ** 2 / (2 * G) for s in (true, seen)]
    assert np.abs(apex[0] - apex[1])[flying].max() <= 0.01


@pytest.mark.parametrize("engine", ENGINES)
def test_elastic_bounces_keep_their_energy(engine):
    ball = run(engine, "drop", "id", 1.0)[:, :, 1]
    energy = np.square(ball[..., 3:5]).sum(axis=-1) / 2 + G * ball[..., 1]
    assert np.abs(energy / energy[:, :1] - 1).max() <= 5e-3


@pytest.mark.parametrize("engine", ENGINES)
def test_a_ball_at_rest_on_the_floor_stays(engine):
    scene = Scene((FLOOR, Body("blue", (1.0,), (5.0, 1.3))), gravity=G, restitution=0.8)
    states = simulate(make_engine(engine), [scene], 32).states[0, :, 1]
    assert np.abs(states[:, 1] - 1.3).max() <= 0.005
    assert np.abs(states[:, 4]).max() <= 0.02  # Box2D lets it tremble by a hair


@pytest.mark.parametrize("engine", ENGINES)
def test_the_floor_goes_on_beyond_the_view(engine):
    scene = Scene((FLOOR, Body("blue", (1.0,), (9.0, 3.0), (4.0, 0.0))), gravity=G, restitution=0.8)
    true, seen = (simulate(make_engine(e), [scene], 32).states for e in ("analytic", engine))
    assert true[0, -1, 1, 0] > 15
    assert np.abs(true - seen)[..., :2].max() <= 0.03
