"""Errors on the starts of tasks: an engine behind the protocol of a model has none, whatever the bodies."""

import numpy as np
import pytest

from benchmarks.learned.errors import on_task, random_actions
from envs.tasks import make_task
from worldsim.models.physics import PhysicsModel
from worldsim.scenes import RELEASE

SAME = {  #: a scenario with the bodies and the law of each task
    "Strike": "launch",
    "Bank": "cushion",
    "Intercept": "screen",
    "Push": "push",
    "Catch": "catch",
    "Drop": "carriage",
    "Bounce": "carriage_wall",
}


@pytest.mark.parametrize("name", SAME)
def test_an_oracle_follows_every_body_of_a_task(name):
    rows = on_task(PhysicsModel("reference", SAME[name]), "oracle", make_task(name), "id", 20_000, 4)
    found = {row["metric"]: row["value"] for row in rows}
    assert found["velocity_error"] < 0.1 and found["permanence"] > 0.98, found


def test_loads_are_let_go_of_once_for_good():
    task = make_task("Drop")
    starts = [task.sample("id", i) for i in range(20)]
    second = random_actions(task, "id", starts)[:, :, 1]
    assert set(np.unique(second)) == {0.0, 1.0} and (np.diff(second, axis=1) >= 0).all()
    assert (second[:, task.frames // 2] > RELEASE).all() and len(set(second.sum(axis=1))) > 5
