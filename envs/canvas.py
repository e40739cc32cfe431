"""Pictures for people: frames enlarged, side by side, with words and an arrow."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

GAP, LINE = 8, 20  #: pixels between pictures; height of a line of words
PAPER, INK = (244, 244, 244), (30, 30, 30)


def enlarge(frame: np.ndarray, side: int) -> np.ndarray:
    """A frame uint8 [H, W, 3] at `side` pixels or the next smaller multiple of its own size."""
    times = max(1, side // frame.shape[0])
    return frame.repeat(times, 0).repeat(times, 1)


def grid(frames: Sequence[np.ndarray], side: int = 512) -> np.ndarray:
    """Frames of one size uint8 [H, W, 3] in rows and columns, about `side` pixels wide in all."""
    columns = int(np.ceil(np.sqrt(len(frames))))
    large = [enlarge(frame, side // columns) for frame in frames]
    high, wide = large[0].shape[:2]
    rows = -(-len(frames) // columns)
    shape = (rows * (high + GAP) - GAP, columns * (wide + GAP) - GAP, 3)
    canvas = np.broadcast_to(np.array(PAPER, dtype=np.uint8), shape).copy()
    for i, frame in enumerate(large):
        y, x = i // columns * (high + GAP), i % columns * (wide + GAP)
        canvas[y : y + high, x : x + wide] = frame
    return canvas


def sheet(frames: Sequence[np.ndarray], labels: Sequence[str], words: str) -> np.ndarray:
    """Enlarged frames next to one another, each under its label, with a line of words below; even sizes."""
    high, wide = frames[0].shape[:2]
    size = (len(frames) * (wide + GAP) - GAP, high + 2 * LINE)
    canvas = Image.new("RGB", (size[0] + size[0] % 2, size[1] + size[1] % 2), PAPER)
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(13)
    for i, (frame, label) in enumerate(zip(frames, labels)):
        canvas.paste(Image.fromarray(frame), (i * (wide + GAP), LINE))
        pen.text((i * (wide + GAP) + 2, 2), label, fill=INK, font=font)
    pen.text((2, high + LINE + 2), words, fill=INK, font=font)
    return np.asarray(canvas)


def arrow(picture: np.ndarray, tail: tuple[float, float], head: tuple[float, float]) -> np.ndarray:
    """The picture with an arrow between two places (x, y) in pixels."""
    canvas = Image.fromarray(picture)
    pen, direction = ImageDraw.Draw(canvas), np.subtract(head, tail)
    length = float(np.hypot(*direction))
    if length < 1:
        return picture
    ahead = direction / length
    side = np.array([-ahead[1], ahead[0]])
    barbs = [np.asarray(head) - 12 * ahead + way * 6 * side for way in (1, -1)]
    pen.line([*tail, *head], fill=INK, width=3)
    pen.polygon([tuple(head), *(tuple(map(float, b)) for b in barbs)], fill=INK)
    return np.asarray(canvas)
