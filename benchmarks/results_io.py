"""Result files: `{"meta": {...}, "rows": [...]}`, tidy rows, written in one piece or not at all."""

import contextlib
import datetime
import json
import os
import platform
import shlex
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

VALUES = ("value", "low", "high", "n")  #: all other columns of a row form its key
COLUMNS = (
    "task",
    "scenario",
    "policy",
    "prepared_in",
    "world",
    "model",
    "level",
    "factor",
    "size",
    "clips",
    "seed",
    "batch",
    "frame",
    "metric",
)
RESULTS = Path(__file__).parent / "results"  #: the committed reference results
CAMPAIGN = "suite.json"  #: of them, the file of every policy, level and world

HOW = ("workers", "work", "out", "stages")  #: options that change how results are made, not which ones

Row = dict[str, Any]


def command(verb: str, args: Any) -> str:
    """The command line of a verb that gives `args`, a dataclass, as far as what they make differs from what
    the defaults make."""
    words = ["worldsim", *verb.split()]
    for name, default in vars(type(args)()).items():
        value = getattr(args, name)
        if value != default and name not in HOW:
            flag = "--" + ("no-" if value is False else "") + name.replace("_", "-")
            values = () if isinstance(value, bool) else value if isinstance(value, tuple) else (value,)
            words += [flag, *map(str, values)]
    return shlex.join(words)


def meta(command: str, seed: int, **more: Any) -> dict[str, Any]:
    """What produced a result: machine, processor, versions, date, commit, command, seed, and `more`."""
    from importlib.metadata import version

    return {
        "machine": f"{platform.system()} {platform.machine()}",
        "cpu": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "python": platform.python_version(),
        "torch": version("torch"),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "commit": _commit(),
        "command": command,
        "seed": seed,
        **more,
    }


def write(path: str | Path, meta: dict[str, Any], rows: Iterable[Row]) -> None:
    """Write a result file atomically: a reader sees the old file or the new one, never a part.

    Raises ValueError as `check` does.
    """
    rows = list(rows)
    check(rows)
    write_text(path, json.dumps({"meta": meta, "rows": rows}, indent=1, allow_nan=False) + "\n")


def write_text(path: str | Path, text: str) -> None:
    """Write a text file under a temporary name, then rename it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()


def read(path: str | Path) -> tuple[dict[str, Any], list[Row]]:
    """Meta and rows of a result file. Raises ValueError, naming the file, when it is not one."""
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
        found, rows = data["meta"], data["rows"]
        check(rows)
    except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is not a result file with meta and rows: {error}") from error
    return found, rows


def check(rows: Sequence[Row]) -> None:
    """Raise ValueError unless every row has known columns, a metric, a value and a key of its own."""
    seen: set[tuple[tuple[str, Any], ...]] = set()
    for row in rows:
        unknown = set(row) - set(COLUMNS) - set(VALUES)
        if unknown:
            raise ValueError(f"row {row} has unknown columns {sorted(unknown)}; known are {COLUMNS + VALUES}")
        if "metric" not in row or "value" not in row:
            raise ValueError(f"row {row} needs at least the columns metric and value")
        identity = key(row)
        if identity in seen:
            raise ValueError(f"two rows share the key {dict(identity)}; keys must be unique")
        seen.add(identity)


def key(row: Row) -> tuple[tuple[str, Any], ...]:
    """The columns that identify a row, in the order of `COLUMNS`."""
    return tuple((column, row[column]) for column in COLUMNS if column in row)


def select(rows: Iterable[Row], **columns: Any) -> list[Row]:
    """Rows whose columns have the given values; None stands for "this column is absent"."""
    return [row for row in rows if all(row.get(c) == v for c, v in columns.items())]


def model_name(model: str | Path) -> str:
    """How a model is called in rows: a shipped name, or the folder of a checkpoint's run."""
    path = Path(model)
    return path.parent.name if path.name.startswith("step-") else path.name


def checkpoint_name(model: str | Path) -> str:
    """How a model is called beside others of its run: `run/step-N` for a checkpoint."""
    path = Path(model)
    return f"{path.parent.name}/{path.name}" if path.name.startswith("step-") else path.name


def _commit() -> str:
    """The commit of the source tree this package lies in, "+" added when files differ, "" outside of one."""
    folder = Path(__file__).resolve().parent

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        head = git("rev-parse", "--short=12", "HEAD")
        return head + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()


def to_json(settings: Any, **more: Any) -> str:
    """A settings dataclass as text, for the config that each run's folder begins with, and `more`."""
    return json.dumps({**asdict(settings), **more}, indent=1, default=str) + "\n"
