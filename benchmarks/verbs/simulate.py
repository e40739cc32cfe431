"""`worldsim simulate`: a clip store of one scenario at one level."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks.results_io import write_text
from worldsim.clips import SHARD_SIZE, ClipSpec, ClipStore, generate
from worldsim.clips.generate import check
from worldsim.scenarios import get_scenario


@dataclass
class Args:
    """Simulate clips of one scenario at one level and store states, actions and scenes."""

    scenario: tyro.conf.Positional[str]
    """uniform, collision, oblique, launch, parabola, drop or catch"""
    level: str = "id"
    """id (in distribution), or the factor that leaves its range: size, speed, both, …"""
    engine: str = "box2d"
    """analytic, box2d or mujoco"""
    clips: int = 1000
    """how many clips"""
    frames: int | None = None
    """frames of a clip, 0.1 s apart; by default the scenario's own number"""
    seed: int = 0
    """other seeds give other scenes"""
    workers: Annotated[int, tyro.conf.arg(aliases=["-j"])] = 1
    """processes side by side; the result does not depend on it"""
    video: int = 0
    """also write an mp4 of this many clips, for people (never for training: the compression moves edges)"""
    out: Path | None = None
    """where to write; by default runs/simulate/<scenario>-<level>-<engine>-<frames>-seed<seed>"""


def main(args: Args) -> None:
    """Write the shards that are missing in the folder, then the videos."""
    frames = get_scenario(args.scenario).frames if args.frames is None else args.frames
    spec = ClipSpec(args.scenario, args.level, args.engine, frames, args.seed)
    check(spec, args.clips)
    name = f"{spec.scenario}-{spec.level}-{spec.engine}-{spec.frames}-seed{spec.seed}"
    folder = args.out if args.out is not None else Path("runs/simulate") / name
    write_config(folder, spec)
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(f"{name}: clips", total=args.clips)
        for done in generate(folder, spec, args.clips, args.workers):
            progress.update(task, completed=done)
    write_videos(folder, min(args.video, args.clips))
    console.print(f"{args.clips} clips in {folder}", soft_wrap=True)


def write_config(folder: Path, spec: ClipSpec) -> None:
    """Write the resolved config first. Raises ValueError when the folder belongs to other clips."""
    file, config = folder / "config.json", {"verb": "simulate", **asdict(spec)}
    if not file.exists():
        write_text(file, json.dumps(config, indent=1) + "\n")
    elif (found := json.loads(file.read_text())) != config:
        differ = "; ".join(f"{k} {found.get(k)}, not {v}" for k, v in config.items() if found.get(k) != v)
        raise ValueError(f"{file} describes other clips ({differ}); choose another --out")


def write_videos(folder: Path, count: int) -> None:
    """An mp4 of each of the first `count` clips, 256 pixels wide and in real time, in `<folder>/video`."""
    if count == 0:
        return
    from benchmarks.reports.videos import mp4  # torch and the encoder are imported only when asked for
    from worldsim.clips.pictures import frames_of
    from worldsim.rendering import to_uint8

    (folder / "video").mkdir(exist_ok=True)
    for clips in ClipStore(folder):
        rows = range(min(count - SHARD_SIZE * clips.index, len(clips)))
        for row in rows:
            number = SHARD_SIZE * clips.index + row
            frames = to_uint8(frames_of(clips, [row], resolution=256)[0])
            (folder / "video" / f"{number:05d}.mp4").write_bytes(mp4(frames))
