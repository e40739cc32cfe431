import json
import shlex
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import tyro

from benchmarks import results_io


def test_round_trip_and_meta(tmp_path):
    rows = [
        {
            "task": "Strike",
            "world": "box2d",
            "metric": "success",
            "value": 0.5,
            "low": 0.4,
            "high": 0.6,
            "n": 9,
        },
        {"task": "Strike", "world": "mujoco", "metric": "success", "value": 0.5},
    ]
    meta = results_io.meta("worldsim bench suite", seed=3, stages=["cem"])
    results_io.write(tmp_path / "deep" / "suite.json", meta, rows)
    found, read = results_io.read(tmp_path / "deep" / "suite.json")
    assert read == rows
    assert found == meta
    assert {"machine", "cpu", "cores", "python", "torch", "date", "commit", "command", "seed"} <= set(found)
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["suite.json"]


@pytest.mark.parametrize(
    "rows, words",
    [
        ([{"metric": "miss", "value": 1.0}, {"metric": "miss", "value": 2.0}], "share the key"),
        ([{"metric": "miss", "value": 1.0, "colour": "red"}], "unknown columns"),
        ([{"task": "Strike", "value": 1.0}], "metric and value"),
    ],
)
def test_bad_rows_are_refused_and_the_old_file_stays(tmp_path, rows, words):
    path = tmp_path / "a.json"
    results_io.write(path, {}, [{"metric": "miss", "value": 7.0}])
    with pytest.raises(ValueError, match=words):
        results_io.write(path, {}, rows)
    assert results_io.read(path)[1][0]["value"] == 7.0


def test_nan_is_refused_and_nothing_is_left(tmp_path):
    with pytest.raises(ValueError):
        results_io.write(tmp_path / "a.json", {}, [{"metric": "miss", "value": float("nan")}])
    assert list(tmp_path.iterdir()) == []


def test_foreign_files_are_named(tmp_path):
    path = tmp_path / "foreign.json"
    path.write_text(json.dumps([1, 2]))
    with pytest.raises(ValueError, match=r"foreign\.json"):
        results_io.read(path)
    path.write_text('{"meta": ')
    with pytest.raises(ValueError, match=r"foreign\.json"):
        results_io.read(path)


def test_select_treats_none_as_absent():
    rows = [{"metric": "a", "level": "id"}, {"metric": "a"}]
    assert results_io.select(rows, metric="a", level=None) == [rows[1]]


@dataclass(frozen=True)
class Asked:
    """Arguments of a verb."""

    models: tuple[str, ...] = ("table", "drop")
    clips: int = 500
    speed: bool = True
    train_clips: int = 3_000
    workers: int = 2
    out: Path = Path("here.json")


def test_a_command_says_what_differs_and_is_read_back_as_it_was_given():
    asked = Asked(("a model", "drop"), 20, False, 10, 7, Path("there.json"))
    told = results_io.command("bench models", asked)
    assert told == "worldsim bench models --models 'a model' drop --clips 20 --no-speed --train-clips 10"
    words = shlex.split(told)[3:]
    assert tyro.cli(Asked, args=words) == replace(asked, workers=2, out=Path("here.json"))
    assert results_io.command("bench models", Asked()) == "worldsim bench models"
