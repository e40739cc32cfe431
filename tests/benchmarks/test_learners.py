"""Training side by side: every run is finished, and what cannot be trained is told by its own message."""

from pathlib import Path

import pytest

from benchmarks.learners import train
from benchmarks.specs import Spec
from benchmarks.workshop import Workshop


def test_every_run_is_trained(tmp_path: Path) -> None:
    workshop = Workshop(None, tmp_path)
    runs = [(Spec("ppo", "box2d"), "Catch"), (Spec.parse("ppo,frames=1100@analytic"), "Catch")]
    train(workshop, runs, frames=600, seed=0, workers=2)
    assert [workshop.frames_trained(*run) for run in runs] == [512, 1024]


def test_a_run_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="10 frames are too few"):
        train(Workshop(None, tmp_path), [(Spec("ppo", "box2d"), "Catch")], frames=10, seed=0, workers=1)
