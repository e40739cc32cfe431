"""Processes that train policies side by side; an interrupted run goes on from its latest checkpoint."""

import queue
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.specs import LEARNERS, Spec
from benchmarks.workshop import Workshop
from worldsim.processes import SPAWN, running
from worldsim.worlds import World

Run = tuple[Spec, str]  #: a policy, with the world it is trained in, and the name of its task


def train(workshop: Workshop, runs: Sequence[Run], frames: int, seed: int, workers: int) -> None:
    """Train policies in the worlds that their specs name, at most `workers` at once, and show progress.

    `frames` and `seed` are those of runs whose specs name none.

    Raises ValueError where a run cannot be made as asked, ChildProcessError where a process ends otherwise.
    """
    if not runs:
        return
    open_runs, told = SPAWN.Queue(), SPAWN.Queue()
    for run in runs:
        open_runs.put(run)
    share = workshop.model, workshop.policies, frames, seed, open_runs, told
    with running(learn, [share] * min(workers, len(runs))) as processes:
        _watch(runs, processes, frames, told)


def learn(
    model: "str | Path | World | None",
    policies: Path,
    frames: int,
    seed: int,
    open_runs: Any,
    told: Any,
) -> None:
    """One process: takes runs until none is open."""
    import torch

    from agents.learning import train as train_one

    torch.set_num_threads(1)
    workshop = Workshop(model, policies)
    while True:
        try:
            spec, name = open_runs.get(timeout=1.0)
        except queue.Empty:
            return

        def report(done: int, solved: float, run: Run = (spec, name)) -> None:
            told.put((run, done, solved))

        try:
            task = workshop.task(name)
            folder = workshop.policy_file(spec, task)
            world = workshop.world(spec.prepared_in, task)
            algo, seen = LEARNERS[spec.policy]
            knobs = {"frames": frames, "seed": seed} | {k: int(v) for k, v in spec.trained.knobs}
            train_one(task, world, **knobs, folder=folder, report=report, algo=algo, observation=seen)
        except ValueError as error:
            told.put(error)
            return


def _watch(runs: Sequence[Run], processes: Sequence[Any], frames: int, told: Any) -> None:
    """A progress bar for each run, until all processes have ended."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

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
        while True:
            try:
                news = told.get(timeout=0.5)
            except queue.Empty:
                if any(process.exitcode for process in processes):
                    raise ChildProcessError(
                        "a learner failed, see above; run again to go on from its checkpoint"
                    ) from None
                if not any(process.is_alive() for process in processes):
                    return
                continue
            if isinstance(news, ValueError):
                raise news
            run, done, solved = news
            bar.start_task(lines[run])
            bar.update(lines[run], completed=done, note=f"{done:,} frames, {solved:.0%} solved")
