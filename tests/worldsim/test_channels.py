"""Launches and commands reach a model that was taught both through channels of their own."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from worldsim.contracts import failure
from worldsim.metrics.rollouts import make_clips as fresh_clips
from worldsim.metrics.rollouts import roll_out
from worldsim.model_contract import check_model
from worldsim.models.channels import laid_out
from worldsim.models.motion import MotionModel
from worldsim.models.state import TensorState
from worldsim.scenarios import get_scenario
from worldsim.scenes import Control
from worldsim.training.data import make_clips
from worldsim.training.recipes import get_recipe
from worldsim.worlds import ImaginedWorld

CONTROLS = ("launch", "velocity")
KEYS = np.arange(2, dtype=np.uint64)
#: an action of each scenario, and what a model with both controls is told
TOLD = {
    "launch": ([1.0, 2.0], [1.0, 2.0, 0.0, 0.0]),
    "push": ([1.0, 2.0], [0.0, 0.0, 1.0, 2.0]),
    "screen": ([1.0], [0.0, 0.0, 1.0, 0.0]),
}


class Listening:
    """A model that notes what it is told."""

    name, context_frames, action_size, resolution, max_frames = "listening", 4, 4, 64, None
    controls = CONTROLS

    def __init__(self):
        self.past, self.told = None, []

    def init(self, frames, actions, keys):
        self.past = actions
        return TensorState()

    def step(self, state, actions):
        self.told.append(actions)
        return state, torch.ones(len(actions), actions.shape[1], 3, 64, 64)


@pytest.mark.parametrize("name", TOLD)
def test_worlds_tell_a_model_each_control_by_itself(name):
    given, told = TOLD[name]
    template = get_scenario(name).template
    world = ImaginedWorld(Listening(), template=template)
    world.reset([template] * 2, KEYS)
    world.fork([0, 1], 1).step(np.array([given] * 2))
    context = SimpleNamespace(
        frames=torch.ones(2, 5, 3, 64, 64), actions=torch.tensor(given).expand(2, 4, -1)
    )
    world.begin(context, KEYS)
    world.step(np.array([given] * 2))
    assert [t[0, 0].tolist() for t in world.model.told] == [told, told]
    assert world.model.past[1, 2].tolist() == told


@pytest.mark.parametrize("name", TOLD)
def test_training_and_measuring_tell_the_same(name):
    recipe = replace(get_recipe("table"), mixture=((name, 1.0),), clips=3)
    assert recipe.model["controls"] == CONTROLS and recipe.model["action_size"] == 4
    clips = make_clips(recipe)
    model, fresh = Listening(), fresh_clips(name, "id", 3, "channels")
    roll_out(model, fresh)
    asked = torch.as_tensor(fresh.actions, dtype=torch.float32)
    told = torch.cat([model.past, model.told[0]], 1)
    own = 0 if name == "launch" else 2
    used = [own + i for i in range(asked.shape[-1])]
    assert torch.equal(told[..., used], asked)
    for actions in (told, clips.actions):
        assert actions.shape[-1] == 4
        assert sorted(actions.flatten(0, 1).any(0).nonzero()[:, 0].tolist()) == used


def test_a_model_without_controls_takes_all_alike_and_others_none_that_they_were_not_taught():
    plain = SimpleNamespace(action_size=3)
    actions, carry = torch.tensor([[1.0, 2.0]]), Control(0, "carry", (-1.0, 0.0), (1.0, 1.0))
    for control in (None, carry):
        assert laid_out(plain, actions, control).tolist() == [[1.0, 2.0, 0.0]]
    with pytest.raises(ValueError, match="launch and velocity, not carry"):
        laid_out(Listening(), actions, carry)
    with pytest.raises(ValueError, match="size 3, but this model has 2 of 4 channels"):
        laid_out(Listening(), torch.zeros(1, 3), get_scenario("push").template.control)


def test_a_model_with_controls_is_saved_with_them_and_keeps_the_contract(tmp_path):
    made = MotionModel(action_size=4, controls=CONTROLS, widths=(8, 8), look_widths=(8, 8), looks=1)
    made.save_pretrained(tmp_path)
    read = MotionModel.from_pretrained(tmp_path, use_safetensors=True)
    assert read.controls == CONTROLS
    for name in ("launch", "screen"):
        scenes = [get_scenario(name).template] * 3
        assert failure(check_model(read.eval(), scenes)) is None
    broken = failure(check_model(read, [get_scenario("carriage").template] * 3))
    assert broken is not None and "not carry" in broken.found
