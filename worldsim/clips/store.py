"""Reading a clip store."""

from collections.abc import Iterator
from pathlib import Path

from worldsim.clips.shards import Clips, read_meta, read_shard


class ClipStore:
    """A folder of shards, read one shard at a time.

    Raises FileNotFoundError when the folder holds no shard, ValueError when a shard in the middle is missing
    or damaged.
    """

    def __init__(self, folder: str | Path) -> None:
        self.paths = sorted(Path(folder).glob("shard-*"))
        if not self.paths:
            raise FileNotFoundError(f"no clip shards in {folder}; make some with `worldsim simulate`")
        for index, path in enumerate(self.paths):
            if read_meta(path)["index"] != index:
                raise ValueError(
                    f"{path} stands where shard {index} should; the store {folder} is incomplete"
                )

    def __len__(self) -> int:
        """Number of shards."""
        return len(self.paths)

    def __getitem__(self, index: int) -> Clips:
        """The clips of one shard."""
        return read_shard(self.paths[index])

    def __iter__(self) -> Iterator[Clips]:
        return (read_shard(path) for path in self.paths)
