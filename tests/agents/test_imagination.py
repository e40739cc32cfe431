"""Models that make several frames in a call: what planners ask of them, and that nothing else changes."""

import numpy as np
import pytest
import torch

from agents.imagination import CalledWorld, roll_out, seen_world
from agents.planners import make_planner
from agents.trials import try_out
from envs.tasks import make_task
from envs.vector import WorldVectorEnv
from worldsim.models.clip import ClipModel
from worldsim.models.convolutional import ConvolutionalModel
from worldsim.models.physics import PhysicsModel
from worldsim.rendering import quantise
from worldsim.worlds import ImaginedWorld

SCENARIOS = {"Strike": "launch", "Catch": "catch", "Drop": "carriage"}


class Called:
    """A model that claims to make `frames_per_call` frames at once, and notes what it was asked for."""

    def __init__(self, model, frames_per_call):
        self.model, self.frames_per_call, self.asked = model, frames_per_call, []

    def __getattr__(self, name):
        return getattr(self.model, name)

    def step(self, state, actions):
        self.asked.append(actions.shape[1])
        return self.model.step(state, actions)


def observe(task, starts=3):
    env = WorldVectorEnv(task, "analytic", num_envs=starts, autoreset_mode="Disabled")
    env.reset(options={"starts": [task.sample("id", i) for i in range(starts)]})
    return env.observe()


def tried(task, model, horizon=20, candidates=6):
    """Candidates, of which a row's are over once one of them succeeds, and other rows go on."""
    world, rng = ImaginedWorld(model, template=task.template), np.random.default_rng(0)
    low, high = task.bounds("id")
    shape = (3, candidates, horizon, len(low))
    return try_out(seen_world(world, task), task, observe(task), np.arange(3), rng.uniform(low, high, shape))


@pytest.mark.parametrize("name", SCENARIOS)
def test_plans_come_to_the_same_whatever_a_call_makes(name):
    task, model = make_task(name), PhysicsModel("analytic", SCENARIOS[name])
    once = tried(task, model)
    for frames in (3, 7, 50):
        called = Called(model, frames)
        several = tried(task, called)
        for field in ("success", "miss", "cost", "frames"):
            np.testing.assert_array_equal(getattr(several, field), getattr(once, field))
        assert sum(called.asked) <= 20 and set(called.asked[:-1]) <= {frames} and len(called.asked) <= 7


def test_a_planner_asks_for_whole_clips(monkeypatch):
    """Frames are those that the model makes when it is told all actions."""
    torch.manual_seed(0)
    small = {"widths": (16,), "latent_channels": 4}
    model, task = ClipModel(sampling_steps=1, **small), make_task("Strike")
    where = seen_world(ImaginedWorld(model, template=task.template), task)
    assert isinstance(where, CalledWorld)
    seen, keys = observe(task), np.arange(3)
    actions = np.zeros((3, 2, 30, 2))
    actions[:, :, 0] = np.random.default_rng(1).uniform(-3, 3, (3, 2, 2))
    shown = []
    update = where._tracker.update
    monkeypatch.setattr(where._tracker, "update", lambda t, f: (shown.append(f), update(t, f))[1])
    assert len(roll_out(where, seen, keys, actions)) == 31
    state = model.init(seen.frames, seen.actions, keys).repeat(2)
    expected = model.step(state, torch.as_tensor(actions, dtype=torch.float32).flatten(0, 1))[1]
    torch.testing.assert_close(torch.stack(shown, 1), quantise(expected), rtol=0, atol=0)
    assert isinstance(make_planner("cem", task, where.world).where, CalledWorld)


@pytest.mark.parametrize("name", ["Drop", "Place"])
def test_what_is_placed_or_let_go_of_is_told_frame_by_frame(name):
    torch.manual_seed(0)
    task, model = make_task(name), ConvolutionalModel(widths=(16, 16), blocks=(1, 1))
    rng, (low, high) = np.random.default_rng(2), task.bounds("id")
    actions = torch.as_tensor(rng.uniform(low, high, (2, 6, len(low))), dtype=torch.float32)
    worlds = [ImaginedWorld(model, template=task.template) for _ in range(2)]
    for world in worlds:
        world.reset([task.sample("id", i).scene for i in range(2)], np.arange(2))
    together = worlds[0].roll_out(actions)
    apart = torch.stack([worlds[1].step(actions[:, t]) for t in range(6)], 1)
    torch.testing.assert_close(together, apart, rtol=0, atol=0)


def test_actions_of_another_shape_are_refused():
    world = ImaginedWorld(PhysicsModel("analytic", "launch"))
    world.reset([make_task("Strike").sample("id", 0).scene], np.arange(1))
    for wrong in (torch.zeros(2, 2), torch.zeros(1, 3), torch.full((1, 2), torch.nan)):
        with pytest.raises(ValueError, match="expected finite"):
            world.step(wrong)
