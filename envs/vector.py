"""Environments: world -> frames -> tracker -> task, N episodes side by side."""

from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from torch import Tensor

from envs.base import Observation, Outcome, Start, Task
from envs.encode import encode, space
from envs.tasks import make_task
from worldsim import keys as key
from worldsim.rendering import to_uint8
from worldsim.scenes import Scene
from worldsim.tracking import Track, Tracker
from worldsim.worlds import World, make_world

TRAINING_STARTS = 1000  #: resets without given starts draw from the start_ids below
OPTIONS = ("starts", "keys", "level", "reset_mask")


class WorldVectorEnv(VectorEnv):
    """N episodes of one task in one world.

    A step is one decision: `task.stride` frames of the world, the action on the first of them and nothing on
    the others. An episode is terminated by its task and truncated only where the horizon ends what the task
    did not. In the DISABLED mode rows that are over stay over until they are reset, whatever their actions.

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
    history
        Keep every frame and track since the last full reset in `frames_seen` (uint8 [N, H, W, 3]) and
        `tracks_seen`, context included.

    Raises ValueError for an unknown task, world, level, observation or mode.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 10}

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
    ) -> None:
        if num_envs < 1:
            raise ValueError(f"num_envs is {num_envs}; at least 1 episode is needed")
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ValueError(f"unknown render_mode {render_mode!r}; choose rgb_array or None")
        self.task, self.level, self.num_envs = make_task(task), level, num_envs
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {**self.metadata, "autoreset_mode": self.autoreset_mode}
        self.render_mode, self.observation, self.history = render_mode, observation, history
        self.world = make_world(world, self.task.template)
        self.tracker = Tracker(self.task.template, self.world.resolution)
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
        self._over = np.zeros(num_envs, dtype=bool)
        self._episodes = np.zeros(num_envs, dtype=np.int64)  # begun so far, for each row
        self._opened = False

    # ------------------------------------------------------------------ Gymnasium

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin episodes anew, all of them or those of `options["reset_mask"]` [N] bool.

        `options["starts"]` names the starts (one for each row that is reset), `options["keys"]` their keys
        [n] uint64; else starts are drawn from the development ones of `options["level"]` or the level of the
        environment. Raises ValueError for other options, wrong lengths, or starts of another task or of a
        level with other action bounds.
        """
        super().reset(seed=seed)
        if seed is not None:
            self._episodes[:] = 0
        options = dict(options or {})
        if unknown := set(options) - set(OPTIONS):
            raise ValueError(f"unknown reset options {sorted(unknown)}; there are {', '.join(OPTIONS)}")
        mask = _mask(options.get("reset_mask"), self.num_envs)
        if not self._opened and not mask.all():
            raise ValueError("reset all rows before some of them")
        rows = np.flatnonzero(mask)
        starts = options.get("starts")
        if starts is None:
            starts = self._draw(rows, options.get("level", self.level))
        self._begin(rows, list(starts), options.get("keys"))
        return self._encoded(), self._info(mask)

    def step(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """See `gymnasium.vector.VectorEnv.step`.

        Raises ValueError for actions of the wrong shape or not finite, RuntimeError before the first reset.
        """
        if not self._opened:
            raise RuntimeError("reset comes before step")
        actions = self._checked(actions)
        over = self._over.copy()
        reward = self._play(actions)
        terminated, truncated = self._ends()
        self._over = terminated | truncated
        everything = np.ones(self.num_envs, dtype=bool)
        if self.autoreset_mode is AutoresetMode.NEXT_STEP and over.any():
            self._restart(over)
            terminated, truncated = terminated & ~over, truncated & ~over
        elif self.autoreset_mode is AutoresetMode.SAME_STEP and self._over.any():
            ended = self._over.copy()
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
        """The present frame of each row with the goal drawn, uint8 [H, W, 3]; None without a render mode."""
        if self.render_mode is None or not self._opened:
            return None
        return tuple(to_uint8(self.task.paint(self._frames[-1], self._goal)))

    # ------------------------------------------------------------------ policies

    def observe(self, privileged: bool = False) -> Observation:
        """What policies see now; `privileged` adds the true scenes and every action since t = 0.

        Raises RuntimeError for privileged observations of rows of unequal age.
        """
        scenes, past = None, None
        if privileged:
            if len(set(self._age)) > 1:
                raise RuntimeError(
                    "privileged observations need rows of equal age; reset them together (DISABLED)"
                )
            scenes = tuple(s.scene for s in self.starts)
            past = np.stack(self._log[-int(self._age[0]) :], axis=1)
        return Observation(
            frames=torch.stack(tuple(self._frames), 1),
            actions=torch.as_tensor(np.stack(tuple(self._recent), 1), dtype=torch.float32).to(
                self.world.device
            ),
            track=self._track,
            goal=self._goal,
            time_left=self._left,
            scenes=scenes,
            past=past,
        )

    @property
    def outcome(self) -> Outcome:
        """How the present episodes stand."""
        return self._outcome

    @property
    def over(self) -> np.ndarray:
        """[N] bool: the present episodes that have ended."""
        return self._over.copy()

    # ------------------------------------------------------------------ the loop

    def _begin(self, rows: np.ndarray, starts: list[Start], keys: np.ndarray | None) -> None:
        """Begin episodes in some rows."""
        self._check_starts(rows, starts)
        fresh = len(rows) == self.num_envs
        if keys is None:
            episodes = self._episodes[rows]
            made = [key.make(s.task, s.level, s.start_id, int(e)) for s, e in zip(starts, episodes)]
            keys = np.array(made, dtype=np.uint64)
        keys = np.asarray(keys, dtype=np.uint64)
        if keys.shape != rows.shape:
            raise ValueError(f"options['keys'] have shape {keys.shape}; expected {rows.shape}")
        self._episodes[rows] += 1
        scenes: list[Scene] = [s.scene for s in starts]
        context = self.world.reset(scenes, keys, None if fresh else rows.tolist())
        track = self.tracker.begin(context)
        goal = torch.as_tensor(np.stack([s.goal for s in starts]), dtype=torch.float32).to(context.device)
        self._open(rows, starts, keys, context, track, goal) if fresh else self._insert(
            rows, starts, keys, context, track, goal
        )
        self._opened = True

    def _open(
        self,
        rows: np.ndarray,
        starts: list[Start],
        keys: np.ndarray,
        context: Tensor,
        track: Track,
        goal: Tensor,
    ) -> None:
        """All rows begin."""
        n, k, size = self.num_envs, self.world.context_frames, len(self._low)
        self.starts, self.keys = starts, keys
        self._frames = deque(context.unbind(1), maxlen=k)
        self._recent = deque([np.zeros((n, size)) for _ in range(k - 1)], maxlen=k - 1)
        self._log = [np.zeros((n, size)) for _ in range(k - 1)]
        self._age = np.full(n, k - 1)
        self._track, self._goal = track, goal
        self._left = torch.full((n,), self.task.frames, dtype=torch.int64, device=context.device)
        self._outcome = self.task.open(track, goal)
        self._over = np.zeros(n, dtype=bool)
        if self.history:
            self.frames_seen = list(to_uint8(context.movedim(1, 0)))
            self.tracks_seen = self.tracker.follow(context)

    def _insert(
        self,
        rows: np.ndarray,
        starts: list[Start],
        keys: np.ndarray,
        context: Tensor,
        track: Track,
        goal: Tensor,
    ) -> None:
        """Some rows begin while the others go on."""
        device = context.device
        index = torch.as_tensor(rows, device=device)
        for t, frames in enumerate(context.unbind(1)):
            self._frames[t] = self._frames[t].index_copy(0, index, frames)
        self.keys[rows] = keys
        for row, start in zip(rows, starts):
            self.starts[row] = start
        self._recent = deque([_zeroed(a, rows) for a in self._recent], maxlen=self._recent.maxlen)
        self._age[rows], self._over[rows] = self.world.context_frames - 1, False
        self._left = self._left.index_fill(0, index, self.task.frames)
        self._goal = self._goal.index_copy(0, index, goal)
        source = torch.zeros(self.num_envs, dtype=torch.int64, device=device)
        source[index] = torch.arange(len(rows), device=device)
        begun = torch.zeros(self.num_envs, dtype=torch.bool, device=device)
        begun[index] = True
        self._track = track.select(source).where(begun, self._track)
        self._outcome = self.task.open(self._track, self._goal).where(begun, self._outcome)

    def _play(self, actions: np.ndarray) -> np.ndarray:
        """One decision: `stride` frames in the rows that are not over. Returns the rewards [N]."""
        playing = torch.as_tensor(~self._over, device=self._goal.device)
        reward = torch.zeros(self.num_envs, device=self._goal.device)
        command = np.where(self._over[:, None], 0.0, actions)
        for _ in range(self.task.stride):
            if not playing.any():
                break
            self._advance(command)
            command = np.zeros_like(command)
            self._left = self._left - playing.long()
            judged = self.task.judge(self._outcome, self._before, self._track, self._goal, self._left)
            self._outcome = judged.where(playing, self._outcome)
            reward = reward + torch.where(playing, judged.reward, torch.zeros_like(reward))
            playing = playing & ~self._outcome.over & (self._left > 0)
        return reward.double().cpu().numpy()

    def _advance(self, command: np.ndarray) -> None:
        """One frame of the world, seen by the tracker."""
        frames = self.world.step(command)
        self._frames.append(frames)
        self._recent.append(command)
        self._log.append(command)
        self._age += 1
        if len(self._log) > self._age.max():
            del self._log[0]
        self._before, self._track = self._track, self.tracker.update(self._track, frames)
        if self.history:
            self.frames_seen.append(to_uint8(frames))
            self.tracks_seen.append(self._track)

    def _ends(self) -> tuple[np.ndarray, np.ndarray]:
        """Terminated and truncated [N]."""
        terminated = self._outcome.over.cpu().numpy()
        return terminated, (self._left <= 0).cpu().numpy() & ~terminated

    def _restart(self, mask: np.ndarray) -> None:
        rows = np.flatnonzero(mask)
        self._begin(rows, self._draw(rows, self.level), None)

    def _draw(self, rows: np.ndarray, level: str) -> list[Start]:
        """Development starts, named by the seed, the row and the number of its episode."""
        seed = str(self.np_random_seed)
        names = [key.make("starts", seed, int(r), int(self._episodes[r])) for r in rows]
        return [self.task.sample(level, int(n % np.uint64(TRAINING_STARTS))) for n in names]

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
        return encode(self.observation, self.task, self._look())

    def _look(self) -> Observation:
        """As `observe`, but frames are stacked only where they are shown."""
        if self.observation == "frames":
            return self.observe()
        empty = self._goal.new_zeros(0)
        return Observation(empty, empty, self._track, self._goal, self._left)

    def _info(self, mask: np.ndarray) -> dict[str, Any]:
        """Infos by Gymnasium's rule: arrays over all rows, and under `_name` which rows they hold for."""
        info: dict[str, Any] = {
            "success": self._outcome.success.cpu().numpy(),
            "spoiled": self._outcome.spoiled.cpu().numpy(),
            "miss": self._outcome.miss.double().cpu().numpy(),
            "status": self._track.status.cpu().numpy(),
            "start_id": np.array([s.start_id for s in self.starts]),
            "level": np.array([s.level for s in self.starts], dtype=object),
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


def _zeroed(actions: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """A copy with zeros in some rows."""
    actions = actions.copy()
    actions[rows] = 0.0
    return actions
