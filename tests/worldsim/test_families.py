"""Model families behind one protocol: the oracle, the null models, regression."""

import numpy as np
import pytest
import torch

from worldsim import keys as key
from worldsim.metrics.rollouts import evaluate, make_clips, roll_out, truth
from worldsim.models import load_model
from worldsim.models.direct import DirectModel
from worldsim.models.physics import PhysicsModel
from worldsim.models.retrieval import RetrievalModel
from worldsim.rendering import Looks


def remembering(clips) -> RetrievalModel:
    """A memory of some clips."""
    n, frames = clips.states.shape[:2]
    model = RetrievalModel(clips.scenario, n, frames, clips.actions.shape[2])
    states = torch.as_tensor(clips.states, dtype=torch.float32)
    model.remember(states, Looks.of(clips.scenes).size, torch.as_tensor(clips.actions, dtype=torch.float32))
    return model.eval()


def error(model, clips) -> float:
    return evaluate(model, clips).velocity_error.mean()


@pytest.mark.parametrize("scenario", ["collision", "launch", "drop"])
def test_imagination_in_an_engine_equals_reality(scenario):
    """From frames alone, launches included: what remains is the tracker's error, grown by contacts."""
    clips = make_clips(scenario, "id", 24, "test families")
    assert error(PhysicsModel("analytic", scenario, action_size=2), clips) < 0.03


def test_constant_velocities_are_right_until_the_impact():
    uniform, collision = (make_clips(s, "id", 24, "test families") for s in ("uniform", "collision"))
    assert error(PhysicsModel("inertia", "uniform"), uniform) < 0.01
    assert error(PhysicsModel("inertia", "collision"), collision) > 0.5


def test_a_memory_knows_its_own_clips_and_no_others():
    clips = make_clips("launch", "id", 24, "test families")
    model = remembering(clips)
    frames = roll_out(model, clips)
    assert torch.equal(frames[:, 4:], truth(clips, 64)[:, 4:])
    assert error(model, make_clips("launch", "id", 8, "test other clips")) > 0.3


def test_a_memory_refuses_clips_of_another_shape():
    model = RetrievalModel("collision", 3, 32)
    with pytest.raises(ValueError, match=r"expected \(3, 32, 2, 6\)"):
        model.remember(torch.zeros(2, 32, 2, 6), torch.ones(3, 2, 2), torch.zeros(3, 31, 2))


def test_regression_sees_no_noise():
    torch.manual_seed(0)
    model = DirectModel(widths=(16, 16), blocks=(1, 1)).eval()
    with torch.no_grad():
        model.leave.weight.normal_(0, 0.05)
    context, actions = torch.rand(1, 4, 3, 64, 64), torch.zeros(1, 3, 2)
    push = torch.ones(1, 1, 2)
    one, other = (
        model.step(model.init(context, actions, np.array([k], dtype=np.uint64)), push)[1] for k in (1, 2)
    )
    assert torch.equal(one, other)


@pytest.mark.parametrize(
    "make", [PhysicsModel, lambda *_: remembering(make_clips("launch", "id", 6, "save"))]
)
def test_copies_replay_exactly(make, tmp_path):
    """select, repeat, where and a saved twin, in the middle of a rollout with a launch."""
    clips = make_clips("launch", "id", 6, "save")
    model = make("analytic", "launch") if make is PhysicsModel else make()
    context = truth(clips, 64, 4)
    actions = torch.as_tensor(clips.actions, dtype=torch.float32)
    keys = key.fold(np.arange(6, dtype=np.uint64), "copies")
    begun = model.init(context, actions[:, :3], keys)
    middle, _ = model.step(begun, actions[:, 3:14])
    index = torch.tensor([4, 1])
    copies, mixed = middle.select(index).repeat(2), middle.where(torch.arange(6) % 2 == 0, begun)
    _, whole = model.step(middle, actions[:, 14:20])
    assert torch.equal(model.step(copies, actions[index.repeat_interleave(2), 14:20])[1][::2], whole[index])
    assert torch.equal(model.step(mixed, actions[:, 14:20])[1][::2], whole[::2])
    model.save_pretrained(tmp_path)
    twin = load_model(tmp_path)
    assert torch.equal(
        twin.step(twin.init(context, actions[:, :3], keys), actions[:, 3:14])[1][:, -1:].float(),
        model.step(model.init(context, actions[:, :3], keys), actions[:, 3:14])[1][:, -1:],
    )
