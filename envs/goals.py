"""Tasks with a goal in the plane: one body must be inside a disc at the last frame."""

import torch
from torch import Tensor

from envs.base import Outcome, spoils
from envs.draws import Sampled
from worldsim.rendering import Looks, coverage
from worldsim.scenes import VIEW
from worldsim.tracking import LEFT, LOST, Track

TINT = (0.75, 0.95, 0.75)  #: what a goal makes of white


class ReachGoal(Sampled):
    """What such tasks share. The goal is the centre (2,) of the disc; its radius is the tolerance."""

    body: int  #: the one that must get there
    tolerance: float
    goal_size = 2

    def open(self, track: Track, goal: Tensor) -> Outcome:
        """See `Task.open`."""
        none = torch.zeros(len(goal), dtype=torch.bool, device=goal.device)
        zero = torch.zeros(len(goal), device=goal.device)
        return Outcome(none, none, spoils(track), self._miss(track, goal), zero)

    def judge(
        self, outcome: Outcome, before: Track, after: Track, goal: Tensor, time_left: Tensor
    ) -> Outcome:
        """Success or failure at the last frame; the reward there is 1 for success minus the miss / 10 m."""
        spoiled, miss, last = outcome.spoiled | spoils(after), self._miss(after, goal), time_left <= 0
        success = last & ~spoiled & (miss <= self.tolerance)
        reward = torch.where(last, success.float() - (miss / VIEW).clamp(max=1.0), torch.zeros_like(miss))
        return Outcome(success, last & ~success, spoiled, miss, reward)

    def _miss(self, track: Track, goal: Tensor) -> Tensor:
        """Distance of the body from the goal; out of view it is beyond twice the tolerance."""
        distance = (track.position[:, self.body] - goal.to(track.position)).square().sum(-1).sqrt().float()
        gone = (track.status[:, self.body] == LEFT) | (track.status[:, self.body] == LOST)
        return torch.nan_to_num(distance + gone * 3 * self.tolerance, nan=VIEW).clamp(max=2 * VIEW)

    def aim(self, track: Track, goal: Tensor) -> Tensor:
        """See `Task.aim`: the goal."""
        return goal.to(track.position)

    def paint(self, frames: Tensor, goal: Tensor) -> Tensor:
        """Frames [N, 3, H, W] with the goal as a pale green disc under the bodies."""
        size = torch.full((len(goal), 2), self.tolerance, device=frames.device)
        return tinted(frames, goal, size, box=False)


def tinted(frames: Tensor, centre: Tensor, half: Tensor, box: bool) -> Tensor:
    """Frames [N, 3, H, W] with a pale green disc or box at `centre` [N, 2] m, half sizes [N, 2] m."""
    n, device = len(centre), frames.device
    state = torch.zeros(n, 1, 6, device=device)
    state[:, 0, :2] = centre.to(frames)
    shape = Looks(
        torch.full((n, 1), box, device=device),
        half[:, None],
        torch.ones(n, 1, 3, device=device),
        torch.ones(n, 1, dtype=torch.bool, device=device),
    )
    tint = 1 - torch.tensor(TINT, device=device)[:, None, None]
    white = frames.amin(1, keepdim=True)  # share of each pixel that no body covers
    return frames - white * coverage(state, shape, frames.shape[-1]) * tint
