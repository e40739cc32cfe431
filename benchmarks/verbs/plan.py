"""`worldsim plan`: plan a few starts in one world, execute in another, and show what was imagined."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import tyro

if TYPE_CHECKING:
    import torch

    from agents.imagination import Imagination
    from agents.planner import Planner
    from benchmarks.episodes.workshop import Workshop
    from envs.base import Observation, Start, Task
    from worldsim.tracking import Track


@dataclass
class Args:
    """Plan in one world and execute in another."""

    task: Annotated[str, tyro.conf.Positional] = "Strike"
    """A task, or your own as module:attribute."""
    world: str = "learned"
    """Where it plans: learned (the task's shipped model), an engine, or a checkpoint's name or folder."""
    planner: Literal["shooting", "cem", "icem", "mppi", "gradient"] = "cem"
    """How it plans; gradient needs a learned world."""
    execute: str = "box2d"
    """Where the plans are carried out."""
    level: str = "id"
    """Level of the starts."""
    starts: int = 8
    """How many starts."""
    first: int = 0
    """The first start_id; those below 10,000 are for development."""
    out: Path | None = None
    """Folder for the picture; runs/plan/<task>-<planner>-<world> if not given."""


class Recorder:
    """An imagination that keeps the paths of all candidates: T positions [C, B, 2] m for each iteration.

    `report` is told the number of rows at every frame imagined.
    """

    def __init__(self, inner: "Imagination", report: Callable[[int], Any]) -> None:
        self.inner, self.name, self.device = inner, inner.name, inner.device
        self.differentiable, self.report = inner.differentiable, report
        self.paths: list[list[np.ndarray]] = []

    def begin(self, observation: "Observation", keys: np.ndarray, copies: int) -> "Track":
        """See `Imagination.begin`."""
        self.paths.append([])
        return self._keep(self.inner.begin(observation, keys, copies))

    def step(self, actions: "np.ndarray | torch.Tensor") -> "Track":
        """See `Imagination.step`."""
        self.report(len(actions))
        return self._keep(self.inner.step(actions))

    def keep(self, index: np.ndarray) -> None:
        """See `Imagination.keep`."""
        self.inner.keep(index)

    def _keep(self, track: "Track") -> "Track":
        self.paths[-1].append(track.position.detach().cpu().numpy())
        return track


def main(args: Args) -> None:
    """Entry point of the verb."""
    from rich.console import Console

    from benchmarks.episodes.workshop import Workshop
    from envs.tasks import make_task

    if args.starts < 1:
        raise ValueError(f"starts is {args.starts}; at least 1 is needed")
    task, console = make_task(args.task), Console()
    workshop = Workshop(None if args.world == "learned" else args.world)
    starts = [task.sample(args.level, args.first + i) for i in range(args.starts)]
    policy, recorder, episodes = _run(args, task, workshop, starts, console)
    console.print(_table(args, policy, episodes))
    folder = args.out or Path("runs/plan") / f"{task.name}-{args.planner}-{Path(args.world).name}"
    folder.mkdir(parents=True, exist_ok=True)
    if len(starts) > 1:  # one row alone, so that every candidate's whole path is at hand
        policy, recorder, episodes = _run(args, task, workshop, starts[:1], console)
    path = folder / f"{args.level}-{args.first}.png"
    _draw(path, task, starts[0], recorder, episodes[0])
    console.print(f"candidates of start {args.first}: {path}")


def _run(
    args: Args, task: "Task", workshop: "Workshop", starts: "list[Start]", console: Any
) -> "tuple[Planner, Recorder, list]":
    """Play some starts side by side, with a bar of the frames imagined so far."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from agents.planners import config_for, make_planner
    from envs.episodes import run_episodes
    from envs.vector import WorldVectorEnv

    policy = make_planner(args.planner, task, workshop.world("learned", task), level=args.level)
    env = WorldVectorEnv(
        task,
        args.execute,
        num_envs=len(starts),
        level=args.level,
        autoreset_mode="Disabled",
        history=True,
    )
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,} frames imagined")
    most = len(starts) * config_for(args.planner, task).max_frames
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
        line = bar.add_task(f"{args.planner} in {policy.prepared_in}, {len(starts)} starts", total=most)
        policy.where = recorder = Recorder(policy.where, lambda rows: bar.advance(line, rows))
        episodes = run_episodes(env, policy, starts)
    return policy, recorder, episodes


def _table(args: Args, policy: "Planner", episodes: list) -> Any:
    """What the latest plan of each start promised, and what came of it."""
    from rich.table import Table

    title = (
        f"{args.task}, {args.level}: planned by {args.planner} in {args.world}, executed in {args.execute}"
    )
    table = Table(
        "start", "imagined miss, m", "real miss, m", "imagined", "real", "frames imagined", title=title
    )
    for i, episode in enumerate(episodes):
        table.add_row(
            str(episode.start.start_id),
            f"{policy.imagined.miss[i]:.2f}",
            f"{episode.miss:.2f}",
            "solved" if policy.imagined.success[i] else "missed",
            "solved" if episode.success else "missed",
            f"{policy.frames_imagined[i]:,}",
        )
    table.add_section()
    imagined, real = policy.imagined.success.mean(), np.mean([e.success for e in episodes])
    table.add_row("all", "", "", f"{imagined:.0%}", f"{real:.0%}", f"{policy.frames_imagined.sum():,}")
    return table


def _draw(path: Path, task: "Task", start: "Start", recorder: Recorder, episode: Any) -> None:
    """Candidates' imagined paths, later iterations darker, and what really happened."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from worldsim.scenes import PALETTE, VIEW

    figure, axis = plt.subplots(figsize=(5, 5), layout="constrained")
    for i, steps in enumerate(recorder.paths):
        shade = 0.15 + 0.45 * (i + 1) / len(recorder.paths)
        paths = np.stack(steps, axis=1)  # [C, T, B, 2]
        for b, body in enumerate(task.template.bodies):
            if body.motion != "fixed":
                axis.plot(*paths[:, :, b].transpose(2, 1, 0), color=PALETTE[body.color], alpha=shade, lw=0.5)
    for b, body in enumerate(task.template.bodies):
        if body.motion != "fixed":
            real = episode.tracks["position"][:, b]
            axis.plot(*real.T, color="black", lw=2.5)
            axis.plot(
                *real.T, color=PALETTE[body.color], lw=1.5, marker="o", ms=2, label=f"{body.color}, executed"
            )
    if task.stride == task.frames:  # a goal in the plane; the other task's goal is the basket
        axis.add_patch(
            plt.Circle(tuple(start.goal[:2]), task.tolerance, color="green", alpha=0.2, label="goal")
        )
    axis.set(xlim=(0, VIEW), ylim=(0, VIEW), aspect="equal", xlabel="x, m", ylabel="y, m")
    axis.set_title(f"{task.name} start {start.start_id}: {'solved' if episode.success else 'missed'}")
    axis.legend(loc="upper right", fontsize="small")
    figure.savefig(path, dpi=150)
    plt.close(figure)
