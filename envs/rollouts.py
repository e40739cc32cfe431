"""N episodes of one task side by side in one world: world -> frames -> tracker -> task.

All of it stays on the world's device: `play_tensor` takes and gives tensors, and NumPy is only met where
episodes begin (`begin`) and in the views made for the host (`play`, `over`, privileged observations).
"""

from collections import deque
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from envs.base import Observation, Outcome, Start, Task
from worldsim.pairs import make_tracker
from worldsim.rendering import to_uint8
from worldsim.scenes import VIEW
from worldsim.tracking import Track
from worldsim.worlds import World


class Rollouts:
    """Rows of running episodes. `begin` all of them first; then `play` decisions or begin some rows anew.

    Attributes
    ----------
    starts, keys
        Start and key of each row's present episode.
    outcome : Outcome
        How the present episodes stand.
    over, ended : [N] bool
        Rows whose episode has ended (an array, a tensor); they stay as they are until they begin anew.
    track, goal, left
        What is seen now, goals [N, G], and frames until the horizon [N] int64.
    frames_seen, tracks_seen
        With `history`: every frame (uint8 [N, H, W, 3]) and track since all rows began, context included.
    shaping
        Added to the reward for each 10 m by which a decision lessens the miss: what a learner hears before it
        has ever solved an episode (after Ng, Harada and Russell 1999, the potential being the miss).
    watch
        Called with the pictures [N, H, W, 3] uint8 of every new frame, goals drawn; None for nobody.
    """

    outcome: Outcome
    track: Track
    goal: Tensor
    left: Tensor

    def __init__(
        self, task: Task, world: World, rows: int, history: bool = False, shaping: float = 0.0
    ) -> None:
        self.task, self.world, self.rows, self.history, self.shaping = task, world, rows, history, shaping
        self.tracker = make_tracker(task.template, world.resolution)
        self.begun = False
        self.watch: Callable[[np.ndarray], None] | None = None
        self._size = len(task.bounds(task.levels[0])[0])

    def begin(self, rows: np.ndarray, starts: Sequence[Start], keys: np.ndarray) -> None:
        """Begin episodes in the given rows; `keys` [n] uint64 name their randomness."""
        fresh = len(rows) == self.rows
        context = self.world.reset([s.scene for s in starts], keys, None if fresh else rows.tolist())
        track = self.tracker.begin(context)
        goal = torch.as_tensor(np.stack([s.goal for s in starts]), dtype=torch.float32).to(context.device)
        if fresh:
            self._open(context, track, goal)
            self.starts, self.keys, self.begun = list(starts), keys, True
            return
        self._insert(rows, context, track, goal)
        self.keys[rows] = keys
        for row, start in zip(rows, starts):
            self.starts[row] = start

    @property
    def ended(self) -> Tensor:
        """[N] bool: rows whose episode has ended, on the device."""
        return self.outcome.over | (self.left <= 0)

    @property
    def over(self) -> np.ndarray:
        """[N] bool: rows whose episode has ended."""
        return self.ended.cpu().numpy()

    def play(self, actions: np.ndarray) -> np.ndarray:
        """One decision [N, A]: `stride` frames in the rows that are not over. Returns the rewards [N]."""
        command = torch.as_tensor(actions, dtype=torch.float64).to(self.goal.device)
        return self.play_tensor(command, stop=True).double().cpu().numpy()

    def play_tensor(self, actions: Tensor, stop: bool = False) -> Tensor:
        """As `play`, for actions [N, A] and rewards [N] on the world's device; nothing is copied to the host.

        An engine computes on the host, so its world reads the actions there all the same. With `stop` no
        frames are spent once all rows are over, which has to be waited for.
        """
        playing, before = ~self.ended, self.outcome.miss
        reward = torch.zeros(self.rows, device=self.goal.device)
        command = torch.where(playing[:, None], actions, torch.zeros_like(actions))
        for _ in range(self.task.stride):
            if stop and not playing.any():
                break
            self._advance(command)
            command = torch.zeros_like(command)
            self.left = self.left - playing.long()
            judged = self.task.judge(self.outcome, self._before, self.track, self.goal, self.left)
            self.outcome = judged.where(playing, self.outcome)
            reward = reward + torch.where(playing, judged.reward, torch.zeros_like(reward))
            playing = playing & ~self.ended
        return reward + self.shaping * _within(before).sub(_within(self.outcome.miss)) / VIEW

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
            past = torch.stack(self._log[-int(self._age[0]) :], 1).cpu().numpy()
        return Observation(
            frames=torch.stack(tuple(self._frames), 1),
            actions=torch.stack(tuple(self._recent), 1).float(),
            track=self.track,
            goal=self.goal,
            time_left=self.left,
            scenes=scenes,
            past=past,
        )

    def glimpse(self, pictures: bool) -> Observation:
        """As `observe`, but frames are stacked only where pictures are wanted."""
        if pictures:
            return self.observe()
        empty = self.goal.new_zeros(0)
        return Observation(empty, empty, self.track, self.goal, self.left)

    def picture(self) -> np.ndarray:
        """The present frames with the goals drawn, uint8 [N, H, W, 3]."""
        return to_uint8(self.task.paint(self._frames[-1], self.goal))

    def _open(self, context: Tensor, track: Track, goal: Tensor) -> None:
        """All rows begin."""
        n, k, size = self.rows, self.world.context_frames, self._size
        self._frames = deque(context.unbind(1), maxlen=k)
        none = torch.zeros((n, size), dtype=torch.float64, device=context.device)
        self._recent = deque([none] * (k - 1), maxlen=k - 1)
        self._log = [none] * (k - 1)
        self._age = np.full(n, k - 1)
        self.track, self.goal = track, goal
        self.left = torch.full((n,), self.task.frames, dtype=torch.int64, device=context.device)
        self.outcome = self.task.open(track, goal)
        if self.history:
            self.frames_seen = list(to_uint8(context.movedim(1, 0)))
            self.tracks_seen = self.tracker.follow(context)

    def _insert(self, rows: np.ndarray, context: Tensor, track: Track, goal: Tensor) -> None:
        """Some rows begin while the others go on."""
        device = context.device
        index = torch.as_tensor(rows, device=device)
        for t, frames in enumerate(context.unbind(1)):
            self._frames[t] = self._frames[t].index_copy(0, index, frames)
        self._recent = deque([a.index_fill(0, index, 0.0) for a in self._recent], maxlen=self._recent.maxlen)
        self._age[rows] = self.world.context_frames - 1
        self.left = self.left.index_fill(0, index, self.task.frames)
        self.goal = self.goal.index_copy(0, index, goal)
        source = torch.zeros(self.rows, dtype=torch.int64, device=device)
        source[index] = torch.arange(len(rows), device=device)
        begun = torch.zeros(self.rows, dtype=torch.bool, device=device)
        begun[index] = True
        self.track = track.select(source).where(begun, self.track)
        self.outcome = self.task.open(self.track, self.goal).where(begun, self.outcome)

    def _advance(self, command: Tensor) -> None:
        """One frame of the world, seen by the tracker."""
        frames = self.world.step(command)
        self._frames.append(frames)
        self._recent.append(command)
        self._log.append(command)
        self._age += 1
        if len(self._log) > self._age.max():
            del self._log[0]
        self._before, self.track = self.track, self.tracker.update(self.track, frames)
        if self.history:
            self.frames_seen.append(to_uint8(frames))
            self.tracks_seen.append(self.track)
        if self.watch is not None:
            self.watch(self.picture())


def _within(miss: Tensor) -> Tensor:
    """A miss in m, no larger than the view."""
    return torch.nan_to_num(miss, nan=VIEW).clamp(0, VIEW)
