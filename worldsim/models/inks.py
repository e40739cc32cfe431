"""Pictures as inks: how much red, blue and black colour lies on the white of each pixel.

The colours of the pictures (`worldsim.scenes.PALETTE`) take different parts of the light from white, so the
three amounts and the three channels tell the same. A grey is a thin black, sky a thin blue: a body of
one ink moves as one piece.
"""

import torch
from torch import Tensor

INKS = 3
BLACK = 2  #: its place among them


def to_inks(frames: Tensor) -> Tensor:
    """Inks [..., 3, H, W], red, blue and black, of frames [..., 3, H, W] in [-1, 1]."""
    r, g, b = ((1 - frames) / 2).unbind(-3)
    return torch.stack([g - r, g - b, r + b - g], -3)


def to_frames(inks: Tensor) -> Tensor:
    """Frames [..., 3, H, W] of inks: what `to_inks` undoes; in [-1, 1] if the inks are those of a picture."""
    red, blue, black = inks.unbind(-3)
    return 1 - 2 * torch.stack([blue + black, red + blue + black, red + black], -3)
