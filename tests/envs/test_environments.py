"""Environments: Gymnasium's and Stable-Baselines3's conventions, paired starts, faults of the world."""

import subprocess
import sys
import warnings
from importlib.util import find_spec
from types import SimpleNamespace

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

import envs  # noqa: F401  (registers the ids)
from envs.draws import DEVELOPMENT_IDS, RESERVE, reserved
from envs.encode import encode
from envs.episodes import episode_keys, run_episodes
from envs.sb3 import WorldVecEnv
from envs.single import WorldEnv
from envs.tasks import make_task
from envs.vector import WorldVectorEnv
from worldsim.engines import make_engine
from worldsim.scenes import Scene
from worldsim.worlds import SimulatedWorld

STRIKE, CATCH = make_task("Strike"), make_task("Catch")


def _env(task=CATCH, mode="Disabled", n=3, **more):
    return WorldVectorEnv(task, "analytic", num_envs=n, autoreset_mode=mode, seed=0, **more)


class Still:
    """A policy that plays one constant action."""

    name, prepared_in = "still", ""

    def __init__(self, action, privileged=False):
        self.action, self.privileged = action, privileged

    def reset(self, rows, keys):
        self.keys = keys

    def act(self, observation):
        self.seen = observation
        return np.tile(self.action, (len(observation.goal), 1))


class Faulty(SimulatedWorld):
    """From its sixth step on, row 0 yields NaN and row 1 an empty picture."""

    def __init__(self):
        super().__init__(make_engine("analytic"), 64)
        self.steps = 0

    def step(self, actions):
        frames = super().step(actions)
        self.steps += 1
        if self.steps > 5:
            frames[0], frames[1] = torch.nan, 1.0
        return frames


@pytest.mark.parametrize("name", ["Strike", "Catch"])
def test_single_environment_passes_gymnasiums_checker(name, monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    env = gymnasium.make(f"worldsim/{name}-v0", world="analytic", render_mode="rgb_array")
    assert isinstance(env.unwrapped, WorldEnv) and env.spec.max_episode_steps is None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # advice on action ranges and on rendering
        check_env(env.unwrapped, skip_render_check=find_spec("pygame") is None)
    assert env.unwrapped.render().shape == (64, 64, 3)


def test_make_vec_gives_the_vector_environment():
    env = gymnasium.make_vec(
        "worldsim/Catch-v0", num_envs=2, vectorization_mode="vector_entry_point", world="analytic"
    )
    assert isinstance(env.unwrapped, WorldVectorEnv)
    assert env.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP


def test_importing_envs_does_not_import_torch():
    code = (
        "import sys, envs, gymnasium; gymnasium.spec('worldsim/Catch-v0'); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_equal_seeds_give_equal_episodes():
    seen = []
    for _ in range(2):
        env = _env()
        first, _ = env.reset(seed=5)
        seen.append((first, env.step(np.ones((3, 1)))[0]))
    assert all((a == b).all() for a, b in zip(*seen))
    assert not (_env().reset(seed=6)[0] == seen[0][0]).all()


def test_no_reset_draws_a_start_that_evaluations_play():
    env = _env(n=64, mode="SameStep")
    sampled, drawn = env.task.sample, []
    env.task = SimpleNamespace(sample=lambda level, i: drawn.append(i) or sampled(level, 0))
    for _ in range(50):
        for row in range(64):
            env._draw(row, "id", {})
        env._episodes += 1
    assert 0 <= min(drawn) < 100 and 8900 < max(drawn) < DEVELOPMENT_IDS - RESERVE == 9000
    assert reserved(50) == range(9950, 10_000) and len(reserved(RESERVE)) == RESERVE
    with pytest.raises(ValueError, match="1001 starts were asked for evaluation; at most 1000"):
        reserved(RESERVE + 1)


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_autoreset_follows_gymnasium(mode):
    """Played beside three single environments that are reset by hand as Gymnasium's documentation says."""
    env = WorldVectorEnv(CATCH, "analytic", num_envs=3, autoreset_mode=mode, seed=0)
    starts = [CATCH.sample("id", i) for i in (0, 1, 2)]
    env.reset(options={"starts": starts})
    singles = [WorldEnv(task=CATCH, world="analytic") for _ in starts]
    for single, start in zip(singles, starts):
        single.reset(options={"starts": [start]})
    done, checked = np.zeros(3, dtype=bool), 0
    for _ in range(30):
        seen, reward, terminated, truncated, info = env.step(np.full((3, 1), 0.5))
        for i, single in enumerate(singles):
            if done[i]:
                continue
            alone = single.step(np.array([0.5]))
            done[i] = alone[2] or alone[3]
            shown = info["final_obs"][i] if done[i] and mode is AutoresetMode.SAME_STEP else seen[i]
            np.testing.assert_allclose(shown, alone[0], atol=1e-4)
            assert (terminated[i], truncated[i]) == alone[2:4] and reward[i] == pytest.approx(
                alone[1], abs=1e-4
            )
            if done[i] and mode is AutoresetMode.SAME_STEP:
                assert info["_final_obs"][i] and info["final_info"]["start_id"][i] == i
                assert env.over[i] == False and seen[i][-1] == 1.0  # noqa: E712  already the next episode
            checked += done[i]
        if done.any():
            break
    assert checked
    row = int(np.flatnonzero(done)[0])
    seen, reward, terminated, truncated, _ = env.step(np.full((3, 1), 0.5))
    if mode is AutoresetMode.NEXT_STEP:  # the action is ignored: this step is the reset
        assert seen[row][-1] == 1.0 and reward[row] == 0 and not (terminated | truncated)[row]
    elif mode is AutoresetMode.DISABLED:
        assert terminated[row] and reward[row] == 0
        seen, _ = env.reset(options={"reset_mask": done, "starts": [starts[0]] * int(done.sum())})
        assert seen[row][-1] == 1.0 and not env.over[row]
        if not done.all():
            other = int(np.flatnonzero(~done)[0])
            assert seen[other][-1] < 1.0


def test_strike_is_one_decision_of_28_frames():
    env = _env(STRIKE, history=True)
    env.reset()
    _, _, terminated, truncated, info = env.step(np.zeros((3, 2)))
    assert terminated.all() and not truncated.any() and len(env.rollouts.frames_seen) == 32
    assert not info["success"].any()  # doing nothing never solves a start


def test_the_launch_acts_once():
    env = _env(STRIKE)
    start = STRIKE.sample("id", 0)
    env.reset(options={"starts": [start] * 3})
    *_, info = env.step(np.tile([0.0, 1.0], (3, 1)))
    red = start.scene.bodies[1]
    actions = np.zeros((31, 2))
    actions[3] = 0.0, 1.0
    from worldsim.engines.base import simulate

    expected = simulate(make_engine("analytic"), [start.scene], 32, actions[None]).states[0, -1]
    np.testing.assert_allclose(info["states"][0], expected, atol=1e-12)
    assert expected[1, 1] != red.position[1]


@pytest.mark.parametrize("bad", [np.zeros((3, 2)), np.zeros(3), np.full((3, 1), np.nan)])
def test_bad_actions_are_refused_with_shape_and_bounds(bad):
    env = _env()
    env.reset()
    with pytest.raises(ValueError, match=r"\(3, 1\) between \[-1.2.*\] and \[1.2"):
        env.step(bad)


def test_bad_requests_are_refused():
    with pytest.raises(ValueError, match="Strike, Bank"):
        WorldVectorEnv("Golf", "analytic")
    with pytest.raises(ValueError, match="id, bounce"):
        WorldVectorEnv("Catch", "analytic", level="hard")
    with pytest.raises(ValueError, match="box2d"):
        WorldVectorEnv("Catch", "quake")
    with pytest.raises(ValueError, match="tracked, frames"):
        WorldVectorEnv("Catch", "analytic", observation="smell")
    with pytest.raises(ValueError, match="action bounds"):
        _env(STRIKE).reset(options={"starts": [STRIKE.sample("speed", 0)] * 3})
    with pytest.raises(ValueError, match="unknown reset options"):
        _env().reset(options={"start": []})
    with pytest.raises(RuntimeError, match="reset comes before step"):
        _env().step(np.zeros((3, 1)))


def test_a_world_that_breaks_spoils_episodes_and_nothing_else():
    env = WorldVectorEnv(CATCH, Faulty(), num_envs=3, autoreset_mode="Disabled")
    episodes = run_episodes(env, Still([0.0]), [CATCH.sample("id", i) for i in range(3)])
    assert [e.spoiled for e in episodes] == [True, True, False]
    assert not episodes[0].success and not episodes[1].success
    assert all(np.isfinite(e.miss) for e in episodes)


def test_frames_observation_stacks_the_context_and_shows_the_goal():
    env = _env(STRIKE, observation="frames", n=2)
    start = STRIKE.sample("id", 1)
    seen, _ = env.reset(options={"starts": [start] * 2})
    assert seen.shape == (2, 64, 64, 12) and seen.dtype == np.uint8 and env.observation_space.contains(seen)
    j, i = int(start.goal[0] * 6.4), int((10 - start.goal[1]) * 6.4)
    at_goal = seen[0, i, j, -3:]
    clean = (env.observe().frames[0, -1, :, i, j] * 255).round()
    if (clean == 255).all():  # nothing stands there
        assert not (at_goal == 255).all() and at_goal[1] > at_goal[0]
    body = (env.observe().frames[0, -1] == 0).any(0).numpy()  # pixels that a body covers wholly
    drawn = seen[0, ..., -3:] / 255
    np.testing.assert_allclose(
        drawn[body], env.observe().frames[0, -1].numpy().transpose(1, 2, 0)[body], atol=1e-6
    )


def test_tracked_observation_reads_the_true_state():
    env = _env()
    seen, info = env.reset()
    bodies, basket, ball = seen[:, :18].reshape(3, 3, 6), *info["states"][:, 1:, :2].swapaxes(0, 1)
    np.testing.assert_allclose(bodies[:, 1:, :2] * 5 + 5, info["states"][:, 1:, :2], atol=0.03)
    np.testing.assert_allclose(bodies[:, 2, 2] * 5, info["states"][:, 2, 3], atol=0.1)
    assert (seen[:, -1] == 1).all() and (bodies[..., 5] == 1).all()
    offset, direction, distance = seen[:, 20:22], seen[:, 22:24], seen[:, 24]
    np.testing.assert_allclose(offset * 5, ball - basket, atol=0.05)
    np.testing.assert_allclose(distance * 5, np.linalg.norm(ball - basket, axis=-1), atol=0.05)
    np.testing.assert_allclose(direction * distance[:, None], offset, atol=1e-6)
    assert (seen[:, 30:-1] == 0).all()  # from the ball to the target, which is the ball
    assert (encode("tracked", CATCH, env.observe()) == seen).all()


def test_tracked_observation_tells_where_the_goal_is_from_each_body():
    env = WorldVectorEnv(num_envs=2, task="Strike")
    seen, info = env.reset(seed=3)
    goal, places = env.observe().goal.numpy(), info["states"][..., :2]
    pairs = seen[:, 14:-1].reshape(2, 6, 5)  # blue, red, goal disc, target: six pairs
    for row, (first, second) in enumerate(((places[:, 0], places[:, 1]), (places[:, 0], goal))):
        np.testing.assert_allclose(pairs[:, row, :2] * 5, second - first, atol=0.05)
    np.testing.assert_allclose(pairs[:, 3, :2] * 5, goal - places[:, 1], atol=0.05)
    assert (pairs[:, 2] == 0).all()  # the target is the blue ball


def test_observations_carry_the_past_and_hide_the_truth():
    env = _env()
    env.reset()
    env.step(np.full((3, 1), 0.7))
    env.step(np.full((3, 1), -0.3))
    plain, privileged = env.observe(), env.observe(privileged=True)
    assert plain.scenes is None and plain.past is None
    np.testing.assert_allclose(plain.actions[0, :, 0], [0.0, 0.7, -0.3], atol=1e-6)
    np.testing.assert_allclose(privileged.past[0, :, 0], [0, 0, 0, 0.7, -0.3])
    assert isinstance(privileged.scenes[0], Scene) and (plain.time_left == 46).all()


def test_run_episodes_plays_each_start_once_in_equal_batches():
    env = _env(n=2, history=True)
    starts = [CATCH.sample("id", i) for i in range(3)]
    policy = Still([1.2], privileged=True)
    played = run_episodes(env, policy, starts)
    assert [e.start.start_id for e in played] == [0, 1, 2] and (
        episode_keys(starts) == [e.key for e in played]
    ).all()
    for e in played:
        assert e.actions.shape == (e.frames, 1) and len(e.pictures) == e.frames + 4
        assert e.tracks["position"].shape == (e.frames + 4, 3, 2)
    alone = run_episodes(_env(n=2), Still([1.2]), starts[1:2])[0]
    assert (alone.success, alone.frames) == (played[1].success, played[1].frames)
    assert alone.miss == pytest.approx(played[1].miss, abs=1e-5)


def test_stable_baselines_view():
    env = WorldVecEnv(4, task=CATCH, world="analytic", seed=0)
    env.seed(3)
    first = env.reset()
    env.seed(3)
    assert (env.reset() == first).all()
    for _ in range(40):
        seen, reward, done, infos = env.step(np.zeros((4, 1), dtype=np.float32))
        if done.any():
            break
    row = int(np.flatnonzero(done)[0])
    assert infos[row]["terminal_observation"].shape == seen[row].shape and seen[row][-1] == 1.0
    assert infos[row]["TimeLimit.truncated"] is False and infos[row]["is_success"] is False
    assert "terminal_observation" not in infos[int(np.flatnonzero(~done)[0])] if not done.all() else True
    assert reward.dtype == np.float32


def test_shaping_pays_for_a_nearer_miss_and_changes_nothing_else():
    """Over an episode it sums up to the way that the miss went, whatever happened in between."""
    actions = np.random.default_rng(0).uniform(-2, 2, (48, 3, 2))
    pair = [WorldVectorEnv("Push", "box2d", 3, autoreset_mode="Disabled", shaping=s) for s in (0.0, 2.0)]
    seen, misses, totals = [], [], []
    for env in pair:
        env.reset(seed=3)
        misses.append(env.rollouts.outcome.miss.numpy().clip(0, 10))
        totals.append(sum(env.step(action)[1] for action in actions))
        seen.append(env.rollouts.track.position)
    final = pair[0].rollouts.outcome.miss.numpy().clip(0, 10)
    assert torch.equal(*seen)
    assert totals[1] - totals[0] == pytest.approx(2 * (misses[0] - final) / 10, abs=1e-5)
    assert np.abs(misses[0] - final).max() > 0.1
