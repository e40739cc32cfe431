"""Parts of a result that are measured once: rows in files that say what they were measured for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import results_io
from benchmarks.results_io import Row


@dataclass(frozen=True)
class Part:
    """A file of rows, and the settings that decide them; they stand in the file's meta."""

    path: Path
    settings: dict[str, Any]
    benchmark: str = "suite"

    def lack(self) -> str:
        """Why the rows asked for are not there, "" where they are. Raises ValueError for a damaged file."""
        if not self.path.exists():
            return f"missing: {self.path.stem}"
        meta, _ = results_io.read(self.path)
        other = {name: meta.get(name) for name, value in self.settings.items() if meta.get(name) != value}
        if not other:
            return ""
        told = (f"{name} {found!r} instead of {self.settings[name]!r}" for name, found in other.items())
        return f"missing: {self.path.stem}; {self.path} was measured with {', '.join(told)}"

    def write(self, rows: Sequence[Row]) -> None:
        """Write rows that were measured with the settings."""
        more = {"seed": 0, **self.settings}
        results_io.write(
            self.path, results_io.meta(f"worldsim bench {self.benchmark}: {self.path.stem}", **more), rows
        )

    def rows(self) -> list[Row]:
        """What the file holds."""
        return results_io.read(self.path)[1]
