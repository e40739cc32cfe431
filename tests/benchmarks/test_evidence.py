"""Evidence: what is packed is what a benchmark goes on from, and nothing of it is lost on the way."""

import zipfile

import pytest

from benchmarks import cli, evidence
from benchmarks.episodes import records
from benchmarks.episodes.records import EpisodeRecord, Writer


def record(start: int, **more) -> EpisodeRecord:
    return EpisodeRecord("Catch", "id", start, "box2d", "cem", "box2d", True, 0.1, 20, version="a", **more)


@pytest.fixture
def work(tmp_path):
    """A folder as two workers and a learner leave it."""
    folder = tmp_path / "work"
    for worker, starts in (("worker0", (2, 0)), ("worker1", (1,))):
        with Writer(folder / "episodes", worker) as writer:
            writer.append([record(start, actions=((0.25,),)) for start in starts])
    for name in (
        "saved.json",
        "policies/a/policy.safetensors",
        "policies/a/policy.zip",
        "policies/a/events.7",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / ".saved.json.123").write_text("half")
    return folder


def test_what_is_unpacked_is_what_was_packed(work, tmp_path):
    archive, other = tmp_path / "results" / "it.zip", tmp_path / "other"
    kept = ["episodes/kept.jsonl", "policies/a/policy.safetensors", "saved.json"]
    assert evidence.keep(work, archive) == evidence.restore(archive, other) == kept
    assert records.read(other / "episodes") == records.read(work / "episodes")
    assert (other / "saved.json").read_text() == "saved.json"
    before = archive.read_bytes()
    evidence.keep(other, archive)
    assert archive.read_bytes() == before  # equal evidence makes equal files


def test_a_benchmark_goes_on_from_what_was_unpacked(work, tmp_path):
    archive, other = tmp_path / "it.zip", tmp_path / "other"
    evidence.keep(work, archive)
    evidence.restore(archive, other)
    with Writer(other / "episodes", "worker0") as writer:
        writer.append([record(3)])
    evidence.keep(other, archive)
    evidence.restore(archive, tmp_path / "third")
    found = records.read(tmp_path / "third" / "episodes")
    assert sorted(r.start_id for r in found.values()) == [0, 1, 2, 3]


def test_packing_loses_nothing_unasked(work, tmp_path):
    archive = tmp_path / "it.zip"
    evidence.keep(work, archive)
    (work / "episodes" / "worker1.jsonl").unlink()
    (work / "saved.json").unlink()
    with pytest.raises(ValueError, match=r"holds what .* does not: saved.json, 1 episodes; unpack it"):
        evidence.keep(work, archive)
    assert evidence.keep(work, archive, replace=True) == [
        "episodes/kept.jsonl",
        "policies/a/policy.safetensors",
    ]


def test_unpacking_overwrites_nothing(work, tmp_path):
    archive = tmp_path / "it.zip"
    evidence.keep(work, archive)
    evidence.restore(archive, work)  # the same files are no conflict
    (work / "saved.json").write_text("newer")
    (work / "policies" / "a" / "policy.safetensors").unlink()
    with pytest.raises(ValueError, match=r"other files of the same names: saved.json; give another --work"):
        evidence.restore(archive, work)
    assert not (work / "policies" / "a" / "policy.safetensors").exists()


def test_altered_records_are_not_packed(work, tmp_path):
    path = work / "episodes" / "worker0.jsonl"
    path.write_text(path.read_text().replace('"success":true', '"success":false', 1))
    with pytest.raises(ValueError, match=r"altered"):
        evidence.keep(work, tmp_path / "it.zip")
    assert not (tmp_path / "it.zip").exists()


def test_bad_archives_are_refused_before_anything_is_written(work, tmp_path, capsys):
    archive, other = tmp_path / "it.zip", tmp_path / "other"
    evidence.keep(work, archive)
    whole = archive.read_bytes()
    archive.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"it.zip is damaged"):
        evidence.restore(archive, other)
    flipped = bytearray(whole)
    flipped[80] ^= 255
    archive.write_bytes(flipped)
    with pytest.raises(ValueError, match=r"it.zip is damaged"):
        evidence.restore(archive, other)
    for name in ("../out.json", "/tmp/out.json", "code.py"):
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr(name, "x")
        with pytest.raises(ValueError, match=r"no part of a working folder"):
            evidence.restore(archive, other)
    assert not other.exists()
    with pytest.raises(ValueError, match=r"evidence is kept of it"):
        evidence.restore(tmp_path / "cost.zip", other)
    with pytest.raises(ValueError, match=r"nothing to keep"):
        evidence.keep(tmp_path / "empty", archive)
    assert cli.main(["bench", "evidence", "keep", "cost", "--work", str(other)]) == 1
    assert "nothing to keep" in capsys.readouterr().err


def test_on_the_command_line(work, tmp_path, capsys):
    words = ["cost", "--archive", str(tmp_path / "it.zip")]
    assert cli.main(["bench", "evidence", "keep", *words, "--work", str(work)]) == 0
    assert cli.main(["bench", "evidence", "restore", *words, "--work", str(tmp_path / "other")]) == 0
    assert capsys.readouterr().out.count("3 files, 0.0 MB") == 2
