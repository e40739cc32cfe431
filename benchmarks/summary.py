"""From episode records to tidy result rows: success, miss, phantom successes, paired ratios."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from benchmarks import statistics
from benchmarks.records import EpisodeRecord
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
    measured: dict[str, list[Any]] = {
        "success": [r.success for r in records],
        "success_half": [r.success_half for r in records],
        "success_twice": [r.success_twice for r in records],
        "success_true": [r.success_true for r in records],
        "spoiled": [r.spoiled for r in records],
    }
    if any(r.imagined_frames for r in records):
        measured["imagined_success"] = [r.imagined_success for r in records]
        measured["phantom"] = [not r.success for r in records if r.imagined_success]
    rows = []
    for metric, values in measured.items():
        known = [v for v in values if v is not None]
        if known:
            rows.append(columns | {"metric": metric} | statistics.proportion(known).row())
    misses = [r.miss for r in records if r.miss is not None]
    if misses:
        rows.append(columns | {"metric": "miss"} | statistics.mean(misses, resamples=2000).row())
    frames = [r.imagined_frames for r in records]
    if any(frames):
        spread = {"value": float(np.mean(frames)), "low": min(frames), "high": max(frames), "n": len(frames)}
        rows.append(columns | {"metric": "imagined_frames"} | spread)
    return rows


def _comparisons(cells: dict[tuple[Any, ...], list[EpisodeRecord]]) -> list[Row]:
    """Each policy prepared in the learned world against the same prepared in Box2D, on the same starts."""
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
