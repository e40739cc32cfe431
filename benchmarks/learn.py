"""`worldsim learn`: train a policy by reinforcement learning inside any world."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro


@dataclass
class Args:
    """Train a policy inside a world; an interrupted run goes on, a finished one is not repeated."""

    task: Annotated[str, tyro.conf.Positional] = "Catch"
    """Strike or Catch."""
    world: str = "learned"
    """Where: learned (the task's shipped model), an engine, or a checkpoint's name or folder."""
    algo: Literal["ppo"] = "ppo"
    """The learning algorithm."""
    frames: int = 300_000
    """Most frames of the world that training may use."""
    seed: int = 0
    """Names the starts and all draws."""
    execute: str = "box2d"
    """World in which the finished policy is tried out."""
    starts: int = 50
    """Development starts on which it is tried out; 0 for none."""
    out: Path | None = None
    """Folder of the run; by default where the bridge looks for it, under runs/learn."""


def main(args: Args) -> None:
    """Entry point of the verb."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from agents import ppo
    from benchmarks.specs import Spec, Workshop
    from envs.tasks import make_task
    from worldsim.engines import ENGINES

    task = make_task(args.task)
    engine = args.world in ENGINES
    workshop = Workshop(None if engine or args.world == "learned" else args.world)
    spec = Spec(args.algo, args.world if engine else "learned")
    world = workshop.world(spec.prepared_in, task)
    folder = args.out or workshop.policy_file(spec, task)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
    )
    console = Console()
    with Progress(*columns, console=console) as bar:
        line = bar.add_task(f"{spec} on {task.name}", total=args.frames, note="")

        def listen(frames: int, solved: float) -> None:
            bar.update(line, completed=frames, note=f"{frames:,} frames, {solved:.0%} of the last 200 solved")

        policy = ppo.train(task, world, args.frames, args.seed, folder, report=listen)
    console.print(f"policy in {folder}")
    if args.starts:
        solved = _try_out(policy, task, args)
        console.print(f"solves {solved} of {args.starts} development starts in {args.execute}")


def _try_out(policy, task, args: Args) -> int:
    """How many of the last development starts, which training does not draw from, are solved."""
    from envs.draws import DEVELOPMENT_IDS
    from envs.episodes import run_episodes
    from envs.vector import WorldVectorEnv

    ids = range(DEVELOPMENT_IDS - args.starts, DEVELOPMENT_IDS)
    env = WorldVectorEnv(task, args.execute, num_envs=min(50, args.starts), autoreset_mode="Disabled")
    return sum(e.success for e in run_episodes(env, policy, [task.sample("id", i) for i in ids]))
