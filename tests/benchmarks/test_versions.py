"""What makes the code that played an episode another one."""

from pathlib import Path

import pytest

from benchmarks.episodes import versions

SOURCE = '''"""A module."""


class Ball:
    """A body."""

    def mass(self):
        """In kg."""
        return 1.0
'''


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the folders with hardly a file in them."""
    for name in ("worldsim/training/recipes.py", "envs/ball.py", *versions.PLAYING):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(SOURCE)
    monkeypatch.setattr(versions, "ROOT", tmp_path)
    return tmp_path


def version() -> str:
    """Without what was kept of the call before."""
    return versions.code_version.__wrapped__()


@pytest.mark.parametrize("name", ["envs/ball.py", versions.PLAYING[0]])
@pytest.mark.parametrize(
    "old, new, same",
    [
        ("A body.", "A thing.", True),
        ("        return", "        # of water\n        return", True),
        ("return 1.0", "return  1.0", True),
        ("1.0", "2.0", False),
        ("mass", "weight", False),
        ('"""In kg."""', '"""In kg."""; self.age = 1', False),
    ],
)
def test_code_counts_and_words_do_not(root: Path, name: str, old: str, new: str, same: bool) -> None:
    before = version()
    (root / name).write_text(SOURCE.replace(old, new))
    assert (version() == before) == same


def test_a_file_more_counts_and_training_does_not(root: Path) -> None:
    before = version()
    (root / "worldsim/training/recipes.py").write_text("steps = 3")
    assert version() == before
    (root / "envs/other.py").write_text("")
    assert version() != before
