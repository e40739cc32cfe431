"""Episode records: one JSON line each, appended by each worker to a file of its own.

A kill at any moment leaves at most one torn last line, which readers skip and the next writer cuts off.
Records are merged by key; equal keys with different values are an error, because one of the two is wrong.
Each line ends with a seal, a hash of what it says: a line that was changed afterwards is refused by name. A
change that is sealed anew is found by `replay`, and by the `digest` that a result file keeps of its records.
"""

import fcntl
import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import IO, Any

KEY = (
    "task",
    "level",
    "factor",
    "start_id",
    "seed",
    "sample",
    "world",
    "policy",
    "prepared_in",
    "weights",
    "config",
)
MODEL_FILES = ("config.json", "diffusion_pytorch_model*.safetensors")  #: what a model is read from
SEAL = "seal"  #: the last entry of a line
Key = tuple[Any, ...]


@dataclass(frozen=True)
class EpisodeRecord:
    """One episode: who played which start in which world, and what came of it.

    `policy` prepared in the world `prepared_in` ("" when in none) acted in `world`. `weights` and `config`
    are hashes of the learned parameters involved ("" when none) and of what else decides the result.
    Success is judged from frames; `success_half` and `success_twice` at half and twice the task's tolerance;
    `success_true` and `miss_true` from the engine's true states (None where no truth stands behind the
    frames). `miss` in m. `frames` were played, `imagined_frames` spent by the planner, which expected
    `imagined_success` and `imagined_miss`. `actions` [frames of decisions][A] replay the episode; `sample`
    numbers the draws of a world that draws (see `envs.episodes.world_keys`).

    How it was played is no part of what two records are compared by: `version` (see `episodes.versions`),
    `device` as type/threads, and `row` of `rows` side by side. The same record is played again bit by bit
    under the same ones.
    """

    task: str
    level: str
    start_id: int
    world: str
    policy: str
    prepared_in: str
    success: bool
    miss: float | None
    frames: int
    factor: float | None = None
    seed: int = 0
    sample: int = 0
    weights: str = ""
    config: str = ""
    success_half: bool | None = None
    success_twice: bool | None = None
    success_true: bool | None = None
    miss_true: float | None = None
    failure: bool = False
    spoiled: bool = False
    imagined_frames: int = 0
    imagined_success: bool | None = None
    imagined_miss: float | None = None
    divergence: int | None = None
    actions: tuple[tuple[float, ...], ...] = ()
    version: str = field(default="", compare=False)
    device: str = field(default="", compare=False)
    row: int = field(default=0, compare=False)
    rows: int = field(default=0, compare=False)

    @property
    def key(self) -> Key:
        """What makes two records the same episode."""
        return tuple(getattr(self, name) for name in KEY)

    def to_json(self) -> str:
        """One line without its end. Raises ValueError on NaN or infinity."""
        content = asdict(self)
        return _compact({**content, SEAL: text_hash(_compact(content))})

    @classmethod
    def from_json(cls, line: str) -> "EpisodeRecord":
        """Inverse of `to_json`. Raises ValueError when the line is no record, or was altered.

        A line without `version` is of a time when lines had no seal.
        """
        try:
            data = json.loads(line)
            seal = data.pop(SEAL, None)
            if seal != text_hash(_compact(data)) and (seal or data.get("version")):
                raise ValueError("it was altered after it was written: its seal does not fit what it says")
            data["actions"] = tuple(tuple(action) for action in data["actions"])
            return cls(**data)
        except (KeyError, TypeError) as error:
            raise ValueError(f"not an episode record: {error}") from error


class Writer:
    """Appends records to `folder/<worker>.jsonl`; lines are on disk when `append` returns.

    Raises BlockingIOError when another process writes as the same worker.
    """

    def __init__(self, folder: str | Path, worker: str = "main") -> None:
        self.path = Path(folder) / f"{worker}.jsonl"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[bytes] = open(self.path, "a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise BlockingIOError(
                f"{self.path} is being written by another process; wait for it or choose another --out"
            ) from error
        _cut_torn_line(self._file)

    def append(self, records: Iterable[EpisodeRecord]) -> None:
        """Write some records, flush them and sync them to the disk."""
        self._file.write("".join(record.to_json() + "\n" for record in records).encode())
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file and release its lock."""
        self._file.close()

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def read(folder: str | Path) -> dict[Key, EpisodeRecord]:
    """All records of all workers in a folder, by key; an absent folder holds none.

    Raises ValueError, naming file and line, for a damaged line that is not the last one and for equal keys
    with different values.
    """
    found: dict[Key, EpisodeRecord] = {}
    for path in sorted(Path(folder).glob("*.jsonl")):
        for number, record in _lines(path):
            known = found.setdefault(record.key, record)
            if known != record:
                compared = [f.name for f in fields(record) if f.compare]
                different = [name for name in compared if getattr(known, name) != getattr(record, name)]
                raise ValueError(
                    f"{path}:{number} contradicts an earlier record of {dict(zip(KEY, record.key))} in "
                    f"{different}; remove the wrong one of the two"
                )
    return found


def file_hash(path: str | Path) -> str:
    """Short hash of a file, or of the model that a folder holds: a card beside it, or the state of its
    training, is no part of what it does.

    Raises ValueError where the folder holds no model.
    """
    path, digest = Path(path), hashlib.blake2b(digest_size=6)
    parts = [path] if path.is_file() else sorted(p for name in MODEL_FILES for p in path.rglob(name))
    if not parts:
        raise ValueError(f"{path} holds no model: {' and '.join(MODEL_FILES)} are expected there")
    for part in parts:
        digest.update(part.relative_to(path).as_posix().encode() + b"\0" + part.read_bytes())
    return digest.hexdigest()


def text_hash(*parts: Any) -> str:
    """Short hash of some settings by their text."""
    return hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=6).hexdigest()


def digest(records: Iterable[EpisodeRecord]) -> str:
    """Short hash of some records in any order: a result keeps it to tell which episodes it is made of."""
    return text_hash(*sorted(record.to_json() for record in records))


def versions(records: Iterable[EpisodeRecord]) -> str | None:
    """A note with counts where several versions of the code have played the records, else None."""
    counts = Counter(record.version or "an unknown one" for record in records)
    if len(counts) < 2:
        return None
    told = ", ".join(f"{n} by {version}" for version, n in counts.most_common())
    return f"episodes were played by several versions of the code: {told}"


def _compact(content: dict[str, Any]) -> str:
    return json.dumps(content, separators=(",", ":"), allow_nan=False)


def _lines(path: Path) -> Iterator[tuple[int, EpisodeRecord]]:
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines[:-1], start=1):  # what follows the last line end is torn
        try:
            yield number, EpisodeRecord.from_json(line.decode())
        except ValueError as error:
            raise ValueError(f"{path}:{number} cannot be read: {error}; remove this line") from error


def _cut_torn_line(file: IO[bytes]) -> None:
    file.seek(0)
    content = file.read()
    file.truncate(content.rfind(b"\n") + 1)
    file.seek(0, os.SEEK_END)
