"""The same start under the same actions in several worlds, side by side."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from worldsim.rendering import to_uint8
from worldsim.scenes import VIEW, Scene
from worldsim.tracking import LOST, VISIBLE, Track
from worldsim.worlds import World

DIVERGED = 0.5  #: m; bodies farther apart than this have parted
_SIZE, _GAP, _HEAD = 256, 8, 24  # pixels: side of a panel, gap, height of the label
_PAPER, _INK, _ALARM = (244, 244, 244), (30, 30, 30), (196, 60, 0)
_GOAL = np.array([0.55, 0.85, 0.60])


@dataclass(frozen=True)
class Panel:
    """A world's label, its frames [T, 3, H, W] in [0, 1] and the frame at which they part from the truth."""

    label: str
    frames: Tensor
    divergence: int | None = None


@dataclass(frozen=True)
class Replay:
    """N scenes played open-loop: `frames` [N, K + T, 3, H, W] and, where there is a truth behind them, the
    true `states` [N, T, B, 6] of the T frames after the context."""

    frames: Tensor
    states: np.ndarray | None


@torch.no_grad()
def replay(world: World, scenes: Sequence[Scene], actions: np.ndarray, keys: np.ndarray) -> Replay:
    """Start scenes in a world and answer actions [N, T, A], whatever happens."""
    frames, states = list(world.reset(scenes, keys).unbind(1)), []
    for t in range(actions.shape[1]):
        frames.append(world.step(actions[:, t]))
        states.append(world.states)
    truth = None if states[0] is None else np.stack(states, 1)
    return Replay(torch.stack(frames, 1).cpu(), truth)


def divergence(
    tracks: list[Track], truth: np.ndarray, first: int = 0, bodies: list[int] | None = None
) -> np.ndarray:
    """The first frame at which a tracked body is more than 0.5 m from the true one, [N]; -1 where none.

    `tracks` are the T frames of N scenes, `truth` [N, T, B, 6]. A true body with its centre in view that
    is lost or duplicated in the picture has parted as well; a body that is out of view in either is not
    judged. `first` is the number of the first frame given.
    """
    position = torch.stack([t.position for t in tracks], 1).cpu().numpy()  # [N, T, B, 2]
    status = torch.stack([t.status for t in tracks], 1).cpu().numpy()
    inside = ((truth[..., :2] > 0) & (truth[..., :2] < VIEW)).all(-1)
    far = np.hypot(*np.moveaxis(position - truth[..., :2], -1, 0)) > DIVERGED
    apart = inside & (((status == VISIBLE) & far) | (status >= LOST))
    if bodies is not None:
        apart = apart[..., bodies]
    apart = apart.any(-1)
    return np.where(apart.any(1), apart.argmax(1) + first, -1)


def side_by_side(panels: list[Panel], goal: tuple[float, float, float] | None = None) -> np.ndarray:
    """Panels next to one another: uint8 [T, H, W, 3] with labels, frame numbers and divergence marked.

    `goal` is (x, y, radius) in m and drawn under the bodies. Raises ValueError when lengths differ.
    """
    lengths = {len(p.frames) for p in panels}
    if len(lengths) != 1:
        raise ValueError(f"panels have {sorted(lengths)} frames; side by side they need equal numbers")
    return np.stack([_picture(panels, t, goal) for t in range(lengths.pop())])


def _picture(panels: list[Panel], t: int, goal: tuple[float, float, float] | None) -> np.ndarray:
    width = len(panels) * (_SIZE + _GAP) + _GAP
    picture = Image.new("RGB", (width + width % 2, _SIZE + _HEAD + _GAP), _PAPER)
    pen = ImageDraw.Draw(picture)
    for i, panel in enumerate(panels):
        left = _GAP + i * (_SIZE + _GAP)
        apart = panel.divergence is not None and t >= panel.divergence
        picture.paste(_enlarged(panel.frames[t], goal), (left, _HEAD))
        pen.rectangle(
            (left - 2, _HEAD - 2, left + _SIZE + 1, _HEAD + _SIZE + 1),
            outline=_ALARM if apart else _INK,
            width=2,
        )
        pen.text((left, 5), panel.label, fill=_INK, font=_font())
        note = f"apart since {panel.divergence}" if apart else ""
        text = f"{note}   frame {t}" if note else f"frame {t}"
        pen.text((left + _SIZE, 5), text, fill=_ALARM if apart else _INK, font=_font(), anchor="ra")
    return np.asarray(picture)


def _enlarged(frame: Tensor, goal: tuple[float, float, float] | None) -> Image.Image:
    """A frame [3, H, W] at panel size, with the goal in place of the white behind the bodies."""
    large = Image.fromarray(to_uint8(frame)).resize((_SIZE, _SIZE), Image.Resampling.BICUBIC)
    if goal is None:
        return large
    colors = np.asarray(large) / 255.0
    centres = (np.arange(_SIZE) + 0.5) * VIEW / _SIZE
    range_ = np.hypot(centres[None] - goal[0], centres[::-1, None] - goal[1])
    disc = np.clip((goal[2] - range_) * _SIZE / VIEW + 0.5, 0, 1)[..., None]
    white = colors.min(-1, keepdims=True)
    return Image.fromarray(((colors - white * disc * (1 - _GOAL)) * 255).round().astype(np.uint8))


@cache
def _font() -> ImageFont.FreeTypeFont:
    from matplotlib import get_data_path

    return ImageFont.truetype(Path(get_data_path()) / "fonts/ttf/DejaVuSans.ttf", 13)


def mp4(frames: np.ndarray, fps: int = 10) -> bytes:
    """H.264 of frames uint8 [T, H, W, 3]; 10 frames a second is real time."""
    import imageio.v3 as iio

    return iio.imwrite(
        "<bytes>",
        frames,
        extension=".mp4",
        plugin="FFMPEG",
        fps=fps,
        codec="libx264",
        macro_block_size=2,
        output_params=["-crf", "26", "-preset", "slow", "-movflags", "+faststart"],
    )


def webp(frames: np.ndarray, fps: int = 10) -> bytes:
    """Animated WebP of frames uint8 [T, H, W, 3], for the README."""
    images = [Image.fromarray(f) for f in frames]
    data = io.BytesIO()
    images[0].save(
        data,
        "WEBP",
        save_all=True,
        append_images=images[1:],
        duration=1000 // fps,
        loop=0,
        quality=60,
        method=4,
    )
    return data.getvalue()


def data_uri(data: bytes, kind: str = "video/mp4") -> str:
    """Bytes as a data: address."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
