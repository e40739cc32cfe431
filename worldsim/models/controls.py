"""A model's actions as motion, (right, down) in pixels per frame."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from worldsim.models.channels import channels_of
from worldsim.scenes import DT, VIEW

UNIT = 4.0  #: pixels per frame that count as one


class Controls:
    """What launches and commands in actions [..., A] tell; nothing here is learned.

    Parameters
    ----------
    kinds, size, scale : kinds of controls with channels of their own, channels A of an action, and the
        magnitude (m/s) that counts as one
    resolution : side of pictures
    """

    def __init__(self, kinds: Sequence[str], size: int, scale: float, resolution: int) -> None:
        self.launches, self.commands = (channels_of(kinds, size, kind) for kind in ("launch", "velocity"))
        self.scale, self.pixels = scale, resolution * DT / VIEW

    def given(self, actions: Tensor) -> Tensor:
        """Whether there is a command other than zero among actions [B, T, A]: [B, 1, 1, 1], 0 or 1."""
        return (actions[..., self.commands] != 0).any(2).any(1).float()[:, None, None, None]

    def commanded(self, action: Tensor, fields: int) -> Tensor:
        """The motion [B, 2 fields, 1, 1] that the commands in actions [B, A] tell each field."""
        command = action[:, self.commands]
        right_up = F.pad(command, (0, 2 - command.shape[1])) * self.pixels
        return (right_up * right_up.new_tensor([1.0, -1.0])).repeat(1, fields)[..., None, None]

    def launched(self, matrices: Tensor, action: Tensor) -> Tensor:
        """The motion [B, C, h, w] that matrices [B, C · launches, h, w] make of the launches in actions
        [B, A]."""
        told = UNIT * action[:, None, self.launches, None, None] / self.scale
        return (matrices.unflatten(1, (-1, told.shape[2])) * told).sum(2)  # autocast leaves it be
