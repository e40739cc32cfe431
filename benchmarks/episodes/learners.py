"""Processes that train policies side by side; an interrupted run goes on from its latest checkpoint.

A run that fails costs itself alone: the others are trained, then it is told which ones failed and why.
"""

import queue
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.episodes.specs import LEARNERS, Spec
from benchmarks.episodes.workshop import Workshop
from worldsim.processes import SPAWN, running
from worldsim.worlds import World

BEGUN, ENDED = -1, -2  #: told in place of how many frames a run has trained for
Run = tuple[Spec, str]  #: a policy, with the world it is trained in, and the name of its task


class RunsFailed(ChildProcessError):
    """Some runs failed, all others were trained; `faults` says why, by run."""

    def __init__(self, faults: dict[Run, str]) -> None:
        lines = [f"{spec} on {name}: {why}" for (spec, name), why in faults.items()]
        super().__init__(
            "learners failed; all others were trained, run again to go on from checkpoints:\n"
            + "\n".join(lines)
        )
        self.faults = faults


def train(workshop: Workshop, runs: Sequence[Run], frames: int, seed: int, workers: int) -> None:
    """Train policies in the worlds that their specs name, at most `workers` at once, and show progress.

    `frames` and `seed` are those of runs whose specs name none. A finished run is not repeated, but must be
    the one asked for (see `agents.learning.train`).

    Raises RunsFailed, after all others have been trained.
    """
    faults: dict[Run, str] = {}
    left = list(runs)
    while left:
        begun, ended = _round(workshop, left, frames, seed, workers)
        if not begun:  # whatever keeps processes from beginning would do so again
            faults |= dict.fromkeys(left, "no process could begin it, see above")
            break
        results = {run: ended.get(run, "its process was killed, see above") for run in left if run in begun}
        faults |= {run: why for run, why in results.items() if why}
        left = [run for run in left if run not in begun]
    if faults:
        raise RunsFailed(faults)


def _round(
    workshop: Workshop, runs: Sequence[Run], frames: int, seed: int, workers: int
) -> tuple[set[Run], dict[Run, str]]:
    """Train until all processes have ended: which runs were begun, and what those that ended failed of, ""
    for nothing."""
    open_runs, told = SPAWN.Queue(), SPAWN.Queue()
    for run in runs:
        open_runs.put(run)
    share = workshop.model, workshop.policies, frames, seed, open_runs, told
    with running(learn, [share] * min(workers, len(runs))) as processes:
        return _watch(runs, processes, frames, told)


def learn(
    model: "str | Path | World | None",
    policies: Path,
    frames: int,
    seed: int,
    open_runs: Any,
    told: Any,
) -> None:
    """One process: takes runs until none is open; one that fails costs itself alone."""
    import torch

    torch.set_num_threads(1)
    workshop = Workshop(model, policies)
    while True:
        try:
            run = open_runs.get(timeout=1.0)
        except queue.Empty:
            return
        told.put((run, BEGUN, None))
        try:
            _train(workshop, run, frames, seed, told)
            told.put((run, ENDED, ""))
        except Exception as error:  # whatever it is, the other runs can be trained
            traceback.print_exc()
            told.put((run, ENDED, f"{type(error).__name__}: {error}"))


def _train(workshop: Workshop, run: Run, frames: int, seed: int, told: Any) -> None:
    from agents.learning import train as train_one

    spec, task = run[0], workshop.task(run[1])
    world, folder = workshop.world(spec.prepared_in, task), workshop.policy_file(spec, task)
    algo, seen = LEARNERS[spec.policy]
    knobs: dict[str, Any] = {"frames": frames, "seed": seed} | {k: int(v) for k, v in spec.trained.knobs}

    def report(done: int, solved: float) -> None:
        told.put((run, done, solved))

    train_one(task, world, **knobs, folder=folder, report=report, algo=algo, observation=seen)


def _watch(
    runs: Sequence[Run], processes: Sequence[Any], frames: int, told: Any
) -> tuple[set[Run], dict[Run, str]]:
    """A progress bar for each run, until all processes have ended; see `_round`."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    begun: set[Run] = set()
    ended: dict[Run, str] = {}
    text = "{task.description}", "{task.fields[note]}"
    with Progress(TextColumn(text[0]), BarColumn(), TextColumn(text[1]), TimeRemainingColumn()) as bar:
        lines = {
            run: bar.add_task(
                f"{run[0]} on {run[1]}",
                total=dict(run[0].knobs).get("frames", frames),
                note="",
                start=False,
            )
            for run in runs
        }
        alive = True
        while alive or not told.empty():
            alive = any(process.is_alive() for process in processes)
            try:
                run, done, news = told.get(timeout=0.5)
            except queue.Empty:
                continue
            if done == BEGUN:
                begun.add(run)
                bar.start_task(lines[run])
            elif done == ENDED:
                ended[run] = news
                bar.update(lines[run], note="failed" if news else "trained")
            else:
                bar.update(lines[run], completed=done, note=f"{done:,} frames, {news:.0%} solved")
    return begun, ended
