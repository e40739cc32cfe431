"""`worldsim demo`: the whole loop in minutes, with the shipped models.

Plans in imagination on both tasks, trains a short PPO in imagination on one of them, replays everything in
Box2D and MuJoCo, and writes a report in which this small sample stands beside the reference results.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import results_io
from benchmarks.episodes.learners import train
from benchmarks.episodes.playing import Cell
from benchmarks.episodes.protocol import Protocol
from benchmarks.episodes.records import EpisodeRecord
from benchmarks.episodes.specs import WORLDS, Spec
from benchmarks.episodes.workers import Job, play_all
from benchmarks.episodes.workshop import Workshop

TASKS = ("Strike", "Catch")
PLANNED = ("noop", "reactive", "cem@box2d", "cem@learned")
TRAINED = Spec("ppo", "learned")
TRAINED_ON = "Catch"
FRAMES = 150_000  #: imagined frames of a whole demo, at most


@dataclass(frozen=True)
class Args:
    """Plan and train inside the shipped models, replay in Box2D and MuJoCo, and write a report."""

    starts: int = 10
    """ordinary starts per task"""
    fast_starts: int = 6
    """starts per task at the level with higher speeds"""
    ppo_frames: int = 40_000
    """frames of PPO in imagination, at most; fewer when planning has used up the 150,000; 0 leaves it out"""
    videos: int = 6
    """videos in the report, at most"""
    model: str | None = None
    """what "learned" means; the shipped models when absent"""
    workers: int = 2
    """processes, one thread each"""
    out: Path = Path("runs/demo/default")
    """folder for records and the report; a second run goes on from what it holds"""


def main(args: Args) -> None:
    """Entry point of the verb."""
    from rich.console import Console

    console = Console()
    results_io.write_text(args.out / "config.json", results_io.to_json(args))
    workshop = Workshop(args.model, args.out / "policies")
    console.rule("planning in imagination, and in Box2D for comparison; executing in every world")
    planned = _job(args, workshop, PLANNED, TASKS)
    play_all(planned)
    found = planned.found()
    frames = min(args.ppo_frames, FRAMES - imagined(found, workshop) - _reserve(args, workshop))
    trained = workshop.frames_trained(TRAINED, TRAINED_ON)
    if args.ppo_frames and (trained or frames >= 5_000):
        console.rule(f"training PPO in imagination on {TRAINED_ON}")
        if not trained:
            train(workshop, [(TRAINED, TRAINED_ON)], frames, seed=0, workers=1)
        played = _job(args, workshop, (str(TRAINED),), (TRAINED_ON,))
        play_all(played)
        found += played.found()
    console.rule("report")
    path = _publish(args, workshop, found)
    console.print(
        f"{imagined(found, workshop) + workshop.frames_trained(TRAINED, TRAINED_ON):,} frames were imagined"
    )
    console.print(f"report: {path.resolve()}", soft_wrap=True)


def imagined(found: Sequence[EpisodeRecord], workshop: Workshop) -> int:
    """Frames that the learned models imagined for these episodes: plans (once each) and executions."""
    plans = {}
    for r in found:
        if r.prepared_in == "learned" and Spec(r.policy).planner is not None:
            task = workshop.task(r.task)
            shared = task.stride >= task.frames
            plans[r.task, r.level, r.start_id, r.policy, "" if shared else r.world] = r.imagined_frames
    return sum(plans.values()) + sum(r.frames for r in found if r.world == "learned")


def _job(args: Args, workshop: Workshop, policies: Sequence[str], tasks: Sequence[str]) -> Job:
    cells: list[Cell] = []
    for level, count in (("id", args.starts), ("speed", args.fast_starts)):
        if count:
            cells += Protocol(tuple(tasks), (level,), tuple(policies), WORLDS, count).cells(workshop)
    rows = -(-max(args.starts, args.fast_starts) // args.workers)
    return Job(tuple(cells), args.out / "episodes", args.model, workshop.policies, rows, args.workers)


def _reserve(args: Args, workshop: Workshop) -> int:
    """Frames that executing the trained policy in the learned world may need."""
    return (args.starts + args.fast_starts) * workshop.task(TRAINED_ON).frames


def _publish(args: Args, workshop: Workshop, found: list[EpisodeRecord]) -> Path:
    from benchmarks.episodes.runs import Entry, Played
    from benchmarks.reports import publish

    name = args.model or "shipped"
    entry = Entry.of(name, workshop, Protocol(TASKS, ("id", "speed"), (*PLANNED, str(TRAINED))))
    trained = workshop.frames_trained(TRAINED, TRAINED_ON)
    done = f"PPO was trained for a short {trained:,} frames inside the model on {TRAINED_ON}." * bool(trained)
    meta = results_io.meta("worldsim demo", seed=0)
    played = [Played(entry, tuple(found))]
    return publish.write(args.out, played, {name: workshop}, meta, args.videos, done)
