"""Placing by the picture: alike in simulated and imagined worlds."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from worldsim.engines import make_engine
from worldsim.models.physics import PhysicsModel
from worldsim.placing import Placing
from worldsim.rendering import Looks, render
from worldsim.scenes import Body, Control, Scene
from worldsim.tracking import VISIBLE, Tracker
from worldsim.worlds import ImaginedWorld, SimulatedWorld

BALL = Body("red", (0.5,), (-100.0, 5.0))
SCENE = Scene(
    (BALL, Body("blue", (1.0,), (5.0, 4.0))),
    gravity=2.5,
    control=Control(0, "place", (0.0, 0.0), (10.0, 10.0)),
    hold=3,
)
KEYS = np.arange(4, dtype=np.uint64)
PLACES = np.array([[2.0, 7.0], [5.0, 4.5], [0.0, 0.0], [8.0, 6.0]])  # the second one overlaps
FITS = [True, False, False, True]


class Falling(PhysicsModel):
    """The oracle of a scene whose ball is a thing like any other: it falls once it is in the picture."""

    def __init__(self) -> None:
        super().__init__(engine="analytic", scenario="parabola")
        self.template = replace(SCENE, control=None)
        self._tracker = Tracker(self.template, 64)


def played(world, steps: int = 6, rows=range(4)) -> torch.Tensor:
    rows = list(rows)
    frames = [world.reset([SCENE] * len(rows), KEYS[rows])[:, -1], world.step(PLACES[rows])]
    frames += [world.step(np.zeros((len(rows), 2))) for _ in range(steps - 1)]
    return torch.stack(frames, 1)


@pytest.mark.parametrize("gap, fits", [(-0.3, False), (-0.1, False), (0.35, True), (1.0, True)])
def test_a_disc_goes_where_the_picture_is_white(gap, fits):
    frame = render(torch.tensor([[[-100.0, 5, 0, 0, 0, 0], [5, 4, 0, 0, 0, 0]]]), Looks.of([SCENE]), 64)
    angle = torch.arange(12) * (2 * torch.pi / 12)
    where = torch.tensor([5.0, 4.0]) + (1.5 + gap) * torch.stack([angle.cos(), angle.sin()], -1)
    placing = Placing.of([SCENE] * 12)
    assert (placing.allowed(frame.expand(12, -1, -1, -1), where) == fits).all()
    outside = torch.tensor([[0.3, 5.0], [5.0, 9.7], [10.0, 10.0]])
    assert not placing.select(torch.arange(3)).allowed(frame.expand(3, -1, -1, -1), outside).any()


def test_the_picture_of_a_placed_disc_is_the_renderer_s():
    balls = [replace(BALL, position=tuple(place)) for place in PLACES[[0, 3]]]
    scenes = [replace(SCENE, bodies=(ball, SCENE.bodies[1]), control=None) for ball in balls]
    wanted = SimulatedWorld(make_engine("box2d")).reset(scenes, KEYS[:2])
    empty = SimulatedWorld(make_engine("box2d")).reset([SCENE] * 2, KEYS[:2])
    placing = Placing.of([SCENE] * 2)
    drawn = placing.draw(empty, torch.as_tensor(PLACES[[0, 3]], dtype=torch.float32))
    assert (drawn - wanted).abs().max() <= 1 / 255 + 1e-6
    assert Placing.of(scenes) is None


@pytest.mark.parametrize("name", ["analytic", "box2d", "mujoco"])
def test_a_simulated_world_refuses_what_overlaps(name):
    world = SimulatedWorld(make_engine(name))
    played(world, 3)
    away = world.states[:, 0, 0] < -50
    assert (~away).tolist() == FITS


def test_imagination_equals_reality_for_an_oracle():
    true, imagined = (played(w) for w in (SimulatedWorld(make_engine("analytic")), ImaginedWorld(Falling())))
    tracker = Tracker(Scene((replace(BALL, position=(0.0, 0.0)), SCENE.bodies[1])))
    seen = [[tracker.begin(f[i : i + 1, -1:]) for i in (0, 3)] for f in (true, imagined)]
    for real, dreamt in zip(*seen):
        assert (dreamt.status == VISIBLE).all()
        assert (real.position - dreamt.position).abs().max() < 0.1
    red = imagined[[1, 2], :, 0] - imagined[[1, 2], :, 1]
    assert (red > 0.5).flatten(2).sum(-1).max() <= 4  # nothing was placed there: a ball has 32 pixels


def test_forks_and_partial_resets_of_an_imagined_world_place_alike():
    whole, world = played(ImaginedWorld(Falling())), ImaginedWorld(Falling())
    world.reset([SCENE] * 4, KEYS)
    twin = world.fork([3, 0], 2)
    assert torch.equal(twin.step(PLACES[[3, 3, 0, 0]]), whole[[3, 3, 0, 0], 1])
    world.step(PLACES)
    world.reset([SCENE], KEYS[:1], [2])
    again = world.step(np.array([[0.0, 0.0]] * 2 + [PLACES[0]] + [[0.0, 0.0]]))
    assert (again[2] - whole[0, 1]).abs().max() < 1e-6
    assert (again[[0, 1, 3]] - whole[[0, 1, 3], 2]).abs().max() < 1e-6


def test_an_imagined_world_needs_a_context_that_stands_still():
    with pytest.raises(ValueError, match="hold for 3"):
        ImaginedWorld(Falling()).reset([replace(SCENE, hold=1)], KEYS[:1])


def test_an_engine_does_not_begin_from_such_frames():
    world = SimulatedWorld(make_engine("box2d"), template=SCENE)
    frames = world.reset([SCENE], KEYS[:1])
    context = type("Seen", (), {"frames": frames, "actions": torch.zeros(1, 3, 2), "track": None})()
    with pytest.raises(ValueError, match="cem_privileged"):
        world.begin(context, KEYS[:1])


def test_rows_may_have_other_numbers_of_bodies():
    """A row that begins anew with fewer or more bodies leaves the others as they are."""
    more = replace(SCENE, bodies=(*SCENE.bodies, Body("grey", (0.5,), (8.0, 8.0))))
    world, none = SimulatedWorld(make_engine("box2d")), np.zeros((2, 2))
    world.reset([more, SCENE], KEYS[:2])
    world.step(none)
    kept = world.states[1, :2]
    world.reset([SCENE], KEYS[:1], [0])
    world.reset([more], KEYS[:1], [1])
    assert (kept[0] == SCENE.bodies[0].position + (0,) * 4).all() and world.states.shape == (2, 3, 6)
    alone = SimulatedWorld(make_engine("box2d"))
    alone.reset([SCENE], KEYS[:1])
    assert torch.equal(world.step(none)[0], alone.step(none[:1])[0])
