"""The PPO on the device: its advantages are Stable-Baselines3's, it learns, and updates read nothing back."""

import traceback

import numpy as np
import pytest
import torch
from gymnasium import spaces
from safetensors.torch import load_file
from stable_baselines3.common.buffers import RolloutBuffer

from agents.learning import PPOConfig, load, train
from agents.learning.folders import WEIGHTS
from agents.learning.resident import Learner, gae
from agents.learning.run import Run, segment
from envs.draws import RESERVE, reserved
from envs.tasks import make_task

QUICK = PPOConfig(n_envs=64, n_steps=1, batch_size=64, learning_rate=5e-3, gamma=0.0, width=16, checkpoints=2)


def test_advantages_are_those_of_stable_baselines(steps=7, rows=5):
    draw = np.random.default_rng(0)
    rewards, values = draw.normal(size=(2, steps, rows)).astype(np.float32)
    last = torch.tensor(draw.normal(size=rows), dtype=torch.float32)
    ended = draw.random((steps, rows)) < 0.3
    cut = ended & (draw.random((steps, rows)) < 0.5)
    following = np.concatenate([values[1:], last[None].numpy()])
    buffer = RolloutBuffer(steps, spaces.Box(-1, 1, (1,)), spaces.Box(-1, 1, (1,)), "cpu", 0.9, 0.97, rows)
    buffer.rewards, buffer.values = rewards + 0.97 * following * cut, values  # as its rollouts bootstrap
    buffer.episode_starts[1:] = ended[:-1]
    buffer.compute_returns_and_advantage(last, ended[-1])
    numbers = torch.as_tensor(rewards), torch.as_tensor(values), last
    ours = gae(*numbers, torch.as_tensor(ended & ~cut), torch.as_tensor(ended), 0.97, 0.9)
    np.testing.assert_allclose(ours.numpy(), buffer.advantages, rtol=1e-5, atol=1e-6)


def test_it_learns_which_way_to_go(tmp_path, side, slide):
    policy = train(side(), slide, 2560, 0, tmp_path, QUICK, algo="ppo_resident")
    learner = Learner(Run(side(), slide, 64, 0, tmp_path, "ppo_resident", "tracked", QUICK))
    learner.begin(everywhere=True)
    numbers = [start.start_id for start in learner.rollouts.starts]
    assert 8000 < max(numbers) < reserved(RESERVE)[0]  # which are left for evaluations
    aims = learner.rollouts.goal[:, 0].numpy() - 5.0
    actions = policy.act(learner.rollouts.observe())
    assert (np.sign(actions[:, 0]) == aims).all() and (np.abs(actions[:, 0] - 10 * aims) < 3).mean() > 0.9
    assert (policy.name, policy.prepared_in) == ("ppo_resident", "slide")
    assert load(tmp_path, side()).act(learner.rollouts.observe()) == pytest.approx(actions)


@pytest.mark.parametrize("observation", ["tracked", "frames"])
def test_nothing_is_read_back_within_an_update(tmp_path, side, slide, monkeypatch, observation):
    config = PPOConfig(n_envs=4, n_steps=1, batch_size=4, n_epochs=2, width=8)
    learner = Learner(Run(side(), slide, 4, 0, tmp_path, "ppo_resident", observation, config))
    learner.begin(everywhere=True)
    draws, before = learner.prepare(1.0), [p.clone() for p in learner.network.parameters()]
    read = []

    def watched(name, method):
        def call(self, *args, **kwargs):
            # Adam keeps its count of steps on the host where the device is the host
            if not any("torch/optim/" in frame.filename for frame in traceback.extract_stack()):
                read.append(name)
            return method(self, *args, **kwargs)

        return call

    for name in ("cpu", "numpy", "item", "tolist", "__array__"):
        monkeypatch.setattr(torch.Tensor, name, watched(name, getattr(torch.Tensor, name)))
    torch.zeros(1).cpu()
    assert read == ["cpu"]  # the watch works
    read.clear()
    learner.update(draws)
    assert read == []
    monkeypatch.undo()
    assert any(not torch.equal(a, b) for a, b in zip(before, learner.network.parameters()))


def test_a_resumed_run_ends_like_an_uninterrupted_one(tmp_path, side, slide):
    def interrupt(frames, solved):
        if frames >= 384:
            raise KeyboardInterrupt

    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(side(), slide, 512, 0, whole, QUICK, algo="ppo_resident")
    with pytest.raises(KeyboardInterrupt):
        train(side(), slide, 512, 0, broken, QUICK, interrupt, algo="ppo_resident")
    train(side(), slide, 512, 0, broken, QUICK, algo="ppo_resident")
    one, other = load_file(whole / WEIGHTS), load_file(broken / WEIGHTS)
    assert all(torch.equal(one[k], other[k]) for k in one)


def test_segments_divide_the_horizon():
    catch = make_task("Catch")
    assert [segment(catch, n) for n in (8, 7, 48, 100)] == [8, 7, 48, 48]
    assert segment(make_task("Strike"), 4) == 1
