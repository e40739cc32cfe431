"""`worldsim leaderboard RUN...`: models ranked by what their plans are worth, and by how well they judge.

Submissions are validated first: what is incomplete, altered or cannot be repeated is refused by name. Those
that are left are ranked on the very same starts.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tyro.conf import Positional

from benchmarks import results_io
from benchmarks.bridging.planning import MODEL
from benchmarks.bridging.protocol import STARTS_NEEDED
from benchmarks.episodes.protocol import Protocol
from benchmarks.episodes.runs import Run
from benchmarks.ranked.ranking import SCORES, ranks
from benchmarks.ranked.submissions import Submission, resolve, validate
from benchmarks.reports import report
from benchmarks.results_io import Row
from benchmarks.statistics import POLICIES_NEEDED


@dataclass(frozen=True)
class Args:
    """Validate runs of `worldsim bridge` and rank their models."""

    runs: Positional[tuple[str, ...]]
    """runs that are handed in: their folders, or FOLDER:MODEL for one of several models"""
    protocol: Path | None = None
    """folder of the run whose protocol all must have played in full; the first one when absent"""
    replays: int = 20
    """records of each submission that are played again, of each version of the code"""
    seed: int = 0
    """seed of which records these are, and of the bootstrap"""
    out: Path = Path("runs/leaderboard/default")
    """folder for leaderboard.json and leaderboard.html"""


@dataclass
class Board:
    """Rows of the submissions that are ranked; by name, what refuses others and what was not looked at."""

    rows: list[Row]
    refused: dict[str, list[str]]
    notes: dict[str, list[str]]
    replayed: dict[str, int]


def main(args: Args) -> None:
    """Print the table, write leaderboard.json and leaderboard.html.

    Raises ValueError, after all that, where a submission was refused.
    """
    from rich.console import Console

    if not args.runs:
        raise ValueError("no run to rank; name folders of `worldsim bridge`")
    first = str(args.protocol or args.runs[0])
    protocol = Run.read(first if Path(first).is_dir() else first.partition(":")[0]).protocol
    _check(protocol)
    board = ranked(args, protocol)
    console = Console()
    _print(board, console)
    more = {"protocol": asdict(protocol), "refused": board.refused, "notes": board.notes}
    meta = results_io.meta(f"worldsim leaderboard {' '.join(args.runs)}", args.seed, **more)
    results_io.write(args.out / "leaderboard.json", meta, board.rows)
    path = report.write_page(args.out / "leaderboard.html", _page(board, protocol, meta))
    console.print(f"leaderboard: {path}", soft_wrap=True, markup=False)
    if board.refused:
        told = [f"{name}: {why}" for name, reasons in board.refused.items() for why in reasons]
        raise ValueError(f"{len(board.refused)} of the submissions are refused:\n" + "\n".join(told))


def ranked(args: Args, protocol: Protocol) -> Board:
    """Every submission validated, and those without a fault ranked."""
    board = Board([], {}, {}, {})
    valid: list[Submission] = []
    for text in args.runs:
        try:
            found = resolve(text, protocol)
        except ValueError as error:
            board.refused[text] = [str(error)]
            continue
        for one in found:
            seen = validate(one, args.replays, args.seed)
            board.notes[one.name], board.replayed[one.name] = seen.notes, seen.replayed
            if one.name in (other.name for other in valid):
                seen.faults.append("another submission has this name; rename its folder")
            if seen.faults:
                board.refused[one.name] = seen.faults
            else:
                valid.append(one)
    _one_version(valid, board)
    valid = [one for one in valid if one.name not in board.refused]
    if valid:
        board.rows = ranks(valid, protocol, args.seed)
        _flag(valid, protocol, board)
    return board


def _check(protocol: Protocol) -> None:
    """Raise ValueError unless there is something to rank by."""
    for task in protocol.tasks:
        specs = protocol.specs(task)
        inside = [spec for spec in specs if spec.prepared_in == MODEL]
        if MODEL not in protocol.worlds or not protocol.engines or not inside or len(specs) < 3:
            raise ValueError(
                f"the protocol has the worlds {', '.join(protocol.worlds)} and {len(specs)} policies "
                f"for {task}, {len(inside)} of them prepared in the model; ranking needs the learned world "
                f"and an engine, at least three policies, and one prepared in the model"
            )


def _one_version(valid: Sequence[Submission], board: Board) -> None:
    """Refuse what another version of the code played, where no part of it could be played again here."""
    versions = {version for one in valid for version in one.versions}
    for one in valid:
        if len(versions) > 1 and not board.replayed[one.name]:
            board.refused[one.name] = [
                f"submissions were played by {len(versions)} versions of the code "
                f"({', '.join(sorted(versions))}), and no record of this one could be played again here: "
                f"{'; '.join(board.notes[one.name])}"
            ]


def _flag(valid: Sequence[Submission], protocol: Protocol, board: Board) -> None:
    """Notes on what is too little, and on submissions that are the same model."""
    few = []
    if protocol.starts < STARTS_NEEDED:
        few.append(f"{protocol.starts} starts per cell, {STARTS_NEEDED} are needed")
    policies = min(len(protocol.specs(task)) for task in protocol.tasks)
    if policies < POLICIES_NEEDED:
        few.append(f"agreement over {policies} policies, {POLICIES_NEEDED} are needed")
    if few:
        board.notes["protocol"] = few
    for i, one in enumerate(valid):
        for other in valid[:i]:
            if one.played.entry.weights == other.played.entry.weights:
                board.notes[one.name].append(f"it has the same weights as {other.name}")


def table(board: Board) -> tuple[list[str], list[list[str]]]:
    """Heads, and a line for each submission, best real success first."""
    from benchmarks.reports.tables import number, percent

    head = ["Submission", "Rank", "Real\nsuccess, %", "Rank", "Agreement", "Played\nagain"]
    lines = []
    select = results_io.select
    order = sorted(select(board.rows, metric="rank_by_real_success"), key=lambda r: (r["value"], r["model"]))
    for name in [r["model"] for r in order]:
        mine = select(board.rows, model=name)
        line = [name]
        for metric, show in zip(SCORES, (percent, number)):
            line += [number(select(mine, metric=f"rank_by_{metric}"), 0), show(select(mine, metric=metric))]
        lines.append([*line, str(board.replayed[name])])
    return head, lines


def _print(board: Board, console: Any) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    head, lines = table(board)
    shown = Table(title="Ranks and scores, with 95 % intervals over starts", box=SIMPLE_HEAD)
    for i, text in enumerate(head):
        shown.add_column(text, justify="right" if i else "left", no_wrap=i > 0, overflow="fold")
    for line in lines:
        shown.add_row(*map(Text, line))
    console.print(shown)
    for name, notes in board.notes.items():
        for note in notes:
            console.print(f"{name}: {note}", markup=False)


def _page(board: Board, protocol: Protocol, meta: dict[str, Any]) -> str:
    from benchmarks.reports.bridge_figures import scores
    from benchmarks.reports.sections import plot
    from benchmarks.reports.tables import Table

    head, lines = table(board)
    plots = []
    if lines:
        title = "Scores and their 95 % intervals over starts"
        figure = scores(board.rows, [line[0] for line in lines], SCORES)
        plots.append(plot(figure, title, f"{title}. Starts per cell: {protocol.starts}.", board.rows))
    return report.page(
        "leaderboard.html.j2",
        title="Models ranked by what acting in them is worth",
        meta=meta,
        verdict=_verdict(lines, len(board.refused)),
        table=Table("Rank [interval] and score [interval]", head, lines) if lines else None,
        plots=plots,
        refused=board.refused,
        notes={name: notes for name, notes in board.notes.items() if notes},
        protocol={k: ", ".join(v) if isinstance(v, tuple) else str(v) for k, v in asdict(protocol).items()},
        commands=meta["command"],
    )


def _verdict(lines: Sequence[Sequence[str]], refused: int) -> str:
    """In words: who leads, and how many were refused."""
    if not lines:
        return f"No submission is ranked; {refused} were refused."
    leaders = [line[0] for line in lines if line[1].startswith("1 ")]
    best = [line[0] for line in lines if line[3].startswith("1 ")]
    first = f"{len(lines)} submissions are ranked, {refused} refused. Best to act in: {', '.join(leaders)}; "
    return (
        first + f"best to judge in: {', '.join(best)}. Overlapping intervals of ranks leave the order open."
    )
