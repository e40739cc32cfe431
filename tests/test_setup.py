"""Set-up: targets, pins, ranges, and what a wheel would hold."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = ("worldsim", "envs", "agents", "benchmarks")
EXTRAS = PROJECT["project"]["optional-dependencies"].values()
DIRECT = [Requirement(r) for part in (PROJECT["project"]["dependencies"], *EXTRAS) for r in part]
PINS = {
    canonicalize_name(name): version
    for name, version in re.findall(r"^(\S+?)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.M)
}


def test_every_line_of_the_constraints_is_a_pin_for_any_build_of_torch() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert len(lines) == len(PINS) and "+" not in PINS["torch"]


@pytest.mark.parametrize("requirement", DIRECT, ids=str)
def test_every_direct_dependency_is_pinned_within_its_range(requirement: Requirement) -> None:
    assert requirement.specifier, "a dependency needs a range"
    assert requirement.specifier.contains(PINS[canonicalize_name(requirement.name)])


def test_ranges() -> None:
    project = PROJECT["project"]
    assert Requirement(f"python{project['requires-python']}").specifier.contains("3.12.4")
    assert not Requirement(f"python{project['requires-python']}").specifier.contains("3.14.0")
    torch = next(r for r in DIRECT if r.name == "torch")
    assert torch.specifier.contains("2.11.0") and not torch.specifier.contains("2.10.0")
    assert "box2d" in PINS and "box2d-py" not in PINS  # the latter is an sdist that needs swig
    assert project["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text()[:200]


def test_the_wheel_holds_the_packages_alone() -> None:
    assert PROJECT["tool"]["setuptools"]["packages"]["find"]["include"] == [f"{p}*" for p in PACKAGES]
    assert not list((ROOT / "tests").rglob("__init__.py"))
    for package in PACKAGES:
        folders = {file.parent for file in (ROOT / package).rglob("*.py")}
        assert all((folder / "__init__.py").exists() for folder in folders), "a package without __init__.py"


def test_every_data_file_is_in_the_wheel() -> None:
    done = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", *PACKAGES], cwd=ROOT, capture_output=True
    )
    if done.returncode:
        pytest.skip("not in a git checkout")
    data = {ROOT / line for line in done.stdout.decode().splitlines() if not line.endswith(".py")}
    held: set[Path] = set()
    for package, patterns in PROJECT["tool"]["setuptools"]["package-data"].items():
        held |= {file for pattern in patterns for file in (ROOT / package).glob(pattern)}
    assert not {file for file in data if file.exists()} - held


def make(*words: str) -> str:
    own = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "TORCH")}
    return subprocess.run(
        ["make", "-n", "-B", *words], cwd=ROOT, env=own, capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.parametrize(
    ("target", "last"),
    [("test", "-m pytest -n auto --maxprocesses 8 --dist loadfile"), ("demo", "worldsim demo")],
)
def test_each_target_installs_and_runs(target: str, last: str) -> None:
    steps = make(target, "TORCH=cpu").strip().splitlines()
    assert steps[0] == "sh scripts/install.sh cpu" and steps[-1].endswith(last)
    assert make(target, "TORCH=cuda").startswith("sh scripts/install.sh cuda\n")


def test_checks_run_before_the_tests() -> None:
    steps = make("test", "TORCH=cpu")
    assert all(word in steps for word in ("ruff check", "lint-imports", "mypy"))


def install(tmp_path: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the script in a copy of the project whose PATH holds the basic tools and no Python."""
    tools = tmp_path / "bin"
    tools.mkdir(exist_ok=True)
    for name in ("sh", "sed", "dirname", "rm", "grep", "touch"):
        found = subprocess.run(["sh", "-c", f"command -v {name}"], capture_output=True, text=True, check=True)
        (tools / name).symlink_to(found.stdout.strip())
    (tmp_path / "scripts").mkdir()
    for name in ("scripts/install.sh", "constraints.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    environment = {"PATH": str(tools), **variables}
    script = ["sh", str(tmp_path / "scripts/install.sh"), *words]
    return subprocess.run(script, env=environment, capture_output=True, text=True)


def test_a_broken_python_is_passed_over_and_none_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    shim = tmp_path / "bin" / "python3.12"
    shim.write_text("#!/bin/sh\necho 'python3.12: command not found' >&2\nexit 127\n")
    shim.chmod(0o755)
    done = install(tmp_path, "cpu")
    assert done.returncode == 1 and "No working Python 3.11, 3.12 or 3.13" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_an_unknown_build_of_torch_is_refused(tmp_path: Path) -> None:
    done = install(tmp_path, "rocm")
    assert done.returncode == 1 and "TORCH=cpu or TORCH=cuda" in done.stderr


FAKE_PYTHON = """#!/bin/sh
echo "$*" >> "$LOG"
case "$*" in
    *"pip list"*) echo "torch==2.13.0+cpu" ;;
    *"pip install --no-deps"*) case "$*" in *"$REACHABLE"*) exit 0 ;; *) exit 1 ;; esac ;;
esac
"""


@pytest.mark.parametrize(
    ("flavour", "reachable", "torch_steps", "success"),
    [
        ("cpu", "+cpu", ["--no-deps torch==2.13.0+cpu"], True),
        ("cpu", "download.pytorch.org", ["--no-deps torch==2.13.0+cpu"] * 2, True),
        ("cpu", "nothing", ["--no-deps torch==2.13.0+cpu"] * 2, False),
        ("cuda", "", ["uninstall --yes torch", "-c constraints.txt torch==2.13.0"], True),
    ],
)
def test_torch_comes_first(
    tmp_path: Path, flavour: str, reachable: str, torch_steps: list[str], success: bool
) -> None:
    """The order of pip's commands, seen by a Python that only writes them down."""
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(FAKE_PYTHON)
    python.chmod(0o755)
    (tmp_path / ".venv" / "installed-cpu").touch()
    done = install(tmp_path, flavour, LOG=str(tmp_path / "log"), REACHABLE=reachable)
    steps = [
        line for line in (tmp_path / "log").read_text().splitlines() if re.search("pip (un)?install", line)
    ]
    last = "-m pip install -c constraints.txt -e .[dev]"
    assert (steps[-1] == last) == (done.returncode == 0) == success
    assert all(part in step for part, step in zip(torch_steps, steps))
    assert len(steps) == len(torch_steps) + success
    assert [f.name for f in (tmp_path / ".venv").glob("installed-*")] == [f"installed-{flavour}"] * success
    assert success or ("The choices are" in done.stderr and "TORCH=cuda" in done.stderr)


def test_continuous_integration_runs_tests_then_demo() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o100
    text = script.read_text()
    assert "set -e" in text and 0 < text.index("make test\n") < text.index("make demo\n")
