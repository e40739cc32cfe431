"""What a world model is told of a load: 0 while it is carried, 1 from its release on, whatever was asked."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from worldsim.models.state import TensorState
from worldsim.scenarios.carriage import Carriage
from worldsim.scenarios.launch import Launch
from worldsim.worlds import ImaginedWorld

ASKED = [0.0, 0.8, 0.95, 0.2, 0.0]
TOLD = [0.0, 0.0, 1.0, 1.0, 1.0]
KEYS = np.arange(2, dtype=np.uint64)


class Listening:
    """A model that notes what it is told."""

    name, context_frames, action_size, resolution, max_frames = "listening", 4, 2, 64, None

    def __init__(self):
        self.context, self.told = None, []

    def init(self, frames, actions, keys):
        self.context = actions
        return TensorState()

    def step(self, state, actions):
        self.told.append(actions[:, 0].clone())
        return state, torch.ones(len(actions), 1, 3, 64, 64)


def asked(second: float) -> np.ndarray:
    """Actions [2, 2]: one row lifts and is asked for `second`, the other does nothing."""
    return np.array([[0.5, second], [0.0, 0.0]])


@pytest.fixture
def world() -> ImaginedWorld:
    world = ImaginedWorld(Listening(), template=Carriage.template)
    world.reset([Carriage.template] * 2, KEYS)
    return world


def told(world: ImaginedWorld) -> list[list[float]]:
    return [[float(v) for v in row] for row in torch.stack([t[:, 1] for t in world.model.told], 1)]


def test_letting_go_is_yes_or_no_and_never_taken_back(world):
    for second in ASKED:
        world.step(asked(second))
    assert told(world) == [TOLD, [0.0] * 5]
    assert all(t[0, 0] == 0.5 for t in world.model.told)  # the lift is told as it is


def test_copies_and_rows_that_begin_anew_have_loads_of_their_own(world):
    world.step(asked(1.0))
    twin = world.fork([0, 1], 2)
    twin.model.told.clear()
    twin.step(np.zeros((4, 2)))
    assert told(twin) == [[1.0], [1.0], [0.0], [0.0]]
    world.reset([Carriage.template], KEYS[:1], rows=[0])
    world.model.told.clear()
    world.step(asked(0.0))
    assert told(world) == [[0.0], [0.0]]


def test_a_release_in_the_context_is_remembered(world):
    actions = torch.zeros(2, 3, 2)
    actions[0, :, 1] = torch.tensor([0.5, 0.95, 0.1])
    world.begin(SimpleNamespace(frames=torch.ones(2, 4, 3, 64, 64), actions=actions), KEYS)
    assert world.model.context[:, :, 1].tolist() == [[0.0, 1.0, 1.0], [0.0] * 3]
    world.step(asked(0.0))
    assert told(world) == [[1.0], [0.0]]


def test_without_a_load_nothing_is_changed():
    world = ImaginedWorld(Listening())
    scenes = [Launch.template, replace(Carriage.template, control=None)]
    world.reset(scenes, KEYS)
    actions = np.array([[0.3, 0.8], [0.0, 0.4]])
    world.step(actions)
    assert torch.equal(world.model.told[0], torch.as_tensor(actions, dtype=torch.float32))
