"""Result rows with their intervals, and notes on what could not be told."""

import math
from dataclasses import dataclass, field
from typing import Any

from benchmarks.bridging.panels import Panel
from benchmarks.episodes.specs import Spec
from benchmarks.results_io import Row
from benchmarks.statistics import Estimate


@dataclass
class Findings:
    """Tidy rows, and a note for each value whose interval lacks units or that is undefined."""

    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, where: Row, metric: str, estimate: Estimate) -> None:
        """One row; where its interval needs more units, a note says how many."""
        place = " ".join(str(v) for v in where.values() if v != "")
        if math.isnan(estimate.value):
            self.notes.append(f"{place}: {metric} is not defined on these {estimate.n} units")
            return
        if estimate.needed is not None:
            self.notes.append(
                f"{place}: {metric} has {estimate.n} units, its interval needs {estimate.needed}"
            )
        self.rows.append({**where, "metric": metric, **estimate.row()})

    def extend(self, other: "Findings", suffix: str = "", **columns: Any) -> None:
        """All of another's, its metrics with a suffix and its rows with further columns."""
        self.rows += [{**columns, **row, "metric": row["metric"] + suffix} for row in other.rows]
        kind = f"{suffix.strip('_')}: " if suffix else ""
        self.notes += [kind + note for note in other.notes]


def place_of(panel: Panel, spec: Spec | None = None) -> Row:
    """The columns of a panel's rows, and of one of its policies."""
    row: Row = {"task": panel.task, "level": panel.level, "world": panel.world}
    if spec is not None:
        row["policy"] = spec.name
        if spec.prepared_in:
            row["prepared_in"] = spec.prepared_in
    return row
