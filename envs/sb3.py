"""Stable-Baselines3's view of `WorldVectorEnv`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.vec_env import VecEnv

from envs.vector import WorldVectorEnv


class WorldVecEnv(VecEnv):
    """A Stable-Baselines3 `VecEnv`; the arguments are those of `WorldVectorEnv`.

    The infos of a row that ended carry `terminal_observation`, `TimeLimit.truncated` and `is_success`.
    """

    def __init__(self, num_envs: int = 1, **arguments: Any) -> None:
        self.vector = WorldVectorEnv(num_envs=num_envs, autoreset_mode=AutoresetMode.SAME_STEP, **arguments)
        self.render_mode = self.vector.render_mode
        super().__init__(num_envs, self.vector.single_observation_space, self.vector.single_action_space)
        self._actions: np.ndarray = np.zeros((num_envs, 0))

    def reset(self) -> np.ndarray:
        """Begin all episodes; a seed set by `seed` is used once."""
        seed = self._seeds[0]
        options = self._options[0] or None
        self._reset_seeds()
        self._reset_options()
        observation, info = self.vector.reset(seed=seed, options=options)
        self.reset_infos = _rows(info, self.num_envs)
        return observation

    def step_async(self, actions: np.ndarray) -> None:
        """Keep the actions for `step_wait`."""
        self._actions = actions

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """One decision in every row; rows that end begin anew at once."""
        observation, reward, terminated, truncated, info = self.vector.step(self._actions)
        done = terminated | truncated
        final = info.pop("final_info", None)
        last = info.pop("final_obs", None)
        infos = _rows(info, self.num_envs)
        for row in np.flatnonzero(done).tolist():
            infos[row] = _row(final, row) | {
                "terminal_observation": last[row],
                "TimeLimit.truncated": bool(truncated[row]),
                "is_success": bool(final["success"][row]),
            }
        return observation, reward.astype(np.float32), done, infos

    def close(self) -> None:
        """See `VecEnv.close`."""
        self.vector.close()

    def get_images(self) -> Sequence[np.ndarray | None]:
        """The present frames with the goal drawn."""
        return self.vector.render() or [None] * self.num_envs

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """The environment's attribute, once for each row asked for."""
        value = getattr(self.vector, attr_name)
        return [value for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of the one environment behind all rows."""
        setattr(self.vector, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method once; its result is repeated for each row asked for."""
        value = getattr(self.vector, method_name)(*method_args, **method_kwargs)
        return [value for _ in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        """No row is wrapped."""
        return [False for _ in self._get_indices(indices)]


def _row(info: dict[str, Any], row: int) -> dict[str, Any]:
    return {name: value[row] for name, value in info.items() if not name.startswith("_")}


def _rows(info: dict[str, Any], rows: int) -> list[dict[str, Any]]:
    """One dictionary for each row."""
    return [_row(info, row) for row in range(rows)]
