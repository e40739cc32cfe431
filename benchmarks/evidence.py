"""`worldsim bench evidence`: what stands behind the committed results, packed and unpacked.

A benchmark works in a folder of its own, from which it goes on: episode records, trained policies, and what
was measured once. `keep` packs it into one file that is committed beside the results; `restore` unpacks that
file on any machine, where the benchmark then plays what is missing and nothing twice.
"""

import io
import lzma
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

import tyro

from benchmarks import results_io
from benchmarks.episodes import records

EVIDENCE = results_io.RESULTS / "evidence"
KINDS = (
    ".json",
    ".jsonl",
    ".safetensors",
)  #: what a benchmark goes on from; archives and logs of learners are not
EPISODES, KEPT = (
    "episodes",
    "episodes/kept.jsonl",
)  #: records of each worker; of all, as they are kept
DATE = (1980, 1, 1, 0, 0, 0)  #: of every part: equal evidence makes equal files
SHOWN = 5  #: names told in a message


@dataclass(frozen=True)
class Args:
    """Pack what a benchmark has recorded, or unpack it to go on from there."""

    action: tyro.conf.Positional[Literal["keep", "restore"]]
    """pack the working folder, or unpack what was packed"""
    name: tyro.conf.Positional[str]
    """the benchmark, such as `cost`, `bridge` or `suite`"""
    work: Path | None = None
    """its working folder (default: runs/bench/NAME)"""
    archive: Path | None = None
    """the file (default: NAME.zip beside the committed results)"""
    replace: bool = False
    """pack though something that the file holds is not in the folder any more"""


def main(args: Args) -> None:
    """Pack or unpack, and say what. Raises ValueError as `keep` and `restore` do."""
    from rich.console import Console

    work = args.work or Path("runs/bench") / args.name
    archive = args.archive or EVIDENCE / f"{args.name}.zip"
    parts = keep(work, archive, args.replace) if args.action == "keep" else restore(archive, work)
    told = f"{len(parts)} files, {archive.stat().st_size / 1e6:.1f} MB"
    there = archive if args.action == "keep" else work
    Console().print(f"{told}: {there}", soft_wrap=True, markup=False)


def keep(work: Path, archive: Path, replace: bool = False) -> list[str]:
    """Pack a working folder, the records of all workers as one file; the names of what was packed.

    Raises ValueError where the folder holds nothing or damaged records, and, unless `replace`, where the
    archive holds something that the folder does not: restore it first.
    """
    parts = dict(_parts(work))
    if not parts:
        raise ValueError(
            f"{work} holds nothing to keep: {', '.join(KINDS)} files of a benchmark are expected"
        )
    if archive.exists() and not replace and (lost := _lost(_read(archive), parts)):
        raise ValueError(
            f"{archive} holds what {work} does not: {_some(lost)}; unpack it with `restore` first, or give "
            f"--replace to let it go"
        )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_LZMA) as file:
        for name, content in sorted(parts.items()):
            file.writestr(zipfile.ZipInfo(name, DATE), content, zipfile.ZIP_LZMA)
    _write(archive, packed.getvalue())
    return sorted(parts)


def restore(archive: Path, work: Path) -> list[str]:
    """Unpack into a working folder; the names of what was unpacked.

    Raises ValueError, before anything is written, where there is no such archive, it is damaged, or the
    folder holds a file of the same name that differs.
    """
    if not archive.exists():
        known = ", ".join(path.stem for path in sorted(archive.parent.glob("*.zip"))) or "nothing"
        raise ValueError(f"{archive} does not exist; evidence is kept of {known}")
    parts = _read(archive)
    here = [name for name in parts if (work / name).exists()]
    if other := [name for name in here if (work / name).read_bytes() != parts[name]]:
        raise ValueError(f"{work} holds other files of the same names: {_some(other)}; give another --work")
    for name, content in parts.items():
        _write(work / name, content)
    return sorted(parts)


def _parts(work: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents of what is kept of a folder."""
    if found := records.read(work / EPISODES):
        lines = sorted(record.to_json() for record in found.values())
        yield KEPT, "".join(f"{line}\n" for line in lines).encode()
    for path in sorted(work.rglob("*")):
        name = path.relative_to(work)
        if path.is_file() and path.suffix in KINDS and not path.name.startswith("."):
            if name.parts[0] != EPISODES:
                yield name.as_posix(), path.read_bytes()


def _lost(old: dict[str, bytes], new: dict[str, bytes]) -> list[str]:
    """What an archive holds and some parts do not: files, and episodes by their number."""
    gone = [name for name in old if name not in new and name != KEPT]
    episodes = {*old.get(KEPT, b"").splitlines()} - {*new.get(KEPT, b"").splitlines()}
    return gone + [f"{len(episodes)} episodes"] * bool(episodes)


def _read(archive: Path) -> dict[str, bytes]:
    """What an archive holds, by name. Raises ValueError for one that is damaged or holds anything else."""
    try:
        with zipfile.ZipFile(archive) as file:
            parts = {name: file.read(name) for name in file.namelist()}
    except (zipfile.BadZipFile, lzma.LZMAError, EOFError, OSError, ValueError) as error:
        raise ValueError(f"{archive} is damaged or no archive of evidence: {error}") from error
    for name in parts:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or path.suffix not in KINDS:
            raise ValueError(f"{archive} holds {name!r}, which is no part of a working folder")
    return parts


def _some(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + f" and {len(names) - SHOWN} more" * (len(names) > SHOWN)


def _write(path: Path, content: bytes) -> None:
    """Write a file under a temporary name, then rename it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
