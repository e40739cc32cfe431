"""Frames of ground truth that imagination saves: PPO from scratch, started in the model, mixed with it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from agents.learning import Evaluate, Mix, train
from benchmarks.episodes.specs import Spec
from benchmarks.episodes.workshop import Workshop
from benchmarks.reports import curves
from benchmarks.results_io import Row

TASKS = ("Catch", "Drop")  #: on which the three are compared
SEEDS = 3  #: training runs of each
WAYS = {"ppo": "box2d", "ppo_started": "learned", "ppo_mixed": "learned+box2d"}  #: and where they learn first
SHARE = 0.25  #: of a mixture's rows, answered by ground truth
POINTS = 30  #: of a learning curve


def measure(
    workshop: Workshop,
    name: str,
    frames: int,
    level: float,
    seed: int,
    work: Path,
    tell: Callable[[str], None],
) -> Iterator[Row]:
    """Rows of a task: ground-truth frames of each run, and until its real success was `level`, if it was.

    Every run has half of `frames`, those on which the policy was trained in imagination that "ppo_started"
    goes on with; seeds count from `seed`. Raises ValueError where no policy was trained there, or not with
    these frames and this seed.
    """
    task, spec = workshop.task(name), Spec("ppo", "learned")
    imagined, learned = workshop.policy_file(spec, task), workshop.world("learned", task)
    if not workshop.frames_trained(spec, name):
        raise ValueError(f"{imagined} holds no finished policy; run the stage learners first")
    train(task, learned, frames, seed, imagined)  # finished: only compared
    budget, every = frames // 2, max(1, frames // (2 * POINTS))
    settings: dict[str, tuple[Any, dict[str, Any]]] = {
        "ppo": ("box2d", {"evaluate": Evaluate(every)}),
        "ppo_started": ("box2d", {"evaluate": Evaluate(every), "start_from": imagined}),
        "ppo_mixed": (learned, {"evaluate": Evaluate(round(every / SHARE)), "mix": Mix("box2d", SHARE)}),
    }
    for way, (world, options) in settings.items():
        for number in range(seed, seed + SEEDS):
            folder = work / "saved" / f"{name}-{way}-seed{number}-{workshop.weights('learned', task)}"
            train(task, world, budget, number, folder, **options)
            curve = curves.read(folder)
            reached, spent = curves.reached(curve, level), int(curve[-1]["real_frames"])
            tell(f"{name}, {way}, seed {number}: {_told(reached, spent)} until {level:.0%} real success")
            yield from _rows(name, way, number, level, reached, spent)


def _told(reached: int | None, spent: int) -> str:
    return f"more than {spent:,} frames" if reached is None else f"{reached:,} frames"


def _rows(task: str, way: str, seed: int, level: float, reached: int | None, spent: int) -> Iterator[Row]:
    where = {"task": task, "policy": way, "prepared_in": WAYS[way], "world": "box2d", "factor": level}
    for metric, value in (("frames_spent", spent), ("frames_to_success", reached)):
        if value is not None:
            yield {**where, "seed": seed, "metric": metric, "value": value, "low": None, "high": None, "n": 1}
