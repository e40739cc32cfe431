"""`worldsim learn`: train a policy by reinforcement learning inside any world."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro


@dataclass
class Args:
    """Train a policy inside a world; an interrupted run goes on, a finished one is not repeated."""

    task: Annotated[str, tyro.conf.Positional] = "Catch"
    """A task, or your own as module:attribute."""
    world: str = "learned"
    """Where: learned (the task's shipped model), an engine, or a checkpoint's name or folder."""
    algo: Literal["ppo", "sac", "td3", "ppo_resident"] = "ppo"
    """The learning algorithm; ppo_resident stays on the world's device."""
    observation: Literal["tracked", "frames"] = "tracked"
    """What the policy sees."""
    frames: int = 300_000
    """Most frames of the world that training may use."""
    seed: int = 0
    """Names the starts and all draws."""
    start_from: Path | None = None
    """Folder of a finished policy to go on from, for example one trained in imagination; needs --out."""
    mix: str | None = None
    """A second world that answers a share of the rows, for example box2d; needs --out."""
    mix_share: float = 0.25
    """The share of the rows that --mix answers."""
    evaluate_every: int = 0
    """Frames between evaluations in the world of training and in --execute; 0 for none."""
    execute: str = "box2d"
    """Ground truth: where evaluations are replayed and the finished policy is tried out."""
    starts: int = 50
    """Development starts of an evaluation and of the final trial; 0 for no trial."""
    compare: Path | None = None
    """Folder of a run from scratch in ground truth: tell the ground-truth frames saved against it."""
    level: float = 0.8
    """Real success that --compare asks for."""
    out: Path | None = None
    """Folder of the run; by default where the bridge looks for it, under runs/learn."""


def main(args: Args) -> None:
    """Entry point of the verb."""
    from rich.console import Console

    _check(args)
    console = Console()
    policy, folder = _train(args, console)
    console.print(f"policy in {folder}")
    if args.starts:
        solved = _try_out(policy, policy.task, args)
        console.print(f"solves {solved} of {args.starts} development starts in {args.execute}")
    if args.evaluate_every:
        _tell_curve(args, folder, console)


def _check(args: Args) -> None:
    """Raise ValueError for options that do not go together, before anything is trained."""
    from envs.draws import reserved

    reserved(args.starts)
    if (args.start_from or args.mix) and args.out is None:
        raise ValueError("a run with --start-from or --mix is not one the bridge looks for; name its --out")
    if args.compare and not args.evaluate_every:
        raise ValueError("--compare needs this run's learning curve; add --evaluate-every FRAMES")
    if args.evaluate_every < 0 or (args.evaluate_every and not args.starts):
        raise ValueError(
            f"--evaluate-every is {args.evaluate_every} with {args.starts} --starts; expected frames above 0 "
            f"and at least 1 start"
        )
    if args.compare:
        from benchmarks.reports import curves

        curves.read(args.compare)


def _train(args: Args, console: Any) -> tuple[Any, Path]:
    """Train with a progress bar; the policy and its folder."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from agents.learning import Evaluate, Mix, train
    from benchmarks.episodes.specs import LEARNERS, Spec
    from benchmarks.episodes.workshop import Workshop
    from envs.tasks import make_task
    from worldsim.engines import ENGINES

    task = make_task(args.task)
    engine = args.world in ENGINES
    workshop = Workshop(None if engine or args.world == "learned" else args.world)
    named = next(name for name, made in LEARNERS.items() if made == (args.algo, args.observation))
    spec = Spec(named, args.world if engine else "learned")
    world = workshop.world(spec.prepared_in, task)
    folder = args.out or workshop.policy_file(spec, task)
    evaluate = Evaluate(args.evaluate_every, args.starts, args.execute) if args.evaluate_every else None
    mix = Mix(workshop.world(args.mix, task), args.mix_share) if args.mix else None
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        line = bar.add_task(f"{spec} on {task.name}", total=args.frames, note="")

        def listen(frames: int, solved: float) -> None:
            bar.update(line, completed=frames, note=f"{frames:,} frames, {solved:.0%} of the last 200 solved")

        policy = train(
            task,
            world,
            args.frames,
            args.seed,
            folder,
            report=listen,
            algo=args.algo,
            observation=args.observation,
            evaluate=evaluate,
            start_from=args.start_from,
            mix=mix,
        )
    return policy, folder


def _try_out(policy: Any, task: Any, args: Args) -> int:
    """How many of the last development starts, which training does not draw from, are solved."""
    from envs.draws import reserved
    from envs.episodes import run_episodes
    from envs.vector import WorldVectorEnv

    env = WorldVectorEnv(task, args.execute, num_envs=min(50, args.starts), autoreset_mode="Disabled")
    starts = [task.sample("id", i) for i in reserved(args.starts)]
    return sum(e.success for e in run_episodes(env, policy, starts))


def _tell_curve(args: Args, folder: Path, console: Any) -> None:
    """Draw the learning curve and tell where it parts from reality and what was saved."""
    from benchmarks.reports import curves

    rows = curves.read(folder)
    picture = folder / "curve.png"
    curves.draw(rows, picture, f"{args.algo} on {args.task}")
    parted = curves.parting(rows)
    where = "do not part" if parted is None else f"are apart from {parted:,} frames on"
    console.print(f"imagined and real success {where}: {picture}")
    if args.compare:
        console.print(str(curves.saving(curves.read(args.compare), rows, args.level)))
