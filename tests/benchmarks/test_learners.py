"""Training side by side: every run is finished, and what cannot be trained is told by its own message."""

import os
import signal
import time
from pathlib import Path

import pytest

from agents.learning import train as train_one
from benchmarks.episodes import learners
from benchmarks.episodes.learners import BEGUN, RunsFailed, learn, train
from benchmarks.episodes.specs import Spec
from benchmarks.episodes.workshop import Workshop


def dies(model, policies, frames, seed, open_runs, told):
    """As `learn`, but killed in a run of 601 frames."""
    run = open_runs.get(timeout=10.0)
    if dict(run[0].knobs)["frames"] == 601:
        told.put((run, BEGUN, None))
        time.sleep(0.5)  # until it is told
        os.kill(os.getpid(), signal.SIGKILL)
    open_runs.put(run)
    learn(model, policies, frames, seed, open_runs, told)


def test_every_run_is_trained(tmp_path: Path) -> None:
    workshop = Workshop(None, tmp_path)
    runs = [(Spec("ppo", "box2d"), "Catch"), (Spec.parse("ppo,frames=1100@analytic"), "Catch")]
    train(workshop, runs, frames=600, seed=0, workers=2)
    assert [workshop.frames_trained(*run) for run in runs] == [512, 1024]


def test_a_run_that_cannot_be_made_costs_itself_alone(tmp_path: Path) -> None:
    """One process trains both, the faulty one first."""
    workshop = Workshop(None, tmp_path)
    few, enough = (Spec.parse(f"ppo,frames={n}@analytic") for n in (10, 600))
    with pytest.raises(RunsFailed, match="frames=10@analytic on Catch: ValueError: 10 frames are too few"):
        train(workshop, [(few, "Catch"), (enough, "Catch")], frames=600, seed=0, workers=1)
    assert workshop.frames_trained(enough, "Catch") == 512


def test_a_finished_run_must_be_the_one_asked_for(tmp_path: Path) -> None:
    """Of two finished runs of 600 frames one is asked for as it is, the other with 1,100."""
    workshop = Workshop(None, tmp_path)
    runs = [(Spec.parse(name), "Catch") for name in ("ppo,frames=600@analytic", "ppo@analytic")]
    for spec, name in runs:
        train_one(workshop.task(name), "analytic", 600, 0, workshop.policy_file(spec, workshop.task(name)))
    with pytest.raises(RunsFailed, match="holds a run with another frames") as told:
        train(workshop, runs, frames=1100, seed=0, workers=1)
    assert list(told.value.faults) == runs[1:]


def test_a_killed_process_costs_its_run_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that begins the first run dies; another one trains the second."""
    monkeypatch.setattr(learners, "learn", dies)
    runs = [(Spec.parse(f"ppo,frames={n}@analytic"), "Catch") for n in (601, 600)]
    workshop = Workshop(None, tmp_path)
    with pytest.raises(RunsFailed, match="its process was killed") as told:
        train(workshop, runs, frames=600, seed=0, workers=1)
    assert list(told.value.faults) == runs[:1] and workshop.frames_trained(*runs[1]) == 512
