"""On which scenarios a model is measured: those that it was taught."""

import json

from benchmarks.learned.models import SCENARIOS, scenarios_of
from worldsim.models import taught


def told(folder, *scenarios):
    folder.mkdir()
    mixture = [[name, 1 / len(scenarios)] for name in scenarios]
    (folder / "training.json").write_text(json.dumps({"recipe": {"mixture": mixture}}))
    return str(folder)


def test_what_was_taught_decides_and_the_size_of_actions_where_nothing_tells(tmp_path):
    falls = told(tmp_path / "falls", "catch", "carriage")  # a carriage takes two numbers
    assert taught(falls) == ("catch", "carriage")
    assert scenarios_of(falls, 2) == {"catch": ("id",), "carriage": ("id",)}
    rolls = scenarios_of(told(tmp_path / "rolls", "oblique", "push"), 2)
    assert rolls == {"oblique": SCENARIOS["table"]["oblique"], "push": ("id",)}
    unknown = str(tmp_path / "unknown")
    assert taught(unknown) == ()
    assert scenarios_of(unknown, 1) == SCENARIOS["drop"] and scenarios_of(unknown, 2) == SCENARIOS["table"]
