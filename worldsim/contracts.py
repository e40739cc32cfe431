"""Contracts as runnable checks: clauses in order, each a sentence and a function that finds a fault."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from worldsim.rendering import RESOLUTIONS

BATCH_NOISE = 6 / 255  #: what a pixel may differ by where only the batch differs: kernels round otherwise
Check = Callable[[Any], str | None]


@dataclass(frozen=True)
class Clause:
    """One sentence, and a check that returns what breaks it or None."""

    says: str
    check: Check


@dataclass(frozen=True)
class Finding:
    """What came of one clause; `found` says what breaks it."""

    says: str
    verdict: Literal["holds", "fails", "skipped"]
    found: str = ""


class Contract:
    """The clauses of one kind; `clause` adds one, `check` asks them in order about a subject."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.clauses: list[Clause] = []

    def clause(self, says: str) -> Callable[[Check], Check]:
        """Decorates a check of a subject: it returns what breaks the clause, or None."""

        def add(check: Check) -> Check:
            self.clauses.append(Clause(says, check))
            return check

        return add

    def check(self, subject: Any) -> list[Finding]:
        """A finding for each clause. What follows a failure is skipped, because it may build on it."""
        findings: list[Finding] = []
        for clause in self.clauses:
            if findings and findings[-1].verdict != "holds":
                findings.append(Finding(clause.says, "skipped"))
                continue
            try:
                with torch.no_grad():
                    found = clause.check(subject)
            except Exception as error:  # a foreign object may raise anything
                found = f"it raised {type(error).__name__}: {error}"
            findings.append(Finding(clause.says, "holds" if found is None else "fails", found or ""))
        return findings


def failure(findings: Sequence[Finding]) -> Finding | None:
    """The clause that fails, None where all hold."""
    return next((f for f in findings if f.verdict == "fails"), None)


# ---------------------------------------------------------------- what checks share


def lacking(thing: Any, names: Sequence[str]) -> str | None:
    """Which of the attributes are missing."""
    missing = [name for name in names if not hasattr(thing, name)]
    return f"it lacks {', '.join(missing)}" if missing else None


def wrong_number(thing: Any, name: str, least: int) -> str | None:
    """Whether an attribute is no whole number of at least `least`."""
    value = getattr(thing, name)
    if isinstance(value, int) and not isinstance(value, bool) and value >= least:
        return None
    return f"{name} is {value!r}; expected a whole number, at least {least}"


def wrong_picture(thing: Any) -> str | None:
    """Whether name or resolution cannot be used."""
    if not isinstance(thing.name, str) or not thing.name:
        return f"name is {thing.name!r}; expected words"
    if thing.resolution not in RESOLUTIONS:
        return f"resolution is {thing.resolution!r}; expected one of {RESOLUTIONS}"
    return None


def wrong_shape(what: str, frames: Any, shape: tuple[int, ...]) -> str | None:
    """Whether frames are no float32 tensor of this shape."""
    if not isinstance(frames, Tensor):
        return f"{what} are a {type(frames).__name__}; expected a torch.Tensor"
    if tuple(frames.shape) != shape or frames.dtype != torch.float32:
        return f"{what} are {tuple(frames.shape)} {frames.dtype}; expected {shape} torch.float32"
    return None


def wrong_values(frames: Tensor) -> str | None:
    """Whether frames leave [0, 1]."""
    if not torch.isfinite(frames).all():
        return f"{(~torch.isfinite(frames)).sum()} values are NaN or infinite"
    low, high = float(frames.min()), float(frames.max())
    return None if low >= 0 and high <= 1 else f"values lie in [{low:.3g}, {high:.3g}]"


def differ(one: Tensor, other: Tensor, by: float = 0.0) -> str | None:
    """Whether two batches of frames differ by more than `by` in some pixel."""
    if one.shape != other.shape:
        return f"shapes are {tuple(one.shape)} and {tuple(other.shape)}"
    gap = float((one.float() - other.float()).abs().max())
    return None if gap <= by else f"a pixel differs by {gap * 255:.1f} of 255 levels"
