"""Frames to states: where each body is, how large, and whether it is still there."""

from dataclasses import dataclass

from torch import Tensor

VISIBLE, LEFT, HIDDEN, LOST, DUPLICATED = range(5)
STATUS_NAMES = ("visible", "left", "hidden", "lost", "duplicated")


@dataclass(frozen=True)
class Track:
    """What is seen of N scenes with B bodies at one frame.

    `position` [N, B, 2] m and `velocity` [N, B, 2] m/s (last displacement / 0.1 s) keep their last values when
    a body is not visible; `size` [N, B] is the radius of a disc or the half width of a box in m, measured
    while the body was fully in view; `status` [N, B] int64 (VISIBLE, LEFT, HIDDEN, LOST, DUPLICATED).
    """

    position: Tensor
    velocity: Tensor
    size: Tensor
    status: Tensor

    def select(self, index: Tensor) -> "Track":
        """The rows named by `index` [M]."""
        return Track(self.position[index], self.velocity[index], self.size[index], self.status[index])

    def repeat(self, n: int) -> "Track":
        """Each row n times in a row."""
        return Track(*(t.repeat_interleave(n, 0) for t in (self.position, self.velocity, self.size, self.status)))
