"""One episode at a time: a thin view of `WorldVectorEnv` for Gymnasium."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode

from envs.base import Observation
from envs.vector import WorldVectorEnv


class WorldEnv(gymnasium.Env):
    """A `gymnasium.Env`; the arguments are those of `WorldVectorEnv`."""

    metadata: dict[str, Any] = {"render_modes": ["rgb_array", "human"], "render_fps": 10}

    def __init__(self, render_mode: str | None = None, **arguments: Any) -> None:
        self.vector = WorldVectorEnv(
            num_envs=1, autoreset_mode=AutoresetMode.DISABLED, render_mode=render_mode, **arguments
        )
        self.render_mode = render_mode
        self.observation_space = self.vector.single_observation_space
        self.action_space = self.vector.single_action_space
        self.factors = self.vector.factors

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """See `WorldVectorEnv.reset`."""
        super().reset(seed=seed)
        observation, info = self.vector.reset(seed=seed, options=options)
        return observation[0], _first(info)

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """See `WorldVectorEnv.step`."""
        action = np.asarray(action)
        observation, reward, terminated, truncated, info = self.vector.step(action[None])
        return observation[0], float(reward[0]), bool(terminated[0]), bool(truncated[0]), _first(info)

    def render(self) -> np.ndarray | None:
        """The present frame with the goal drawn, uint8 [H, W, 3]."""
        pictures = self.vector.render()
        return None if pictures is None else pictures[0]

    def close(self) -> None:
        """See `gymnasium.Env.close`."""
        self.vector.close()

    def observe(self, privileged: bool = False) -> Observation:
        """See `WorldVectorEnv.observe`."""
        return self.vector.observe(privileged)


def _first(info: dict[str, Any]) -> dict[str, Any]:
    """The infos of the only row."""
    return {name: value[0] for name, value in info.items() if not name.startswith("_")}
