"""Worlds: contexts, forks in mid-contact, partial resets, and starting from what was seen."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from worldsim import keys as key
from worldsim.engines import make_engine
from worldsim.models.convolutional import ConvolutionalModel
from worldsim.scenarios import get_scenario, sample
from worldsim.scenes import Body, Scene
from worldsim.tracking import Track, Tracker
from worldsim.worlds import ImaginedWorld, SimulatedWorld, make_world

KEYS = key.fold(np.arange(3, dtype=np.uint64), "test worlds")


def launch_scenes():
    scenes, _ = sample(get_scenario("launch"), "id", KEYS)
    return scenes


def bouncing():
    """A ball that touches the floor between frames 8 and 9."""
    floor = Body("black", (5.0, 0.15), (5.0, 0.15), shape="box", motion="fixed")
    scene = Scene((floor, Body("blue", (1.0,), (3.0, 2.2), (1.0, 0.0))), gravity=2.5, restitution=0.8)
    return [scene, replace(scene, restitution=0.5)]


@pytest.mark.parametrize("name", ["analytic", "box2d", "mujoco"])
def test_a_fork_in_mid_contact_goes_on_exactly(name):
    world = SimulatedWorld(make_engine(name))
    world.reset(bouncing(), KEYS[:2])
    none = np.zeros((2, 0))
    for _ in range(5):  # up to the frame just before the bounce
        world.step(none)
    for _ in range(3):
        twin = world.fork([1, 0], 2)
        assert (twin.states == world.states[[1, 1, 0, 0]]).all()
        frames = twin.step(np.zeros((4, 0)))
        expected = world.step(none)
        assert torch.equal(frames, expected[[1, 1, 0, 0]])
        assert (twin.states == world.states[[1, 1, 0, 0]]).all()
    assert (world.states[:, 1, 4] > 0).all(), "the ball should have bounced by now"


def test_rows_can_begin_anew_without_touching_their_neighbours():
    scenes = launch_scenes()
    world, calm = SimulatedWorld(make_engine("box2d")), SimulatedWorld(make_engine("box2d"))
    world.reset(scenes, KEYS), calm.reset(scenes, KEYS)
    push = np.tile([1.0, 0.5], (3, 1))
    for _ in range(3):
        world.step(push * 0), calm.step(push * 0)
    context = world.reset([scenes[0]], KEYS[:1], rows=[1])
    assert context.shape == (1, 4, 3, 64, 64)
    a, b = world.step(push), calm.step(push)
    assert torch.equal(a[[0, 2]], b[[0, 2]])
    fresh = SimulatedWorld(make_engine("box2d"))
    fresh.reset([scenes[0]], KEYS[:1])
    assert torch.equal(a[1:2], fresh.step(push[:1]))
    twin = world.fork([0, 1, 2], 1)  # rows of different ages
    assert (twin.states == world.states).all()


@dataclass
class Seen:
    frames: torch.Tensor
    actions: torch.Tensor
    track: Track


@pytest.mark.parametrize("scenario", ["oblique", "drop"])
def test_a_world_begun_from_pictures_follows_the_truth(scenario):
    source = get_scenario(scenario)
    scenes, _ = sample(source, "id", KEYS)
    truth = SimulatedWorld(make_engine("analytic"))
    frames = truth.reset(scenes, KEYS)
    size = scenes[0].action_size
    seen = Seen(frames, torch.zeros(3, 3, size), Tracker(source.template).begin(frames))
    guess = SimulatedWorld(make_engine("analytic"), template=source.template)
    guess.begin(seen, KEYS)
    none = np.zeros((3, size))
    moving = [i for i, b in enumerate(source.template.bodies) if b.motion == "dynamic"]
    for _ in range(4):
        truth.step(none), guess.step(none)
    apart = np.abs(truth.states - guess.states)[:, moving, :2]
    assert apart.max() < 0.05
    late = SimulatedWorld(make_engine("analytic"), template=source.template)  # a shifted start must show
    late.begin(seen, KEYS)
    for _ in range(3):
        late.step(none)
    assert np.abs(truth.states - late.states)[:, moving, :2].max() > 0.05


def test_an_imagined_world_forks_resets_rows_and_rounds():
    torch.manual_seed(0)
    world = ImaginedWorld(ConvolutionalModel(widths=(16, 16), blocks=(1, 1)))
    scenes = launch_scenes()
    context = world.reset(scenes, KEYS)
    assert context.shape == (3, 4, 3, 64, 64) and world.states is None
    push = np.tile([1.0, 0.5], (3, 1))
    first = world.step(push)
    assert torch.equal(first, (first * 255).round() / 255)
    twin = world.fork([2], 3)
    assert torch.allclose(twin.step(push), world.step(push)[2:].expand(3, -1, -1, -1), atol=2 / 255)
    again = world.reset([scenes[1]], KEYS[1:2], rows=[0])
    assert torch.equal(again[0], context[1])
    assert torch.allclose(world.step(push)[0], first[1], atol=2 / 255)
    with pytest.raises(ValueError, match=r"expected finite \(3, 2\)"):
        world.step(push * np.nan)
    with pytest.raises(ValueError, match="shape"):
        world.step(push[:2])


def test_a_world_stops_where_its_model_stops():
    model = ConvolutionalModel(widths=(16, 16), blocks=(1, 1))
    model.max_frames = 2
    world, none = ImaginedWorld(model), np.zeros((3, 2))
    world.reset(launch_scenes(), KEYS)
    world.step(none)
    twin = world.fork([0], 1)
    world.step(none)
    with pytest.raises(ValueError, match="at most 2 frames"):
        world.step(none)
    twin.step(none[:1])
    with pytest.raises(ValueError, match="at most 2 frames"):
        twin.step(none[:1])
    world.reset(launch_scenes(), KEYS)
    world.step(none)


def test_unknown_worlds_are_refused_with_what_exists():
    with pytest.raises(ValueError, match="box2d, mujoco"):
        make_world("havok")
    with pytest.raises(ValueError, match="template"):
        make_world("box2d").begin(None, KEYS)


def test_a_differentiable_world_gives_gradients_where_they_are_asked_for():
    torch.manual_seed(0)
    model = ConvolutionalModel(widths=(16, 16), blocks=(1, 1))
    for parameter in model.leave.parameters():  # a fresh one answers every action alike
        torch.nn.init.normal_(parameter, std=0.05)
    world = ImaginedWorld(model)
    assert world.differentiable and not SimulatedWorld(make_engine("analytic")).differentiable
    scenes = launch_scenes()
    world.reset(scenes, KEYS)
    twin, actions = world.fork([0, 1, 2], 1), torch.full((3, 2), 0.5)
    rounded = twin.step(actions)
    assert not rounded.requires_grad
    asked = actions.clone().requires_grad_()
    frames = world.step(asked)
    torch.testing.assert_close(frames, rounded, atol=1e-6, rtol=0)  # what is seen stays the same
    (slope,) = torch.autograd.grad(world.step(asked).mean() + frames.mean(), asked)
    assert slope.isfinite().all() and (slope != 0).any(dim=1).all()
    assert all(p.grad is None for p in model.parameters())


def test_differentiable_worlds_are_named():
    from worldsim.models import FAMILIES, family
    from worldsim.worlds import differentiable_worlds

    told = differentiable_worlds()
    for name in FAMILIES:
        assert (name in told) == getattr(family(name), "differentiable", False), name
