"""`worldsim play`: a person acts in a world, with ground truth beside it where it is asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import tyro

if TYPE_CHECKING:
    from envs.controls import Inputs
    from envs.session import Session

FPS = 10  #: frames per second of the world: real time
SUFFIXES = (".gif", ".mp4")


@dataclass(frozen=True)
class Args:
    """Act in a world: drag to launch, arrow keys or mouse to steer; space for the next start, q to quit."""

    task: Annotated[str, tyro.conf.Positional] = "Strike"
    """A task, or your own as module:attribute."""
    world: str = "learned"
    """Where: learned (the task's shipped model), an engine, a checkpoint's folder, or your own."""
    beside: str | None = None
    """A world beside it under the same actions: box2d or mujoco for ground truth."""
    level: str = "id"
    """Level of the starts."""
    start: int = 0
    """Number of the first start."""
    record: Path | None = None
    """A .gif or .mp4 file for what was seen."""


def main(args: Args) -> None:
    """Entry point of the verb. Raises ImportError without pygame, OSError without a display."""
    from rich.console import Console

    from benchmarks.episodes.workshop import Workshop
    from envs.session import Session
    from envs.tasks import make_task
    from envs.window import Window

    if args.record is not None and args.record.suffix not in SUFFIXES:
        raise ValueError(f"--record {args.record} has no known suffix; take {' or '.join(SUFFIXES)}")
    window = Window(f"worldsim {args.task}", FPS)
    workshop, task = Workshop(), make_task(args.task)
    world = workshop.world(args.world, task)
    beside = None if args.beside is None else workshop.world(args.beside, task)
    session = Session(task, world, beside, args.level, args.start)
    try:
        seen = play(session, window.inputs, window.show, keep=args.record is not None)
    finally:
        window.close()
        session.close()
    Console().print(f"{session.solved} of {session.played} starts solved in {args.world}")
    if args.record is not None and seen:
        write(args.record, seen)
        Console().print(f"recorded: {args.record}", soft_wrap=True)


def play(
    session: "Session",
    inputs: "Callable[[], Inputs]",
    show: Callable[[np.ndarray], None],
    keep: bool = False,
) -> list[np.ndarray]:
    """Tick until someone quits; the pictures, where they are to be kept."""
    seen: list[np.ndarray] = []
    while not (done := inputs()).quit:
        picture = session.tick(done)
        show(picture)
        if keep:
            seen.append(picture)
    return seen


def write(path: Path, pictures: list[np.ndarray]) -> None:
    """Write pictures uint8 [H, W, 3] of one size as an animation in real time."""
    import imageio.v3 as iio

    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".gif":
        iio.imwrite(path, np.stack(pictures), duration=1000 / FPS, loop=0)
    else:
        iio.imwrite(path, np.stack(pictures), plugin="FFMPEG", fps=FPS, codec="libx264", macro_block_size=2)
