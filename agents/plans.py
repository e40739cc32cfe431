"""What a plan's numbers do: for each kind of control, the way from a plan to the actions of every frame.

A plan is [M, A]: M pieces, each held for some decisions. Planners move plans about; worlds want an action for
every frame. `KINDS` says how one becomes the other, how a running plan is read back into pieces that begin
now, and how the slope of a cost by actions becomes its slope by plans.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from agents.regions import Region
from worldsim.scenes import RELEASE


@dataclass(frozen=True)
class Layout:
    """How the pieces of a plan lie over the frames that are imagined.

    Attributes
    ----------
    frames
        Frames imagined, H.
    stride
        Frames of a decision.
    piece
        Decisions of a piece.
    """

    frames: int
    stride: int
    piece: int

    @property
    def pieces(self) -> int:
        """M; the last piece may be cut short."""
        return -(-self.frames // (self.stride * self.piece))

    @property
    def index(self) -> np.ndarray:
        """The piece that each frame belongs to, [H]."""
        return np.arange(self.frames) // self.stride // self.piece

    @property
    def decides(self) -> np.ndarray:
        """[H] bool: a decision begins at this frame."""
        return np.arange(self.frames) % self.stride == 0


class Kind(Protocol):
    """How plans [..., M, A] act through one kind of control; see `worldsim.scenes.Control`."""

    def region(self, low: np.ndarray, high: np.ndarray) -> Region:
        """Where the pieces of a plan may lie, from the bounds of an action, each [A]."""
        ...

    def actions(self, plans: np.ndarray, layout: Layout) -> np.ndarray:
        """The actions at every frame [..., H, A] of plans [..., M, A]."""
        ...

    def plans(self, actions: np.ndarray, layout: Layout) -> np.ndarray:
        """Plans [..., M, A] that go on with actions [..., T, A], T >= H, of which the first is due now."""
        ...

    def slopes(self, slopes: np.ndarray, layout: Layout) -> np.ndarray:
        """Slopes by plans [..., M, A] from slopes by actions [..., H, A]: the chain rule."""
        ...


class Held:
    """`velocity`: each piece is a command that is held."""

    def region(self, low: np.ndarray, high: np.ndarray) -> Region:
        """See `Kind.region`."""
        return Region(low, high, disc=False)

    def actions(self, plans: np.ndarray, layout: Layout) -> np.ndarray:
        """See `Kind.actions`."""
        return plans[..., layout.index, :]

    def plans(self, actions: np.ndarray, layout: Layout) -> np.ndarray:
        """See `Kind.plans`; a piece takes the mean of the commands that it replaces."""
        decided = actions[..., :: layout.stride, :]
        cuts = [slice(m * layout.piece, (m + 1) * layout.piece) for m in range(layout.pieces)]
        return np.stack([decided[..., cut, :].mean(axis=-2) for cut in cuts], axis=-2)

    def slopes(self, slopes: np.ndarray, layout: Layout) -> np.ndarray:
        """See `Kind.slopes`."""
        first = np.searchsorted(layout.index, np.arange(layout.pieces))
        return np.add.reduceat(slopes, first, axis=-2)


class Launched(Held):
    """`launch`: each piece is a push at the first frame of every decision."""

    def region(self, low: np.ndarray, high: np.ndarray) -> Region:
        """See `Kind.region`; the length of a push is limited."""
        return Region(low, high, disc=True)

    def actions(self, plans: np.ndarray, layout: Layout) -> np.ndarray:
        """See `Kind.actions`."""
        return super().actions(plans, layout) * layout.decides[:, None]

    def slopes(self, slopes: np.ndarray, layout: Layout) -> np.ndarray:
        """See `Kind.slopes`."""
        return super().slopes(slopes * layout.decides[:, None], layout)


class Carried(Held):
    """`carry`: each piece holds a velocity, and the first piece says when the load is released.

    The second number of a plan is the share of the remaining frames after which the load is released, in
    [0, 1]; 1 is never. The second number of an action is 1 from that frame on and 0 before. A step has no
    slope: a gradient moves the velocities alone, and releases stay as they were drawn.
    """

    def region(self, low: np.ndarray, high: np.ndarray) -> Region:
        """See `Kind.region`."""
        return Region(np.array([low[0], 0.0]), np.array([high[0], 1.0]), disc=False)

    def actions(self, plans: np.ndarray, layout: Layout) -> np.ndarray:
        """See `Kind.actions`."""
        actions = super().actions(plans, layout)  # a copy: the index is an array
        release = np.rint(plans[..., 0, 1] * layout.frames)
        actions[..., 1] = np.arange(layout.frames) >= release[..., None]
        return actions

    def plans(self, actions: np.ndarray, layout: Layout) -> np.ndarray:
        """See `Kind.plans`."""
        plans = super().plans(actions, layout)
        released = actions[..., : layout.frames, 1] > RELEASE
        first = np.where(released.any(-1), released.argmax(-1), layout.frames)
        plans[..., 1] = first[..., None] / layout.frames
        return plans

    def slopes(self, slopes: np.ndarray, layout: Layout) -> np.ndarray:
        """See `Kind.slopes`."""
        slopes = super().slopes(slopes, layout)
        slopes[..., 1] = 0.0
        return slopes


class Placed(Launched):
    """`place`: each piece is a place, told at the first frame of a decision; zero places nothing."""

    def region(self, low: np.ndarray, high: np.ndarray) -> Region:
        """See `Kind.region`."""
        return Region(low, high, disc=False)


KINDS: dict[str, Kind] = {"launch": Launched(), "velocity": Held(), "carry": Carried(), "place": Placed()}


def kind_of(control_kind: str) -> Kind:
    """How plans act through a kind of control. Raises ValueError, listing what exists."""
    if control_kind not in KINDS:
        raise ValueError(f"no plans for the control {control_kind!r}; there are plans for {', '.join(KINDS)}")
    return KINDS[control_kind]
