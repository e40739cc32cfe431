"""Learning curves: where imagined and real success part, and what a level of real success cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.learning.evaluation import read_curve
from agents.learning.folders import CURVE
from benchmarks.statistics import wilson

Row = dict[str, Any]  #: see `agents.learning.evaluation.Curve`


def read(folder: Path) -> list[Row]:
    """The evaluations of a run. Raises ValueError where it recorded none."""
    rows = read_curve(folder / CURVE)
    if not rows:
        raise ValueError(f"{folder} holds no learning curve ({CURVE}); train with --evaluate-every FRAMES")
    return rows


def interval(row: Row, name: str) -> tuple[float, float]:
    """Wilson's 95 % interval of one of a row's two rates."""
    return wilson(round(row[name] * row["n"]), row["n"])


def parting(rows: Sequence[Row]) -> int | None:
    """Frames of the evaluation from which on imagined and real success are apart, None where they are not.

    Apart are two rates where the real one lies below the imagined one by more than half the width of the
    interval of their difference: the root of the summed squares of both rates' half widths (Newcombe 1998,
    method 10, without pairing). From which on: at this evaluation and at every later one.
    """
    found = None
    for row in reversed(rows):
        half = 0.0
        for name in ("imagined_success", "real_success"):
            low, high = interval(row, name)
            half += ((high - low) / 2) ** 2
        if row["imagined_success"] - row["real_success"] <= half**0.5:
            break
        found = int(row["frames"])
    return found


def reached(rows: Sequence[Row], level: float) -> int | None:
    """Ground-truth frames spent at the first evaluation whose real success is at least `level`, else None."""
    return next((int(row["real_frames"]) for row in rows if row["real_success"] >= level), None)


@dataclass(frozen=True)
class Saving:
    """Ground-truth frames until a level of real success, from scratch and started in imagination.

    None: not reached within `scratch_spent` and `started_spent` frames.
    """

    level: float
    scratch: int | None
    started: int | None
    scratch_spent: int
    started_spent: int

    @property
    def least(self) -> int | None:
        """Frames saved, at least these where the run from scratch did not get there; None: not known."""
        if self.started is None:
            return None
        return (self.scratch_spent if self.scratch is None else self.scratch) - self.started

    def __str__(self) -> str:
        def told(found: int | None, spent: int) -> str:
            return f"not reached within {spent:,} frames" if found is None else f"{found:,} frames"

        text = (
            f"ground truth until {self.level:.0%} real success: from scratch "
            f"{told(self.scratch, self.scratch_spent)}, started in imagination "
            f"{told(self.started, self.started_spent)}"
        )
        if self.least is None:
            return f"{text}; whether any are saved is not known"
        return f"{text}; {'at least ' * (self.scratch is None)}{self.least:,} saved"


def saving(scratch: Sequence[Row], started: Sequence[Row], level: float) -> Saving:
    """What a start in imagination, or a mixture, saves. Raises ValueError for different ground truths."""
    worlds = {row["real_in"] for row in [*scratch, *started]}
    if len(worlds) > 1:
        raise ValueError(
            f"the two curves were evaluated in {' and '.join(sorted(worlds))}; expected one world"
        )
    return Saving(
        level,
        reached(scratch, level),
        reached(started, level),
        int(scratch[-1]["real_frames"]),
        int(started[-1]["real_frames"]),
    )


def draw(rows: Sequence[Row], path: Path, title: str) -> None:
    """Write both curves with their intervals as a picture, and where they part."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    frames = [row["frames"] for row in rows]
    for name, color in (("imagined_success", "tab:blue"), ("real_success", "tab:red")):
        world = rows[-1]["imagined_in" if name == "imagined_success" else "real_in"]
        low, high = zip(*(interval(row, name) for row in rows))
        axes.plot(frames, [row[name] for row in rows], ".-", color=color, label=f"played in {world}")
        axes.fill_between(frames, low, high, color=color, alpha=0.15, linewidth=0)
    parted = parting(rows)
    if parted is not None:
        axes.axvline(parted, color="gray", linestyle=":", label="apart from here on")
    axes.set(xlabel="frames of training", ylabel="success", ylim=(-0.02, 1.02), title=title)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=120)
