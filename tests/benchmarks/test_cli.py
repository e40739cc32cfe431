"""Command line: verbs, clean messages, and `worldsim simulate` from end to end."""

import json
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from benchmarks import cli
from worldsim.clips import ClipStore

SIMULATE = ["simulate", "uniform", "--engine", "analytic", "--clips", "6", "--frames", "5"]


def test_help_lists_the_verbs_without_torch() -> None:
    code = "import sys; from benchmarks.cli import main; main(['--help']); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False\n")
    assert all(re.search(rf"^  {verb} ", done.stdout, re.M) for verb in cli.VERBS)


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_has_its_args_and_function(verb: str) -> None:
    module, function = cli.VERBS[verb][0].split(":")
    assert callable(getattr(import_module(module), function)) and import_module(module).Args


@pytest.mark.parametrize("words", [["fly"], ["bench"], ["bench", "fly"]])
def test_an_unknown_verb_lists_the_verbs(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words) == 2
    error = capsys.readouterr().err
    assert words[-1] in error and "bench suite" in error and "simulate" in error


def test_two_word_verbs_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(cli, "run", lambda verb, rest: seen.append((verb, rest)))
    assert cli.main(["bench", "suite", "--seed", "1"]) == 0
    assert seen == [("bench suite", ["--seed", "1"])]


def test_interruption_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(verb: str, rest: list[str]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "run", interrupted)
    assert cli.main(["demo"]) == 130
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_a_graphics_backend_that_is_missing_is_named(tmp_path: Path) -> None:
    words = [*SIMULATE[:2], "--engine", "mujoco", "--clips", "2", "--out", str(tmp_path / "clips")]
    code = f"import sys; from benchmarks.cli import main; sys.exit(main({words!r}))"
    environment = {**os.environ, "MUJOCO_GL": "nonsense"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 1 and "MUJOCO_GL='nonsense'" in done.stderr and "Traceback" not in done.stderr


def test_expected_faults_have_a_message_and_no_traceback(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main([*SIMULATE, "--level", "huge"]) == 1
    error = capsys.readouterr().err
    assert "huge" in error and "speed" in error and "Traceback" not in error
    assert not list(tmp_path.iterdir())
    monkeypatch.setenv("WORLDSIM_TRACEBACK", "1")
    with pytest.raises(ValueError, match="huge"):
        cli.main([*SIMULATE, "--level", "huge"])


def test_simulate_writes_config_clips_and_video(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main([*SIMULATE, "--video", "2"]) == 0
    (folder,) = (tmp_path / "runs" / "simulate").iterdir()
    config = json.loads((folder / "config.json").read_text())
    assert (config["scenario"], config["level"], config["frames"], config["seed"]) == ("uniform", "id", 5, 0)
    (clips,) = ClipStore(folder)
    assert clips.trajectory.states.shape == (6, 5, 1, 6)
    videos = sorted((folder / "video").iterdir())
    assert [v.name for v in videos] == ["00000.mp4", "00001.mp4"]
    assert all(b"ftyp" in v.read_bytes()[:16] for v in videos)


def test_simulate_goes_on_and_refuses_other_clips(tmp_path: Path, capsys) -> None:
    out = ["--out", str(tmp_path / "clips")]
    assert cli.main([*SIMULATE, *out]) == 0
    before = (tmp_path / "clips" / "shard-00000" / "meta.json").stat().st_mtime_ns
    assert cli.main([*SIMULATE, *out]) == 0
    assert (tmp_path / "clips" / "shard-00000" / "meta.json").stat().st_mtime_ns == before
    assert cli.main([*SIMULATE, *out, "--seed", "1"]) == 1
    assert "seed 0, not 1" in capsys.readouterr().err
