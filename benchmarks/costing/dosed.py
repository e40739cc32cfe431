"""What the stage `dose` has found, as later stages read it: success by type and start, and fitted curves."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from benchmarks import results_io
from benchmarks.costing.dose import MET
from benchmarks.costing.sweep import Sweep, whole
from benchmarks.episodes.playing import Cell
from benchmarks.episodes.specs import Spec
from benchmarks.episodes.workers import Job
from benchmarks.prediction.cases import Place
from benchmarks.results_io import Row, select
from worldsim.engines import PERTURBED

FILE = "dose.json"
Solved = dict[tuple[str, str, str], dict[int, bool]]  #: by task, level and wrong engine: success by start


def rows_of(work: Path) -> list[Row]:
    """The rows of the stage `dose`, none where it has not been run."""
    path = work / FILE
    return results_io.read(path)[1] if path.exists() else []


def solved(rows: Sequence[Row], sweep: Sweep) -> Solved:
    """Real success of CEM planned in each wrong engine that the stage's rows tell of, on as many starts, with
    the settings of today: records of others, and cells that are not whole, are left out."""
    cells = [
        Cell(
            row["task"],
            row["level"],
            Spec("cem", f"{row['prepared_in']}:{row['factor']:g}:{sweep.engine}"),
            sweep.engine,
            sweep.first,
            row["n"],
        )
        for row in select(rows, metric="success", world=sweep.engine)
        if row["prepared_in"].startswith(PERTURBED)
    ]
    outcomes: Solved = defaultdict(dict)
    found, _ = whole(Job(tuple(cells), sweep.work / "episodes", None, Path(), sweep.rows, sweep.workers))
    for r in found:
        outcomes[r.task, r.level, r.prepared_in][r.start_id] = r.success
    return dict(outcomes)


def fits(work: Path) -> dict[Place, list[tuple[float, float]]]:
    """Intercept and slope of the fitted curve of every type of law error, by task and level."""
    rows, found = rows_of(work), defaultdict(list)
    for row in select(rows, metric="slope"):
        where = {k: row[k] for k in ("task", "level", "prepared_in")}
        (start,) = select(rows, metric="intercept", **where)
        found[row["task"], row["level"]].append((start["value"], row["value"]))
    return dict(found)


def matched(
    rows: Sequence[Row], outcomes: Solved, engine: str, dose: float
) -> dict[Place, dict[str, dict[int, bool]]]:
    """Success by start of each type of law error that could be matched to a dose, by task and level."""
    found: dict[Place, dict[str, dict[int, bool]]] = defaultdict(dict)
    for row in select(rows, metric="position_error"):
        if abs(row["value"] - dose) > MET * dose:
            continue
        law = row["prepared_in"].removeprefix(PERTURBED)
        mine = outcomes.get((row["task"], row["level"], f"{row['prepared_in']}:{row['factor']:g}:{engine}"))
        if mine:
            found[row["task"], row["level"]][law] = mine
    return dict(found)


def furthest(rows: Sequence[Row]) -> float:
    """The largest dose that was tested, m; 0 without any."""
    return max((row["value"] for row in select(rows, metric="position_error")), default=0.0)
