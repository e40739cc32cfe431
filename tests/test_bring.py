"""Brought tasks, worlds, models and policies: by name, and what is said where something is missing."""

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from benchmarks import cli
from benchmarks.episodes.specs import Spec
from benchmarks.episodes.workshop import Workshop
from envs.tasks import make_task
from worldsim import plugins
from worldsim.models import load_model
from worldsim.worlds import ImaginedWorld, SimulatedWorld, make_world

MINE = """
import numpy as np
import torch
from envs.goals import ReachGoal
from worldsim.engines import make_engine
from worldsim.models.physics import PhysicsModel
from worldsim.scenes import Body, Control, Scene
from worldsim.worlds import SimulatedWorld

class Putt(ReachGoal):
    name, target = "Putt", 1
    template = Scene(
        (Body("blue", (1.0,), (5.0, 5.0)), Body("red", (0.8,), (2.0, 2.0))),
        control=Control(1, "launch", (-3.0, -3.0), (3.0, 3.0)),
    )
    def draw(self, rng, level):
        red, goal = rng.uniform((1, 1), (3, 9)), rng.uniform((7, 1), (9, 9))
        return self.move(np.stack([[5.0, 5.0], red])), goal

class Aim:
    name, prepared_in, privileged = "aim", "", False
    def __init__(self, task, level):
        self.low, self.high = task.bounds(level)
    def reset(self, rows, keys):
        pass
    def act(self, observation):
        gap = observation.goal - observation.track.position[:, 1]
        return np.clip(gap.numpy() / 2.8, self.low, self.high)

class Wild(Aim):
    def act(self, observation):
        return 100 + super().act(observation)

def world(template):
    return SimulatedWorld(make_engine("analytic"), template=template)

def model():
    return PhysicsModel("analytic", "collision", action_size=2)

nothing = object()
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of one's own in the current directory; its name."""
    name = f"mine_{abs(hash(tmp_path)) % 10**8}"
    (tmp_path / f"{name}.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p])
    return name


def test_all_kinds_are_found_by_module_and_attribute(mine: str) -> None:
    task = make_task(f"{mine}:Putt")
    assert task.name == "Putt" and task.stride == task.frames
    world = make_world(f"{mine}:world", task.template)
    assert isinstance(world, SimulatedWorld) and world.template is task.template
    assert load_model(f"{mine}:model").action_size == 2
    assert isinstance(make_world(f"{mine}:model"), ImaginedWorld)
    workshop = Workshop(f"{mine}:model")
    spec = Spec.parse(f"{mine}:Aim")
    assert workshop.policy(spec, task, "id", "box2d").name == "aim"
    assert workshop.weights("learned", task) and workshop.policy_hash(spec, task)
    assert workshop.world("learned", task).name == "learned"


def test_entry_points_are_found_and_listed(mine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    points = {g: [EntryPoint("mine", f"{mine}:{a}", g)] for g, a in GROUPS.items()}
    monkeypatch.setattr(plugins, "entry_points", lambda group: points[group])
    monkeypatch.syspath_prepend(".")
    assert make_task("mine").name == "Putt"
    assert isinstance(make_world("mine"), SimulatedWorld) and load_model("mine").action_size == 2
    assert Workshop().policy(Spec.parse("mine"), make_task("mine"), "id", "box2d").name == "aim"
    for unknown in (make_task, make_world, load_model, Spec.parse):
        with pytest.raises(ValueError, match=r"installed are mine.*module:attribute.*worldsim\."):
            unknown("golf")


GROUPS = {
    "worldsim.tasks": "Putt",
    "worldsim.worlds": "world",
    "worldsim.models": "model",
    "worldsim.policies": "Aim",
}


def test_faults_of_brought_things_are_named(mine: str) -> None:
    with pytest.raises(ValueError, match=r"nowhere:Task.*ModuleNotFoundError"):
        make_task("nowhere:Task")
    with pytest.raises(ValueError, match=r"AttributeError.*Gone"):
        make_task(f"{mine}:Gone")
    with pytest.raises(ValueError, match=r"is no task: it lacks name, .*worldsim check task"):
        make_task(f"{mine}:nothing")
    with pytest.raises(ValueError, match=r"is no world: it lacks name, step"):
        make_world(f"{mine}:nothing")
    with pytest.raises(ValueError, match=r"cannot be made: .*template.*called with no arguments"):
        load_model(f"{mine}:world")


def test_check_prints_a_table_and_names_the_clause(mine: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "policy", f"{mine}:Aim", "--task", f"{mine}:Putt"]) == 0
    assert "holds" in capsys.readouterr().out
    assert cli.main(["check", "policy", f"{mine}:Wild", "--task", f"{mine}:Putt"]) == 1
    said = capsys.readouterr()
    assert "skipped" in said.out and "'actions lie within the bounds' fails" in said.err
    for kind, name in (("task", "Putt"), ("world", "world"), ("model", "model")):
        assert cli.main(["check", kind, f"{mine}:{name}"]) == 0
        assert cli.main(["check", kind, f"{mine}:nothing"]) == 1
        assert f"{mine}:nothing breaks the contract of a {kind}: 'it has the parts" in capsys.readouterr().err


def test_the_list_of_names_imports_nothing_brought() -> None:
    code = "import sys; from worldsim import plugins; plugins.advice('task'); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
