"""Environments: rollouts of a task in a world as a `gymnasium.vector.VectorEnv`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from envs.base import Observation, Outcome, Start, Task
from envs.canvas import grid
from envs.draws import drawn
from envs.encode import encode, space
from envs.factors import Factor, change, checked, factors_of, read
from envs.rollouts import Rollouts
from envs.tasks import make_task
from envs.window import Window
from worldsim import keys as key
from worldsim.worlds import World, make_world

OPTIONS = ("starts", "keys", "level", "factors", "reset_mask")
ATTEMPTS = 100  #: starts drawn for an episode before changed factors are found not to fit


class WorldVectorEnv(VectorEnv):
    """N episodes of one task in one world.

    A step is one decision: `task.stride` frames of the world, the action on the first of them and nothing on
    the others. An episode is terminated by its task and truncated only where the horizon ends what the task
    did not. In the DISABLED mode rows that are over stay over until they are reset, whatever their actions.
    `factors` lists what varies between starts (see `envs.factors`), `info["factors"]` its values in each row.

    Parameters
    ----------
    task
        A task or its name.
    world
        "box2d", "mujoco", "analytic", "inertia", a checkpoint's name or folder, or a World (then used by
        this environment alone).
    level
        Level of the starts and of the action bounds.
    observation
        "tracked" or "frames", see `envs.encode.encode`.
    seed
        Names the starts that resets draw; `reset(seed=...)` sets it anew.
    render_mode
        "rgb_array" for `render`, "human" for a window that shows every frame of all rows as a grid.
    shaping
        Reward for each 10 m by which a decision lessens the miss, see `Rollouts`; none by default.
    history
        Keep every frame and track since the last full reset in `rollouts`, see `Rollouts`.

    Raises ValueError for an unknown task, world, level, observation or mode; with "human", ImportError
    without pygame and OSError without a display.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array", "human"], "render_fps": 10}

    def __init__(
        self,
        task: str | Task = "Strike",
        world: str | Path | World = "box2d",
        num_envs: int = 1,
        level: str = "id",
        observation: str = "tracked",
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        seed: int | None = None,
        render_mode: str | None = None,
        history: bool = False,
        shaping: float = 0.0,
    ) -> None:
        if num_envs < 1:
            raise ValueError(f"num_envs is {num_envs}; at least 1 episode is needed")
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ValueError(f"unknown render_mode {render_mode!r}; choose rgb_array, human or None")
        self.task, self.level, self.num_envs = make_task(task), level, num_envs
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {**self.metadata, "autoreset_mode": self.autoreset_mode}
        self.render_mode, self.observation = render_mode, observation
        self.world = make_world(world, self.task.template)
        self.factors: tuple[Factor, ...] = factors_of(self.task.template)
        self.rollouts = Rollouts(self.task, self.world, num_envs, history, shaping)
        self._window: Window | None = None
        if render_mode == "human":
            self._window = Window(f"{self.task.name} in {self.world.name}", self.metadata["render_fps"])
            self.rollouts.watch = self._show
        self._low, self._high = self.task.bounds(level)
        low, high = self._low, self._high
        self.single_action_space = spaces.Box(low.astype(np.float32), high.astype(np.float32))
        self.single_observation_space = space(
            observation, self.task, self.world.resolution, self.world.context_frames
        )
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        if seed is not None:
            super().reset(seed=seed)
        self._episodes = np.zeros(num_envs, dtype=np.int64)  # begun so far, for each row
        self._changes: list[dict[str, float]] = [{}] * num_envs  # factors that were set, for each row
        self._values: list[dict[str, float]] = [{}] * num_envs  # of all factors, for each row

    # ------------------------------------------------------------------ Gymnasium

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin episodes anew, all of them or those of `options["reset_mask"]` [N] bool.

        `options["starts"]` names the starts (one for each row that is reset), `options["keys"]` their keys
        [n] uint64; else starts are drawn from the development ones of `options["level"]` or the level of the
        environment. `options["factors"]` sets factors by name, for example {"gravity": 3.7}; a drawn start
        that they do not fit is replaced by the next one. When such a row begins anew by itself, its level and
        its factors stay; the next reset is another matter. Raises ValueError for other options, wrong
        lengths, starts of another task or of a level with other action bounds, and factors that do not fit.
        """
        super().reset(seed=seed)
        if seed is not None:
            self._episodes[:] = 0
        options = dict(options or {})
        if unknown := set(options) - set(OPTIONS):
            raise ValueError(f"unknown reset options {sorted(unknown)}; there are {', '.join(OPTIONS)}")
        mask = _mask(options.get("reset_mask"), self.num_envs)
        if not self.rollouts.begun and not mask.all():
            raise ValueError("reset all rows before some of them")
        rows = np.flatnonzero(mask)
        changes = checked(options.get("factors") or {}, self.factors)
        starts = options.get("starts")
        if starts is None:
            level = options.get("level", self.level)
            starts = [self._draw(row, level, changes) for row in rows.tolist()]
        else:
            self._check_starts(rows, starts := list(starts))
            starts = [self._changed(start, changes) for start in starts]
        self._begin(rows, starts, options.get("keys"))
        for row in rows:
            self._changes[row] = changes
        return self._encoded(), self._info(mask)

    def step(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """See `gymnasium.vector.VectorEnv.step`.

        Raises ValueError for actions of the wrong shape or not finite, RuntimeError before the first reset.
        """
        if not self.rollouts.begun:
            raise RuntimeError("reset comes before step")
        actions = self._checked(actions)
        over = self.over
        reward = self.rollouts.play(actions)
        terminated = self.outcome.over.cpu().numpy()
        truncated = self.over & ~terminated
        everything = np.ones(self.num_envs, dtype=bool)
        if self.autoreset_mode is AutoresetMode.NEXT_STEP and over.any():
            self._restart(over)
            terminated, truncated = terminated & ~over, truncated & ~over
        elif self.autoreset_mode is AutoresetMode.SAME_STEP and self.over.any():
            ended = self.over
            final = self._encoded()
            last = np.full(self.num_envs, None, dtype=object)
            for row in np.flatnonzero(ended):
                last[row] = final[row].copy()
            before = self._info(ended)
            self._restart(ended)
            info = self._info(everything)
            info |= {"final_obs": last, "_final_obs": ended, "final_info": before, "_final_info": ended}
            return self._encoded(), reward, terminated, truncated, info
        return self._encoded(), reward, terminated, truncated, self._info(everything)

    def render(self) -> tuple[np.ndarray, ...] | None:
        """The present frame of each row with the goal drawn, uint8 [H, W, 3]; None in other render modes."""
        if self.render_mode != "rgb_array" or not self.rollouts.begun:
            return None
        return tuple(self.rollouts.picture())

    def _show(self, pictures: np.ndarray) -> None:
        if self._window is not None:
            self._window.show(grid(tuple(pictures)))

    def close_extras(self, **kwargs: Any) -> None:
        """Close the window."""
        if self._window is not None:
            self._window.close()
            self._window = None

    # ------------------------------------------------------------------ policies

    def observe(self, privileged: bool = False) -> Observation:
        """See `Rollouts.observe`."""
        return self.rollouts.observe(privileged)

    @property
    def outcome(self) -> Outcome:
        """How the present episodes stand."""
        return self.rollouts.outcome

    @property
    def over(self) -> np.ndarray:
        """[N] bool: the present episodes that have ended."""
        return self.rollouts.over.copy()

    # ------------------------------------------------------------------ starts

    def _begin(self, rows: np.ndarray, starts: list[Start], keys: np.ndarray | None) -> None:
        """Begin episodes in some rows."""
        self._check_starts(rows, starts)
        if keys is None:
            episodes = self._episodes[rows]
            made = [key.make(s.task, s.level, s.start_id, int(e)) for s, e in zip(starts, episodes)]
            keys = np.array(made, dtype=np.uint64)
        keys = np.asarray(keys, dtype=np.uint64)
        if keys.shape != rows.shape:
            raise ValueError(f"options['keys'] have shape {keys.shape}; expected {rows.shape}")
        self._episodes[rows] += 1
        self.rollouts.begin(rows, starts, keys)
        for row, start in zip(rows, starts):
            self._values[row] = read(start.scene, self.factors)
        if self._window is not None:
            self._show(self.rollouts.picture())

    def _restart(self, mask: np.ndarray) -> None:
        """Begin rows anew, each at the level and with the factors that it was reset to."""
        rows = np.flatnonzero(mask)
        levels = [self.rollouts.starts[row].level for row in rows]
        starts = [self._draw(r, level, self._changes[r]) for r, level in zip(rows.tolist(), levels)]
        self._begin(rows, starts, None)

    def _draw(self, row: int, level: str, changes: Mapping[str, float]) -> Start:
        """A development start, named by the seed, the row and the number of its episode.

        Raises ValueError where none of many allows the changes.
        """
        name = key.make("starts", str(self.np_random_seed), row, int(self._episodes[row]))
        refused = ""
        for attempt in range(ATTEMPTS):
            start = self.task.sample(level, drawn(name, attempt))
            try:
                return self._changed(start, changes)
            except ValueError as error:
                refused = str(error)
        raise ValueError(f"none of {ATTEMPTS} starts of level {level!r} allows these factors; {refused}")

    def _changed(self, start: Start, changes: Mapping[str, float]) -> Start:
        if not changes:
            return start
        return replace(start, scene=change(start.scene, changes, self.factors))

    # ------------------------------------------------------------------ what goes in and out

    def _checked(self, actions: np.ndarray) -> np.ndarray:
        low, high = self._low, self._high
        shape = (self.num_envs, len(low))
        wanted = f"expected finite actions of shape {shape} between {low.tolist()} and {high.tolist()}"
        actions = np.asarray(actions, dtype=np.float64)
        if actions.shape != shape:
            raise ValueError(f"actions have shape {actions.shape}; {wanted}")
        if not np.isfinite(actions).all():
            raise ValueError(f"actions contain NaN or infinity; {wanted}")
        return np.clip(actions, low, high)

    def _check_starts(self, rows: np.ndarray, starts: Sequence[Start]) -> None:
        if len(starts) != len(rows):
            raise ValueError(f"{len(starts)} starts were given for {len(rows)} rows")
        for start in {(s.task, s.level): s for s in starts}.values():
            if start.task != self.task.name:
                raise ValueError(f"a start of {start.task} was given to {self.task.name}")
            if not np.array_equal(self.task.bounds(start.level), self.task.bounds(self.level)):
                raise ValueError(
                    f"starts of level {start.level!r} have other action bounds than level {self.level!r} of "
                    f"this environment; make one with level={start.level!r}"
                )

    def _encoded(self) -> np.ndarray:
        seen = self.rollouts.glimpse(pictures=self.observation == "frames")
        return encode(self.observation, self.task, seen)

    def _info(self, mask: np.ndarray) -> dict[str, Any]:
        """Infos by Gymnasium's rule: arrays over all rows, and under `_name` which rows they hold for."""
        outcome, starts = self.outcome, self.rollouts.starts
        info: dict[str, Any] = {
            "success": outcome.success.cpu().numpy(),
            "spoiled": outcome.spoiled.cpu().numpy(),
            "miss": outcome.miss.double().cpu().numpy(),
            "status": self.rollouts.track.status.cpu().numpy(),
            "start_id": np.array([s.start_id for s in starts]),
            "level": np.array([s.level for s in starts], dtype=object),
            "factors": np.array([dict(values) for values in self._values], dtype=object),
        }
        if self.world.states is not None:
            info["states"] = self.world.states
        return info | {f"_{name}": mask.copy() for name in info}


def _mask(mask: np.ndarray | None, rows: int) -> np.ndarray:
    """The reset mask, checked as Gymnasium does."""
    if mask is None:
        return np.ones(rows, dtype=bool)
    if not isinstance(mask, np.ndarray) or mask.shape != (rows,) or mask.dtype != np.bool_ or not mask.any():
        raise ValueError(
            f"options['reset_mask'] must be a numpy bool array of shape ({rows},), at least one True"
        )
    return mask
