"""From episode records to tidy result rows: success, miss, phantom successes, paired ratios."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from benchmarks import statistics
from benchmarks.episodes.records import EpisodeRecord
from benchmarks.results_io import Row
from benchmarks.statistics import Estimate

CELL = ("task", "policy", "prepared_in", "world", "level", "factor")
SUBJECT, REFERENCE = "learned", "box2d"  #: what policies were prepared in, and what they are compared with


def summarise(records: Iterable[EpisodeRecord]) -> list[Row]:
    """Rows of every cell (task, policy, prepared_in, world, level) and the paired ratios between them.

    Per cell: `success`, `success_half` and `success_twice` (half and twice the tolerance), `success_true`
    (judged from true states), `spoiled`, `miss` (m, mean over episodes in which it is defined), and for
    planners `imagined_success`, `imagined_frames` and `phantom`: the share of successes in imagination that
    fail in execution.
    """
    cells: dict[tuple[Any, ...], list[EpisodeRecord]] = defaultdict(list)
    for record in records:
        cells[tuple(getattr(record, name) for name in CELL)].append(record)
    rows = [row for cell, found in cells.items() for row in _cell_rows(cell, found)]
    return rows + _comparisons(cells)


def _cell_rows(cell: tuple[Any, ...], records: list[EpisodeRecord]) -> list[Row]:
    columns = _columns(cell)
    names = ["success", "success_half", "success_twice", "success_true", "spoiled"]
    names += ["imagined_success"] * any(r.imagined_frames for r in records)
    measured = {name: [(r.start_id, getattr(r, name)) for r in records] for name in names}
    if "imagined_success" in measured:
        measured["phantom"] = [(r.start_id, not r.success) for r in records if r.imagined_success]
    rows = []
    for metric, outcomes in measured.items():
        known = [(start, v) for start, v in outcomes if v is not None]
        if known:
            rows.append(columns | {"metric": metric} | _rate(known).row())
    misses = [(r.start_id, r.miss) for r in records if r.miss is not None]
    if misses:
        starts, values = zip(*misses)
        rows.append(columns | {"metric": "miss"} | statistics.mean(values, starts, resamples=2000).row())
    frames = [r.imagined_frames for r in records]
    if any(frames):
        spread = {"value": float(np.mean(frames)), "low": min(frames), "high": max(frames), "n": len(frames)}
        rows.append(columns | {"metric": "imagined_frames"} | spread)
    return rows


def _rate(outcomes: Sequence[tuple[int, bool]]) -> Estimate:
    """Share of outcomes, each with its start: of several samples of a start, the start is the unit."""
    starts, values = zip(*outcomes)
    single = {start: value for start, value in reversed(outcomes)}
    if len(single) == len(outcomes) or len(set(values)) == 1:
        return statistics.proportion(list(single.values()))
    return statistics.mean(values, starts, resamples=2000)


def _comparisons(cells: dict[tuple[Any, ...], list[EpisodeRecord]]) -> list[Row]:
    """Each policy prepared in the learned world against the same prepared in Box2D, on the same starts; of
    several samples of a start the first one counts."""
    cells = {cell: [r for r in found if r.sample == 0] for cell, found in cells.items()}
    rows = []
    for cell, records in cells.items():
        task, policy, prepared_in, world, level, factor = cell
        partner = cells.get((task, policy, REFERENCE, world, level, factor))
        if prepared_in != SUBJECT or not partner:
            continue
        first, second = paired(records, partner)
        if not first:
            continue
        columns = _columns(cell)
        ratio = finite(statistics.paired_ratio(first, second))
        if ratio["value"] is not None:
            rows.append(columns | {"metric": f"success_ratio_to_{REFERENCE}"} | ratio)
        difference = statistics.paired_difference(first, second)
        rows.append(columns | {"metric": f"success_difference_to_{REFERENCE}"} | difference.row())
        p = {"value": statistics.mcnemar(first, second), "n": len(first)}
        rows.append(columns | {"metric": f"mcnemar_p_to_{REFERENCE}"} | p)
    return rows


def paired(first: Sequence[EpisodeRecord], second: Sequence[EpisodeRecord]) -> tuple[list[bool], list[bool]]:
    """Successes of two cells on the starts and samples that both have played, in the same order."""
    one = {(r.start_id, r.seed, r.sample): r.success for r in first}
    two = {(r.start_id, r.seed, r.sample): r.success for r in second}
    both = sorted(one.keys() & two.keys())
    return [one[k] for k in both], [two[k] for k in both]


def finite(estimate: Estimate) -> dict[str, float | int | None]:
    """An estimate's columns with None for what is not a finite number."""
    return {k: None if v is None or not math.isfinite(v) else v for k, v in estimate.row().items()}


def _columns(cell: tuple[Any, ...]) -> Row:
    return {k: v for k, v in zip(CELL, cell) if v not in ("", None)}
