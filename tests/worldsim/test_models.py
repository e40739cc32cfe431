"""World models: keyed noise, states, saving and loading."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from worldsim import keys as key
from worldsim.models import load_model
from worldsim.models.convolutional import ConvolutionalModel
from worldsim.models.fields import move
from worldsim.models.noise import keyed_noise, make_bank

KEYS = key.fold(np.arange(5, dtype=np.uint64), "test models")


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(1)
    made = ConvolutionalModel(widths=(16, 16), blocks=(1, 1)).eval()
    with torch.no_grad():
        made.leave.weight.normal_(0, 0.05)  # it begins at zero, which would hide everything else
    return made


def context(rows):
    generator = torch.Generator().manual_seed(3)
    return torch.rand(rows, 4, 3, 64, 64, generator=generator), torch.zeros(rows, 3, 2)


def test_noise_is_normal_and_the_same_whatever_the_neighbours():
    bank = make_bank(3, 64)
    words = torch.from_numpy(KEYS.view(np.int64))
    noise = keyed_noise(bank, words, torch.arange(5))
    alone = keyed_noise(bank, words[3:4], torch.arange(3, 4))
    assert torch.equal(noise[3:4], alone)
    assert abs(noise.mean()) < 0.02 and abs(noise.std() - 1) < 0.02
    assert not torch.equal(noise[3:4], keyed_noise(bank, words[3:4], torch.tensor([4])))
    correlation = torch.corrcoef(noise.flatten(1)) - torch.eye(5)
    assert correlation.abs().max() < 0.05


def test_moving_a_frame_moves_its_content_right_and_down():
    frame = torch.zeros(1, 1, 8, 8)
    frame[0, 0, 2, 3] = 1.0
    shift = torch.zeros(1, 2, 8, 8)
    shift[:, 0], shift[:, 1] = 2.0, 1.0
    assert move(frame, shift)[0, 0, 3, 5] == pytest.approx(1.0)
    shift[:, 0] = 0.5
    half = 1.25 / 8 - 2.25 / 4 + 1  # Keys (1981), cubic convolution with a = -3/4, half a pixel away
    assert move(frame, shift)[0, 0, 3, 3:5].tolist() == pytest.approx([half, half])
    assert torch.equal(move(frame, shift * torch.nan), frame)


def test_steps_at_once_equal_steps_one_by_one(model):
    state = model.init(*context(2), KEYS[:2])
    actions = torch.randn(2, 3, 2, generator=torch.Generator().manual_seed(0))
    _, together = model.step(state, actions)
    singly = []
    for t in range(3):
        state, frame = model.step(state, actions[:, t : t + 1])
        singly.append(frame)
    assert torch.equal(together, torch.cat(singly, 1))
    assert together.min() >= 0 and together.max() <= 1


def test_the_last_action_and_the_key_reach_the_picture(model):
    state = model.init(*context(2), KEYS[:2])
    none, push = torch.zeros(2, 1, 2), torch.full((2, 1, 2), 3.0)
    assert not torch.equal(model.step(state, none)[1], model.step(state, push)[1])
    other = model.init(*context(2), KEYS[2:4])
    assert not torch.equal(model.step(state, none)[1], model.step(other, none)[1])


def test_states_select_repeat_and_where(model):
    state = model.init(*context(3), KEYS[:3])
    picked = state.select(torch.tensor([2, 0]))
    assert torch.equal(picked.keys, state.keys[[2, 0]])
    assert torch.equal(state.repeat(2).frames, state.frames.repeat_interleave(2, 0))
    later, _ = model.step(state, torch.zeros(3, 1, 2))
    mixed = later.where(torch.tensor([True, False, True]), state)
    assert mixed.count.tolist() == [1, 0, 1] and torch.equal(mixed.frames[1], state.frames[1])


def test_wrong_shapes_are_named(model):
    frames, actions = context(2)
    with pytest.raises(ValueError, match=r"expected \(2, 4, 3, 64, 64\)"):
        model.init(frames[:, :3], actions, KEYS[:2])


def test_weights_of_another_version_are_refused_by_name(model, tmp_path):
    model.save_pretrained(tmp_path)
    file = tmp_path / "diffusion_pytorch_model.safetensors"
    weights = load_file(file)
    gone, *_ = weights
    save_file({("brought" if name == gone else name): w for name, w in weights.items()}, file)
    with pytest.raises(ValueError, match="do not fit its config, 2 of them, such as brought"):
        load_model(tmp_path)


def test_saved_and_loaded_models_agree_and_broken_ones_are_refused(model, tmp_path):
    model.save_pretrained(tmp_path / "good")
    again = load_model(tmp_path / "good")
    action = torch.ones(2, 1, 2)
    first = model.step(model.init(*context(2), KEYS[:2]), action)[1]
    assert torch.equal(first, again.step(again.init(*context(2), KEYS[:2]), action)[1])
    weights = tmp_path / "good" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:2000])
    with pytest.raises(ValueError, match="good"):
        load_model(tmp_path / "good")
    (tmp_path / "good" / "config.json").write_text(json.dumps({"_class_name": "UNet2DModel"}))
    with pytest.raises(ValueError, match="UNet2DModel"):
        load_model(tmp_path / "good")
    with pytest.raises(ValueError, match="does not exist"):
        load_model(tmp_path / "nowhere")
