"""The same start under the same actions in several worlds, side by side."""

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from worldsim.rendering import to_uint8
from worldsim.scenes import Scene
from worldsim.worlds import World

_SIZE, _GAP, _HEAD = 256, 8, 24  # pixels: side of a panel, gap, height of the label
_PAPER, _INK, _ALARM = (244, 244, 244), (30, 30, 30), (196, 60, 0)
Paint = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Panel:
    """A world's label, its frames [T, 3, H, W] in [0, 1] and the frame at which they part from the truth."""

    label: str
    frames: Tensor
    divergence: int | None = None


@torch.no_grad()
def replay(world: World, scene: Scene, actions: np.ndarray, seed: np.uint64) -> Tensor:
    """Frames [K + T, 3, H, W] of a scene under actions [T, A], whatever happens; `seed` is the row's key."""
    frames = list(world.reset([scene], np.array([seed]))[0])
    frames += [world.step(action[None])[0] for action in actions]
    return torch.stack(frames).cpu()


def side_by_side(panels: list[Panel], paint: Paint | None = None) -> np.ndarray:
    """Panels next to one another: uint8 [T, H, W, 3] with labels, frame numbers and divergence marked.

    `paint` draws the goal under the bodies of frames [N, 3, H, W]. Raises ValueError when lengths differ.
    """
    lengths = {len(p.frames) for p in panels}
    if len(lengths) != 1:
        raise ValueError(f"panels have {sorted(lengths)} frames; side by side they need equal numbers")
    return np.stack([_picture(panels, t, paint) for t in range(lengths.pop())])


def _picture(panels: list[Panel], t: int, paint: Paint | None) -> np.ndarray:
    width = len(panels) * (_SIZE + _GAP) + _GAP
    picture = Image.new("RGB", (width + width % 2, _SIZE + _HEAD + _GAP), _PAPER)
    pen = ImageDraw.Draw(picture)
    for i, panel in enumerate(panels):
        left = _GAP + i * (_SIZE + _GAP)
        apart = panel.divergence is not None and t >= panel.divergence
        picture.paste(_enlarged(panel.frames[t], paint), (left, _HEAD))
        pen.rectangle(
            (left - 2, _HEAD - 2, left + _SIZE + 1, _HEAD + _SIZE + 1),
            outline=_ALARM if apart else _INK,
            width=2,
        )
        pen.text((left, 5), panel.label, fill=_INK, font=_font())
        text = f"frame {t}" + f", apart at {panel.divergence}" * apart
        pen.text((left + _SIZE, 5), text, fill=_ALARM if apart else _INK, font=_font(), anchor="ra")
    return np.asarray(picture)


def _enlarged(frame: Tensor, paint: Paint | None) -> Image.Image:
    """A frame [3, H, W] at panel size, with the goal painted at that size."""
    size = (_SIZE, _SIZE)
    large = torch.nn.functional.interpolate(frame[None], size, mode="bicubic", antialias=True).clamp(0, 1)
    return Image.fromarray(to_uint8(large if paint is None else paint(large))[0])


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


def still(picture: np.ndarray) -> bytes:
    """One picture uint8 [H, W, 3] as WebP, for a video's poster and for print."""
    data = io.BytesIO()
    Image.fromarray(picture).save(data, "WEBP", quality=70, method=4)
    return data.getvalue()


def data_uri(data: bytes, kind: str = "video/mp4") -> str:
    """Bytes as a data: address."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
