"""The closed-form engine against formulas from a textbook, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest

from worldsim.engines import ENGINES, make_engine, simulate
from worldsim.scenes import DT, Body, Scene

FLOOR = Body("black", (5.0, 0.15), (5.0, 0.15), shape="box", motion="fixed")
TOP = 0.3


def head_on(r1: float, r2: float, v1: float, v2: float, gap: float, restitution: float = 1.0) -> Scene:
    """Two discs on one line, their edges `gap` apart."""
    first, second = (1.5, 5.0), (1.5 + r1 + gap + r2, 5.0)
    bodies = (Body("blue", (r1,), first, (v1, 0.0)), Body("red", (r2,), second, (v2, 0.0)))
    return Scene(bodies, restitution=restitution)


def oblique(seed: int, count: int, restitution: float = 1.0) -> list[Scene]:
    """Discs that fly at each other's neighbourhood; most meet."""
    rng = np.random.default_rng(seed)
    scenes = []
    for _ in range(count):
        r, aside = rng.uniform(0.3, 1.0, 2), rng.uniform(-1, 1, 2)
        bodies = (
            Body("blue", (float(r[0]),), (2.0, 5.0), (float(rng.uniform(1, 6)), float(aside[0]))),
            Body("red", (float(r[1]),), (8.0, 5.0), (float(rng.uniform(-6, -1)), float(aside[1]))),
        )
        scenes.append(Scene(bodies, restitution=restitution))
    return scenes


def analytic(scenes: list[Scene], frames: int = 32) -> np.ndarray:
    return simulate(make_engine("analytic"), scenes, frames).states


@pytest.mark.parametrize("restitution", [0.0, 0.5, 1.0])
@pytest.mark.parametrize(
    ("r1", "r2", "v1", "v2"), [(1.0, 1.0, 3.0, -1.0), (0.3, 2.0, 6.0, -6.0), (0.7, 1.5, 0.4, 0.1)]
)
def test_head_on_collision_follows_the_formula(r1, r2, v1, v2, restitution):
    states = analytic([head_on(r1, r2, v1, v2, 0.5, restitution)])[0]
    m1, m2 = r1**2, r2**2
    after1 = (m1 * v1 + m2 * v2 + m2 * restitution * (v2 - v1)) / (m1 + m2)
    after2 = (m1 * v1 + m2 * v2 + m1 * restitution * (v1 - v2)) / (m1 + m2)
    time, impact = 0.5 / (v1 - v2), 1.5 + v1 * 0.5 / (v1 - v2)
    assert states[-1, :, 3] == pytest.approx([after1, after2], abs=1e-12)
    assert states[-1, 0, 0] == pytest.approx(impact + after1 * (31 * DT - time), abs=1e-9)
    assert states[-1, 1, 0] == pytest.approx(impact + r1 + r2 + after2 * (31 * DT - time), abs=1e-9)


@pytest.mark.parametrize("restitution", [0.3, 1.0])
def test_oblique_collisions_conserve_what_they_must(restitution):
    scenes = oblique(0, 100, restitution)
    states = analytic(scenes)
    mass = np.array([[b.mass for b in s.bodies] for s in scenes])[:, None]
    momentum = (mass[..., None] * states[..., 3:5]).sum(axis=2)
    position = states[..., :2]
    angular = (mass * np.cross(position, states[..., 3:5])).sum(axis=2)
    energy = (mass * np.square(states[..., 3:5]).sum(axis=-1)).sum(axis=2)
    met = np.abs(states[:, -1] - states[:, 0])[..., 3:5].max(axis=(1, 2)) > 0.01
    assert met.sum() > 50
    assert np.abs(momentum - momentum[:, :1]).max() < 1e-10
    assert np.abs(angular - angular[:, :1]).max() < 1e-9  # the impulse is central: no friction
    if restitution == 1.0:
        assert np.abs(energy / energy[:, :1] - 1).max() < 1e-12
    else:
        assert (energy[met, -1] < energy[met, 0]).all()
    reach = np.array([sum(b.radius for b in s.bodies) for s in scenes])
    distance = np.linalg.norm(position[:, :, 0] - position[:, :, 1], axis=-1)
    assert (distance >= reach[:, None] - 1e-9).all()


def test_three_discs_in_a_row_pass_the_motion_on():
    """Newton's cradle: equal discs exchange velocities, twice within one frame."""
    bodies = tuple(
        Body(c, (0.5,), (x, 5.0), (v, 0.0))
        for c, x, v in (("blue", 2.0, 4.0), ("red", 3.1, 0.0), ("black", 4.2, 0.0))
    )
    states = analytic([Scene(bodies)], 3)[0]
    assert states[1, :, 3] == pytest.approx([0.0, 0.0, 4.0], abs=1e-12)
    assert states[1, :, 0] == pytest.approx([2.1, 3.2, 4.2 + 4 * (DT - 0.05)], abs=1e-12)


@pytest.mark.parametrize("restitution", [0.0, 0.8, 1.0])
def test_bounces_rise_to_e_squared_of_the_height(restitution):
    height, g = 4.0, 2.5
    ball = Body("blue", (0.7,), (5.0, TOP + 0.7 + height), (0.5, 0.0))
    states = analytic([Scene((FLOOR, ball), gravity=g, restitution=restitution)], 200)[0, :, 1]
    apex = states[:, 1] + states[:, 4] ** 2 / (2 * g) - TOP - 0.7
    first = np.sqrt(2 * height / g)
    for k in range(4):  # apex after k bounces, while the ball flies
        begin = first * (1 + 2 * sum(restitution**i for i in range(1, k))) if k else 0.0
        end = begin + (2 * restitution**k if k else 1.0) * first
        frames = [t for t in range(200) if begin + 1e-6 < t * DT < end - 1e-6]
        assert apex[frames] == pytest.approx(restitution ** (2 * k) * height, abs=1e-9)
    assert states[:, 0] == pytest.approx(5.0 + 0.5 * DT * np.arange(200), abs=1e-9)


def test_a_bouncing_ball_comes_to_rest_and_stays():
    """Infinitely many bounces end at t1 (1 + e) / (1 - e); then the ball rolls on at its horizontal speed."""
    ball = Body("blue", (0.7,), (5.0, TOP + 0.7 + 1.0), (0.1, 0.0))
    states = analytic([Scene((FLOOR, ball), gravity=2.5, restitution=0.5)], 60)[0, :, 1]
    end = np.sqrt(2 / 2.5) * 3
    resting = states[int(end / DT) + 2 :]
    assert np.abs(resting[:, 1] - TOP - 0.7).max() < 1e-12 and (resting[:, 4] == 0).all()
    assert resting[-1, 0] == pytest.approx(5.0 + 0.1 * 59 * DT)


def test_overlap_and_contact_at_the_start():
    apart = head_on(1.0, 1.0, -1.0, 1.0, 0.0)
    overlapping_apart = head_on(1.0, 1.0, -1.0, 1.0, -0.05)
    overlapping_closing = head_on(1.0, 1.0, 1.0, -1.0, -0.05)
    states = analytic([apart, overlapping_apart, overlapping_closing])
    assert states[:, -1, :, 3] == pytest.approx(np.array([[-1.0, 1.0]] * 3), abs=1e-12)
    sunk = Scene((FLOOR, Body("blue", (1.0,), (5.0, 1.29), (0.0, -1.0))), gravity=2.5)
    assert (analytic([sunk])[0, 1:, 1, 1] >= 1.3 - 1e-9).all()


def test_bodies_that_are_not_solid_touch_nothing():
    scene = head_on(1.0, 1.0, 2.0, -2.0, 0.5)
    ghost = replace(scene, bodies=(scene.bodies[0], replace(scene.bodies[1], solid=False)))
    assert (analytic([ghost])[0, :, :, 3] == [2.0, -2.0]).all()


def test_refusals_name_what_is_wrong():
    paddle = Body("red", (1.0, 0.2), (5.0, 5.0), shape="box", motion="kinematic")
    ball = Body("blue", (0.5,), (5.0, 5.0))
    with pytest.raises(ValueError, match=r"scene 1.*kinematic box"):
        make_engine("analytic").start([Scene((ball,)), Scene((paddle,))])
    with pytest.raises(ValueError, match="fixed box"):
        make_engine("analytic").start([Scene((replace(FLOOR, size=(1.0, 0.15)), ball))])
    with pytest.raises(ValueError, match="2 discs above a floor"):
        make_engine("analytic").start([Scene((FLOOR, ball, replace(ball, position=(2.0, 5.0))), gravity=2.5)])
    with pytest.raises(ValueError, match="unknown engine 'bullet'.*" + ".*".join(ENGINES)):
        make_engine("bullet")
