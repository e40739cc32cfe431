"""Rows in two worlds at once, for learners of the Dyna kind (Sutton 1991): some imagined, some real."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import VecEnv

from envs.sb3 import WorldVecEnv


class Mixture(VecEnv):
    """The rows of several `WorldVecEnv` one after the other: those of the first world come first.

    Raises ValueError where their spaces differ.
    """

    def __init__(self, parts: Sequence[WorldVecEnv]) -> None:
        self.parts, first = list(parts), parts[0]
        for part in self.parts:
            mine, other = (
                (first.observation_space, first.action_space),
                (part.observation_space, part.action_space),
            )
            if mine != other:
                raise ValueError(f"worlds with the spaces {mine} and {other} cannot be mixed")
        self.render_mode = first.render_mode
        self._ends = np.cumsum([part.num_envs for part in self.parts])
        super().__init__(int(self._ends[-1]), first.observation_space, first.action_space)

    def reset(self) -> np.ndarray:
        """Begin all episodes; a seed and options that were set are used once, another seed in each world."""
        seed = self._seeds[0]
        for i, part in enumerate(self.parts):
            part.seed(None if seed is None else seed + i)
            part.set_options(self._options[0])
        self._reset_seeds()
        self._reset_options()
        observation = np.concatenate([part.reset() for part in self.parts])
        self.reset_infos = [info for part in self.parts for info in part.reset_infos]
        return observation

    def step_async(self, actions: np.ndarray) -> None:
        """Give each world the actions of its rows."""
        for part, some in zip(self.parts, np.split(actions, self._ends[:-1])):
            part.step_async(some)

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """One decision in every row of every world."""
        told = [part.step_wait() for part in self.parts]
        observation, reward, done = (np.concatenate([t[i] for t in told]) for i in range(3))
        return observation, reward, done, [info for t in told for info in t[3]]

    def close(self) -> None:
        """See `VecEnv.close`."""
        for part in self.parts:
            part.close()

    def get_images(self) -> Sequence[np.ndarray | None]:
        """The present frames with the goal drawn."""
        return [image for part in self.parts for image in part.get_images()]

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """The attribute in the world of each row asked for."""
        values = [value for part in self.parts for value in part.get_attr(attr_name)]
        return [values[i] for i in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute in all worlds; rows of one world share it."""
        for part in self.parts:
            part.set_attr(attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method once in each world; its result is repeated for each row asked for."""
        told = [
            value
            for part in self.parts
            for value in part.env_method(method_name, *method_args, **method_kwargs)
        ]
        return [told[i] for i in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        """No row is wrapped on its own."""
        return [False for _ in self._get_indices(indices)]
