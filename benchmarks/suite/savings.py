"""Frames of ground truth that a start in imagination saves."""

from pathlib import Path
from typing import Any

from agents.learning import Evaluate, train
from benchmarks.episodes.specs import Spec
from benchmarks.episodes.workshop import Workshop
from benchmarks.reports import curves
from benchmarks.reports.curves import Saving
from benchmarks.results_io import Row

TASK = "Catch"  #: on which a start in imagination is compared with one from scratch
EVALUATIONS = 60  #: points of a learning curve


def compare(workshop: Workshop, frames: int, level: float, seed: int, work: Path) -> Saving:
    """Train in Box2D from scratch, and from the policy trained in imagination; read both learning curves.

    `level` is the real success up to which frames are counted. Raises ValueError where no policy was trained
    in imagination, or not with these frames and this seed.
    """
    task, spec = workshop.task(TASK), Spec("ppo", "learned")
    imagined = workshop.policy_file(spec, task)
    if not workshop.frames_trained(spec, TASK):
        raise ValueError(f"{imagined} holds no finished policy; run the stage learners first")
    train(task, workshop.world(spec.prepared_in, task), frames, seed, imagined)  # finished: only compared
    evaluate, found = Evaluate(max(1, frames // EVALUATIONS)), []
    for name, start in (("scratch", None), ("started", imagined)):
        folder = work / f"saved-{name}-{workshop.weights('learned', task)}"
        train(task, "box2d", frames // 2, seed, folder, evaluate=evaluate, start_from=start)
        found.append(curves.read(folder))
    return curves.saving(found[0], found[1], level)


def rows(saving: Saving) -> list[Row]:
    """Ground-truth frames of both runs until the level was reached; absent where it never was."""
    where = {"task": TASK, "world": "box2d", "factor": saving.level, "metric": "frames_to_success"}
    both: dict[str, tuple[Any, str]] = {
        "ppo": (saving.scratch, "box2d"),
        "ppo_started": (saving.started, "learned"),
    }
    return [
        {**where, "policy": policy, "prepared_in": world, "value": frames, "low": None, "high": None, "n": 1}
        for policy, (frames, world) in both.items()
        if frames is not None
    ]
