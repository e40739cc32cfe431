"""Tasks about where a ball comes down through a line: at a body, or at a place."""

import torch
from torch import Tensor

from envs.base import Outcome, opened, spoils
from envs.draws import Sampled
from worldsim.scenes import VIEW
from worldsim.tracking import LEFT, LOST, Track

UNSEEN = 10.0  #: m, added to the miss while no crossing has been seen


class Crossing(Sampled):
    """What such tasks share. A goal begins with the height of the line and the tolerance, both in m.

    Each downward crossing of the line is a chance, or only the first one where `once` is set; the miss is the
    smallest distance in x between the ball and where it should be at a crossing.
    """

    ball: int
    once = False
    tolerance: float
    goal_size = 2

    def place(self, track: Track, goal: Tensor) -> Tensor:
        """Where the ball should come down, x [N] m."""
        raise NotImplementedError

    def aim(self, track: Track, goal: Tensor) -> Tensor:
        """See `Task.aim`: where the ball was last seen."""
        return track.position[:, self.ball]

    def open(self, track: Track, goal: Tensor) -> Outcome:
        """See `Task.open`."""
        return opened(track, UNSEEN + self._apart(track, goal))

    def judge(
        self, outcome: Outcome, before: Track, after: Track, goal: Tensor, time_left: Tensor
    ) -> Outcome:
        """Success at a downward crossing within the tolerance; failure when the ball has left or time is up.

        The reward comes at each crossing: 1 for success minus a quarter of the distance in m (at most 1);
        a ball that was never seen to cross costs 1 at the end.
        """
        spoiled = outcome.spoiled | spoils(after)
        crosses, apart = self._crossing(before, after, goal)
        best = torch.where(outcome.miss < UNSEEN, outcome.miss, torch.full_like(outcome.miss, torch.inf))
        best = torch.where(crosses, torch.minimum(best, apart), best)
        left = after.status[:, self.ball] == LEFT
        # nobody knows where a ball is that went out of view: all plans that lose it are equally bad
        open_miss = UNSEEN + torch.where(left, torch.full_like(best, VIEW), self._apart(after, goal))
        success = crosses & ~spoiled & (apart <= self.tolerance)
        failure = ~success & (left | (time_left <= 0) | (crosses & self.once))
        reward = crosses * (success.float() - (apart / 4).clamp(max=1.0)) - (failure & best.isinf()).float()
        return Outcome(success, failure, spoiled, torch.where(best.isinf(), open_miss, best), reward)

    def _crossing(self, before: Track, after: Track, goal: Tensor) -> tuple[Tensor, Tensor]:
        """Whether the ball came down through the line [N], and how far in x from its place [N] m."""
        seen = torch.ones_like(before.status[:, self.ball], dtype=torch.bool)
        for track in (before, after):
            for status in (LEFT, LOST):
                seen &= track.status[:, self.ball] != status
        line = goal[:, 0].to(after.position)
        high, low = before.position[:, self.ball, 1], after.position[:, self.ball, 1]
        share = ((high - line) / (high - low).clamp(min=1e-6)).clamp(0, 1)
        dx = [t.position[:, self.ball, 0] - self.place(t, goal) for t in (before, after)]
        apart = (dx[0] + share * (dx[1] - dx[0])).abs().float()
        return seen & (high > line) & (low <= line), torch.nan_to_num(apart, nan=VIEW)

    def _apart(self, track: Track, goal: Tensor) -> Tensor:
        """Distance in x between the ball and its place [N], m."""
        dx = (track.position[:, self.ball, 0] - self.place(track, goal)).abs().float()
        return torch.nan_to_num(dx, nan=VIEW).clamp(max=VIEW)

    def paint(self, frames: Tensor, goal: Tensor) -> Tensor:
        """Bodies show where the ball should come down: nothing is drawn."""
        return frames
