"""PPO learns a trivial task; its runs can be stopped, resumed, saved and read, and are never repeated."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO

from agents import ppo
from agents.ppo import ARCHIVE, CHECKPOINT, CONFIG, WEIGHTS, PPOConfig
from envs.base import Outcome, Start
from envs.encode import encode
from envs.vector import WorldVectorEnv
from worldsim.scenes import Body, Control, Scene

BOX = Scene(
    bodies=(Body("red", (0.8, 1.15), (5.0, 5.0), shape="box", motion="kinematic", solid=False),),
    control=Control(0, "velocity", (-10.0,), (10.0,)),
)


@dataclass
class Side:
    """In one frame, move the box by 1 m to the side on which the goal lies."""

    name: str = "Side"
    scenario: str = "drop"
    frames: int = 1
    stride: int = 1
    levels: tuple[str, ...] = ("id",)
    tolerance: float = 0.3
    goal_size: int = 1
    template: Scene = BOX

    def sample(self, level: str, start_id: int) -> Start:
        return Start(self.name, level, start_id, self.template, np.array([4.0 + 2.0 * (start_id % 2)]))

    def bounds(self, level: str) -> tuple[np.ndarray, np.ndarray]:
        return np.array([-10.0]), np.array([10.0])

    def open(self, track, goal) -> Outcome:
        none = torch.zeros(len(goal), dtype=torch.bool)
        miss = (track.position[:, 0, 0] - goal[:, 0]).abs()
        return Outcome(none, none, none, miss, torch.zeros(len(goal)))

    def judge(self, outcome, before, after, goal, time_left) -> Outcome:
        miss = (after.position[:, 0, 0] - goal[:, 0]).abs()
        success = miss < self.tolerance
        return Outcome(success, ~success, outcome.spoiled, miss, -miss)


QUICK = PPOConfig(n_envs=32, n_steps=8, batch_size=64, learning_rate=3e-3, gamma=0.0, width=16, checkpoints=4)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("side")
    ppo.train(Side(), "analytic", frames=2560, seed=1, folder=folder, config=QUICK)
    return folder


def observe(rows=16):
    env = WorldVectorEnv(Side(), "analytic", num_envs=rows, autoreset_mode="Disabled")
    env.reset(options={"starts": [Side().sample("id", i) for i in range(rows)]})
    return env


def test_it_learns_which_way_to_go(trained):
    policy, env = ppo.load(trained, Side()), observe()
    actions = policy.act(env.observe())
    assert (np.sign(actions[:, 0]) == np.where(np.arange(16) % 2, 1, -1)).all()
    env.step(actions)
    assert env.outcome.success.float().mean() >= 0.9
    assert (policy.name, policy.prepared_in, policy.privileged) == ("ppo", "analytic", False)


def test_safetensors_hold_what_the_archive_holds(trained):
    env = observe()
    share, _ = PPO.load(trained / ARCHIVE, device="cpu").predict(
        encode("tracked", Side(), env.observe()), deterministic=True
    )
    actions = ppo.load(trained, Side()).act(env.observe())
    np.testing.assert_allclose(actions, 10.0 * np.clip(share, -1, 1), atol=1e-5)


def test_a_finished_run_is_not_repeated(trained):
    before = (trained / WEIGHTS).stat().st_mtime_ns
    ppo.train(Side(), "analytic", frames=2560, seed=1, folder=trained, config=QUICK)
    assert (trained / WEIGHTS).stat().st_mtime_ns == before
    with pytest.raises(ValueError, match="another seed"):
        ppo.train(Side(), "analytic", frames=2560, seed=2, folder=trained, config=QUICK)


def test_an_interrupted_run_goes_on_from_its_checkpoint(tmp_path):
    def interrupt(frames, solved):
        if frames >= 768:
            raise KeyboardInterrupt

    seen = []
    with pytest.raises(KeyboardInterrupt):
        ppo.train(Side(), "analytic", 1024, 0, tmp_path, QUICK, interrupt)
    assert (tmp_path / CHECKPOINT).exists() and not (tmp_path / WEIGHTS).exists()
    with pytest.raises(ValueError, match="no finished policy"):
        ppo.load(tmp_path, Side())
    ppo.train(Side(), "analytic", 1024, 0, tmp_path, QUICK, lambda frames, solved: seen.append(frames))
    assert seen == [768, 1024]  # the first 512 frames are not repeated
    assert PPO.load(tmp_path / ARCHIVE, device="cpu").num_timesteps == 1024
    assert not (tmp_path / CHECKPOINT).exists()


def test_frames_are_a_budget(tmp_path):
    with pytest.raises(ValueError, match="255 frames are too few: one rollout on Side takes 256"):
        ppo.train(Side(), "analytic", 255, 0, tmp_path, QUICK)


def test_damaged_and_foreign_policies_are_refused_by_name(trained, tmp_path):
    for name in (CONFIG, WEIGHTS):
        (tmp_path / name).write_bytes((trained / name).read_bytes())
    with pytest.raises(ValueError, match="a policy for Side, not for Other"):
        ppo.load(tmp_path, replace(Side(), name="Other"))
    (tmp_path / WEIGHTS).write_bytes((trained / WEIGHTS).read_bytes()[:100])
    with pytest.raises(ValueError, match=r"policy\.safetensors is damaged"):
        ppo.load(tmp_path, Side())
