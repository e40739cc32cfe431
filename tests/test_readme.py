"""Every code block of README and docs works, and their tables are those of the committed results."""

import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest
import tyro

from benchmarks.cli import VERBS
from benchmarks.readme import MARKED, Args, fill, main
from benchmarks.readme import PAGES as TABLED
from benchmarks.results_io import RESULTS, meta, write

ROOT = Path(__file__).parents[1]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
}
BLOCKS = [
    (name, *block)
    for name, text in PAGES.items()
    for block in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S)
]
COMMANDS = [
    line for _, kind, block in BLOCKS if kind == "bash" for line in block.splitlines() if line.strip()
]


@pytest.mark.parametrize("name, block", [(name, block) for name, kind, block in BLOCKS if kind == "python"])
def test_python_blocks_run(name: str, block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(block, name, "exec"), {"__name__": "readme"})


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_exist_with_their_options(command: str) -> None:
    words = shlex.split(command, comments=True)
    if words[0] == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.M)
        return
    assert words[0] == "worldsim"
    verb = next(v for v in (" ".join(words[1:3]), words[1]) if v in VERBS)
    args = import_module(VERBS[verb][0].split(":")[0]).Args
    tyro.cli(args, args=words[1 + len(verb.split()) :])


def test_every_verb_is_told_of() -> None:
    told = "".join(f"{command} " for command in COMMANDS)
    assert [verb for verb in VERBS if f"worldsim {verb} " not in told] == []


@pytest.mark.parametrize("name", PAGES)
def test_linked_files_and_headings_exist(name: str) -> None:
    for target, heading in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", PAGES[name]):
        path = (ROOT / name).parent / target if target else ROOT / name
        assert path.exists(), target
        assert not heading or heading in headings(path.read_text(encoding="utf-8")), heading


def headings(text: str) -> list[str]:
    """Anchors of the headings of a page."""
    lines = re.findall(r"^#+ (.*)$", text, re.M)
    return [re.sub(r"[^\w -]", "", line).lower().replace(" ", "-") for line in lines]


def test_the_tables_are_those_of_the_results() -> None:
    for name, text in PAGES.items():
        assert len(MARKED.findall(text)) == text.count("<!-- table "), name
        assert (Path(name) in TABLED) == ("<!-- table " in text), name
        assert fill(text, RESULTS) == text, "run `worldsim bench readme`"


def test_a_table_holds_the_rows_in_their_order(tmp_path: Path) -> None:
    def row(policy: str, level: str, value: float, **more: object) -> dict[str, object]:
        key = {"task": "Strike", "policy": policy, "world": "box2d", "level": level, "metric": "success"}
        return {**key, "value": value, "low": value - 0.1, "high": value + 0.1, "n": 200, **more}

    rows = [
        row("oracle", "id", 0.75),
        row("random", "id", 0.125),
        row("random", "speed", 0.25),
        row("cem", "id", 0.5, prepared_in="inertia"),
        row("random", "id", 0.9, world="mujoco"),
        row("random", "id", 0.8, metric="miss"),
    ]
    write(tmp_path / "suite.json", meta("worldsim bench suite", 0), rows)
    file = tmp_path / "README.md"
    file.write_text("a\n<!-- table suite.json success Strike box2d -->\nstale 0.99\n<!-- end -->\nb\n")
    for _ in range(2):  # the second time nothing changes
        main(Args((file,), tmp_path))
        lines = file.read_text().splitlines()
        assert lines[0] == "a" and lines[-1] == "b" and "stale" not in file.read_text()
        cells = [line.strip("| ").split(" | ") for line in lines if line.startswith("|")]
        assert cells[0] == ["Policy", "in-distribution", "faster"]
        assert [c[0] for c in cells[2:]] == ["random", "CEM, planned in inertia", "oracle (true state)"]
        assert cells[2][1:] == ["12 [2, 22]", "25 [15, 35]"] and cells[3][2] == "–"


def test_a_missing_result_and_an_unknown_table_are_said(tmp_path: Path) -> None:
    text = "<!-- table suite.json errors -->\n<!-- end -->\n"
    assert "Not measured yet" in fill(text, tmp_path)
    with pytest.raises(ValueError, match=r"success, .*promise"):
        fill(text.replace("errors", "wonders"), tmp_path)
