"""Every algorithm learns a trivial task; runs can be stopped, resumed, started from others and read."""

import json
from dataclasses import replace

import numpy as np
import pytest
from safetensors.torch import load_file
from stable_baselines3 import PPO, SAC

from agents.learning import Evaluate, Mix, PPOConfig, SACConfig, TD3Config, config_for, load, train
from agents.learning.baselines import CHECKPOINT
from agents.learning.evaluation import Curve, read_curve
from agents.learning.folders import ARCHIVE, CONFIG, CURVE, REPLAY, TENSORBOARD, WEIGHTS
from envs.encode import encode
from envs.tasks import make_task
from envs.vector import WorldVectorEnv

QUICK = PPOConfig(n_envs=32, n_steps=8, batch_size=64, learning_rate=3e-3, gamma=0.0, width=16, checkpoints=4)
OFF = dict(n_envs=32, learning_starts=256, batch_size=64, gamma=0.0, tau=0.05, width=32, buffer_size=4096)
TINY = dict(
    n_envs=4, learning_starts=8, batch_size=8, gradient_steps=1, width=8, buffer_size=64, checkpoints=2
)
CONFIGS = {
    "ppo": (QUICK, 2560),
    "sac": (SACConfig(**OFF, learning_rate=1e-2, gradient_steps=8), 1920),
    "td3": (TD3Config(**OFF, learning_rate=6e-3, gradient_steps=24), 1920),
}


def weights(folder):
    return load_file(folder / WEIGHTS)


def same(one, other):
    one, other = weights(one), weights(other)
    return one.keys() == other.keys() and all(np.array_equal(one[k], other[k]) for k in one)


def stop_at(last):
    def interrupt(frames, solved):
        if frames >= last:
            raise KeyboardInterrupt

    return interrupt


@pytest.fixture(scope="module")
def folders(tmp_path_factory, side):
    made = {}
    for algo, (config, frames) in CONFIGS.items():
        made[algo] = tmp_path_factory.mktemp(algo)
        train(side(), "analytic", frames, 1, made[algo], config, algo=algo)
    return made


def observe(side, rows=16):
    env = WorldVectorEnv(side(), "analytic", num_envs=rows, autoreset_mode="Disabled")
    env.reset(options={"starts": [side().sample("id", i) for i in range(rows)]})
    return env


@pytest.mark.parametrize("algo", CONFIGS)
def test_it_learns_which_way_to_go(folders, side, algo):
    policy, env = load(folders[algo], side()), observe(side)
    actions = policy.act(env.observe())
    assert (np.sign(actions[:, 0]) == np.where(np.arange(16) % 2, 1, -1)).all()
    env.step(actions)
    assert env.outcome.success.float().mean() >= 0.9
    assert (policy.name, policy.prepared_in, policy.privileged) == (algo, "analytic", False)
    assert list((folders[algo] / TENSORBOARD).iterdir())


@pytest.mark.parametrize("algo, made", [("ppo", PPO), ("sac", SAC)])
def test_safetensors_hold_what_the_archive_holds(folders, side, algo, made):
    env = observe(side)
    archive = made.load(folders[algo] / ARCHIVE, device="cpu")
    share, _ = archive.predict(encode("tracked", side(), env.observe()), deterministic=True)
    actions = load(folders[algo], side()).act(env.observe())
    np.testing.assert_allclose(actions, 10.0 * np.clip(share, -1, 1), atol=1e-5)


def test_a_finished_run_is_not_repeated(folders, side):
    folder = folders["ppo"]
    before = (folder / WEIGHTS).stat().st_mtime_ns
    train(side(), "analytic", 2560, 1, folder, QUICK)
    assert (folder / WEIGHTS).stat().st_mtime_ns == before
    with pytest.raises(ValueError, match="another seed"):
        train(side(), "analytic", 2560, 2, folder, QUICK)


def test_an_interrupted_ppo_goes_on_from_its_checkpoint(tmp_path, side):
    seen = []
    with pytest.raises(KeyboardInterrupt):
        train(side(), "analytic", 1024, 0, tmp_path, QUICK, stop_at(768))
    assert (tmp_path / CHECKPOINT).exists() and not (tmp_path / WEIGHTS).exists()
    with pytest.raises(ValueError, match="no finished policy"):
        load(tmp_path, side())
    train(side(), "analytic", 1024, 0, tmp_path, QUICK, lambda frames, solved: seen.append(frames))
    assert seen == [768, 1024]  # the first 512 frames are not repeated
    assert PPO.load(tmp_path / ARCHIVE, device="cpu").num_timesteps == 1024
    assert not (tmp_path / CHECKPOINT).exists()


@pytest.mark.parametrize("config", [SACConfig(**TINY), TD3Config(**TINY)])
def test_off_policy_a_resumed_run_ends_like_an_uninterrupted_one(tmp_path, side, config):
    algo = type(config).__name__[:3].lower()
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(side(), "analytic", 64, 0, whole, config, algo=algo)
    with pytest.raises(KeyboardInterrupt):
        train(side(), "analytic", 64, 0, broken, config, stop_at(48), algo=algo)
    assert (broken / "replay-32.pkl").exists()
    train(side(), "analytic", 64, 0, broken, config, algo=algo)
    assert same(whole, broken) and not list(broken.glob("replay*"))


def test_the_curve_is_resumed_and_training_does_not_depend_on_it(tmp_path, side):
    config = replace(QUICK, n_envs=4, n_steps=4, batch_size=16, width=8, checkpoints=2)
    evaluate = Evaluate(every=32, starts=4, real="box2d")
    plain, watched, broken = (tmp_path / name for name in ("plain", "watched", "broken"))
    train(side(), "analytic", 64, 0, plain, config)
    train(side(), "analytic", 64, 0, watched, config, evaluate=evaluate)
    assert same(plain, watched)
    rows = read_curve(watched / CURVE)
    assert [row["frames"] for row in rows] == [0, 32, 64] and {row["n"] for row in rows} == {4}
    assert {(row["imagined_in"], row["real_in"], row["real_frames"]) for row in rows} == {
        ("analytic", "box2d", 0)
    }
    assert all(row["imagined_success"] == row["real_success"] for row in rows)  # both engines move a box
    with pytest.raises(KeyboardInterrupt):
        train(side(), "analytic", 64, 0, broken, config, stop_at(64), evaluate=evaluate)
    with (broken / CURVE).open("a") as file:
        file.write(json.dumps(rows[-1]) + '\n{"cut')
    train(side(), "analytic", 64, 0, broken, config, evaluate=evaluate)
    assert [row["frames"] for row in read_curve(broken / CURVE)] == [0, 32, 64]


def test_evaluations_are_due_once_in_each_interval(tmp_path, side):
    curve = Curve(tmp_path, side(), None, Evaluate(every=100), 0, 0.0)
    assert curve.due(0)
    curve._last = 130
    assert [frames for frames in (130, 199, 200, 250) if curve.due(frames)] == [200, 250]


def test_fine_tuning_and_mixtures_count_ground_truth(tmp_path, side):
    tiny = SACConfig(**TINY, keep_replay=True)
    begun, tuned = tmp_path / "begun", tmp_path / "tuned"
    mix = Mix("box2d", 0.25)
    train(side(), "analytic", 64, 0, begun, tiny, algo="sac", mix=mix, evaluate=Evaluate(64, 2))
    assert [row["real_frames"] for row in read_curve(begun / CURVE)] == [0, 16]
    facts = json.loads((begun / CONFIG).read_text())
    assert facts["prepared_in"] == "analytic+box2d" and facts["spent"] == {"analytic": 48, "box2d": 16}
    assert (begun / REPLAY).exists()
    frozen = replace(tiny, learning_rate=0.0, tau=0.0)
    more = dict(algo="sac", start_from=begun, evaluate=Evaluate(8, 2))
    train(side(), "box2d", 8, 0, tuned, frozen, **more)
    assert [row["real_frames"] for row in read_curve(tuned / CURVE)] == [16, 24]
    assert same(begun, tuned)  # nothing was learned, so it is the policy that it started from
    with pytest.raises(ValueError, match="policy of sac of width 8; sac of width 16"):
        train(side(), "box2d", 8, 0, tmp_path / "wide", replace(tiny, width=16), algo="sac", start_from=begun)
    with pytest.raises(ValueError, match="both worlds need at least one"):
        train(side(), "analytic", 64, 0, tmp_path / "all", tiny, algo="sac", mix=Mix("box2d", 0.05))


@pytest.mark.parametrize("algo", ["ppo", "td3"])
def test_frames_are_learned_from_too(tmp_path, side, algo):
    ppo = replace(QUICK, n_envs=2, n_steps=4, batch_size=8, n_epochs=1, width=8)
    config = ppo if algo == "ppo" else TD3Config(**TINY)
    policy = train(side(), "analytic", 16, 0, tmp_path, config, algo=algo, observation="frames")
    env = observe(side, rows=2)
    actions = policy.act(env.observe())
    assert actions.shape == (2, 1) and actions[0] != actions[1]  # the goal is in the picture
    pictures = np.moveaxis(encode("frames", side(), env.observe()), -1, 1)
    assert pictures.shape == (2, 12, 64, 64)
    shares = policy.network.predict(pictures, deterministic=True)[0]
    np.testing.assert_allclose(actions, 10.0 * shares, rtol=1e-5)


def test_what_cannot_be_trained_is_refused(tmp_path, side):
    with pytest.raises(ValueError, match="255 frames are too few: one rollout on Side takes 256"):
        train(side(), "analytic", 255, 0, tmp_path, QUICK)
    with pytest.raises(
        ValueError, match="unknown algorithm 'dqn'; choose one of ppo, ppo_resident, sac, td3"
    ):
        train(side(), "analytic", 2560, 0, tmp_path, algo="dqn")
    with pytest.raises(ValueError, match="sac takes a SACConfig, not a PPOConfig"):
        train(side(), "analytic", 2560, 0, tmp_path, QUICK, algo="sac")
    with pytest.raises(ValueError, match="1001 starts were asked for evaluation; at most 1000"):
        Evaluate(every=100, starts=1001)
    assert not list(tmp_path.iterdir())


def test_damaged_and_foreign_policies_are_refused_by_name(folders, tmp_path, side):
    for name in (CONFIG, WEIGHTS):
        (tmp_path / name).write_bytes((folders["ppo"] / name).read_bytes())
    with pytest.raises(ValueError, match="a policy for Side, not for Other"):
        load(tmp_path, replace(side(), name="Other"))
    with pytest.raises(ValueError, match=r"Box\(-4.0, 4.0, \(13,\).*but Side has .*Box\(-4.0, 4.0, \(14,\)"):
        load(tmp_path, replace(side(), goal_size=2))
    (tmp_path / WEIGHTS).write_bytes((folders["td3"] / WEIGHTS).read_bytes())
    with pytest.raises(ValueError, match=r"policy\.safetensors is damaged or belongs to another network"):
        load(tmp_path, side())
    (tmp_path / WEIGHTS).write_bytes((folders["ppo"] / WEIGHTS).read_bytes()[:100])
    with pytest.raises(ValueError, match=r"policy\.safetensors is damaged"):
        load(tmp_path, side())


def test_settings_follow_the_task(side):
    assert config_for("ppo", make_task("Catch")).n_steps == 8
    assert config_for("sac", make_task("Strike")).gamma == config_for("td3", side()).gamma == 0.0
    assert config_for("sac", make_task("Catch")).gamma > 0.9
    assert config_for("sac", side(), "frames").buffer_size < config_for("sac", side()).buffer_size
