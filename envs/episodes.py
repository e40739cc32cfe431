"""Playing a policy from given starts, each once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from envs.base import Start
from envs.vector import WorldVectorEnv
from worldsim import keys as key
from worldsim.tracking import Track


@dataclass(frozen=True)
class Episode:
    """What came of one start.

    `frames` counts the frames after the context until the end, `actions` [decisions, A] what was decided,
    `miss` is in m. With an environment that keeps its history, `pictures` [T, H, W, 3] uint8 and `tracks`
    (`position` [T, B, 2] m, `velocity` [T, B, 2] m/s, `status` [T, B]) run from the first context frame to
    the end.
    """

    start: Start
    key: np.uint64
    success: bool
    miss: float
    spoiled: bool
    reward: float
    frames: int
    actions: np.ndarray
    pictures: np.ndarray | None = None
    tracks: dict[str, np.ndarray] = field(default_factory=dict)


def episode_keys(starts: Sequence[Start]) -> np.ndarray:
    """The key [N] uint64 of each start's episode: the same in every world, for every policy and sample."""
    return np.array([key.make(s.task, s.level, s.start_id, 0) for s in starts], dtype=np.uint64)


def world_keys(keys: np.ndarray, samples: Sequence[int] | int = 0) -> np.ndarray:
    """What names the executing world's own draws [N] uint64, for episode keys [N] and a sample for each.

    Samples differ in these draws alone; policies, and the worlds that planners imagine in, draw from other
    streams of the same episode (`policy_keys`).
    """
    each = np.broadcast_to(np.asarray(samples, dtype=np.int64), np.shape(keys))
    folded = [key.fold(keys[i : i + 1], "world", int(s))[0] for i, s in enumerate(each)]
    return np.array(folded, dtype=np.uint64)


def policy_keys(keys: np.ndarray) -> np.ndarray:
    """What names all draws of the policy [N] uint64, a planner's imagination included, for episode keys."""
    return key.fold(keys, "policy")


def run_episodes(
    env: WorldVectorEnv,
    policy: Any,
    starts: Sequence[Start],
    keys: np.ndarray | None = None,
    samples: Sequence[int] | int = 0,
) -> list[Episode]:
    """Play each start once, in batches of `env.num_envs` rows.

    Parameters
    ----------
    env
        An environment with autoreset DISABLED, of the starts' task and level.
    policy
        See `agents.base.Policy`.
    keys : [N] uint64
        Name all randomness of each episode; by default `episode_keys(starts)`.
    samples
        Which of the executing world's own samples each start meets, see `world_keys`.

    The last batch is filled up with repeats, so that all batches have equal shape. Raises ValueError in
    another autoreset mode.
    """
    if env.autoreset_mode.name != "DISABLED":
        raise ValueError(
            f"run_episodes needs autoreset_mode DISABLED; this environment has {env.autoreset_mode.name}"
        )
    keys = episode_keys(starts) if keys is None else np.asarray(keys, dtype=np.uint64)
    noise = world_keys(keys, samples)
    episodes: list[Episode] = []
    for first in range(0, len(starts), env.num_envs):
        rows = np.minimum(np.arange(first, first + env.num_envs), len(starts) - 1)
        played = _play(env, policy, [starts[r] for r in rows], keys[rows], noise[rows])
        episodes += played[: len(starts) - first]
    return episodes


def _play(
    env: WorldVectorEnv, policy: Any, starts: list[Start], keys: np.ndarray, noise: np.ndarray
) -> list[Episode]:
    env.reset(options={"starts": starts, "keys": noise})
    policy.reset(range(env.num_envs), policy_keys(keys))
    decisions, reward, alive = [], np.zeros(env.num_envs), []
    while not env.over.all():
        alive.append(~env.over)
        decisions.append(np.asarray(policy.act(env.observe(privileged=policy.privileged)), dtype=np.float64))
        reward += env.step(decisions[-1])[1]
    taken = np.stack(alive, 1).sum(1)
    actions = np.stack(decisions, 1)
    outcome, left = env.outcome, env.observe().time_left.cpu().numpy()
    return [
        Episode(
            start=starts[i],
            key=keys[i],
            success=bool(outcome.success[i]),
            miss=float(outcome.miss[i]),
            spoiled=bool(outcome.spoiled[i]),
            reward=float(reward[i]),
            frames=int(env.task.frames - left[i]),
            actions=actions[i, : taken[i]],
            **_history(env, i, env.world.context_frames + int(env.task.frames - left[i])),
        )
        for i in range(env.num_envs)
    ]


def _history(env: WorldVectorEnv, row: int, frames: int) -> dict[str, Any]:
    """Pictures and tracks of one row, where the environment keeps them."""
    if not env.rollouts.history:
        return {}
    names = ("position", "velocity", "size", "status")

    def along(track: Track, name: str) -> np.ndarray:
        return getattr(track, name)[row].cpu().numpy()

    tracks = {name: np.stack([along(t, name) for t in env.rollouts.tracks_seen[:frames]]) for name in names}
    return {"pictures": np.stack([f[row] for f in env.rollouts.frames_seen[:frames]]), "tracks": tracks}
