import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from benchmarks.episodes import records
from benchmarks.episodes.records import EpisodeRecord, Writer

RECORD = EpisodeRecord(
    task="Strike",
    level="id",
    start_id=10_000,
    world="box2d",
    policy="cem",
    prepared_in="learned",
    success=True,
    miss=0.125,
    frames=28,
    actions=((0.1, 1 / 3),),
)


def test_round_trip_is_exact():
    assert EpisodeRecord.from_json(RECORD.to_json()) == RECORD


def test_workers_are_merged_and_repeats_are_harmless(tmp_path):
    other = replace(RECORD, start_id=10_001)
    with Writer(tmp_path, "a") as a, Writer(tmp_path, "b") as b:
        a.append([RECORD])
        b.append([other, RECORD])
    assert list(records.read(tmp_path).values()) == [RECORD, other]
    assert records.read(tmp_path / "absent") == {}


def test_contradiction_is_an_error(tmp_path):
    with Writer(tmp_path, "a") as a, Writer(tmp_path, "b") as b:
        a.append([RECORD])
        b.append([replace(RECORD, miss=0.5)])
    with pytest.raises(ValueError, match=r"b\.jsonl:1 contradicts .*'miss'"):
        records.read(tmp_path)


def test_other_weights_are_another_episode(tmp_path):
    with Writer(tmp_path) as writer:
        writer.append([RECORD, replace(RECORD, weights="abc", miss=0.5)])
    assert len(records.read(tmp_path)) == 2


def test_torn_last_line_is_skipped_and_cut_off(tmp_path):
    other = replace(RECORD, start_id=10_001)
    with Writer(tmp_path) as writer:
        writer.append([RECORD])
    path = tmp_path / "main.jsonl"
    for cut in range(
        1, len(other.to_json()) + 1
    ):  # every possible tear, a whole line without its end included
        path.write_bytes((RECORD.to_json() + "\n" + other.to_json()[:cut]).encode())
        assert list(records.read(tmp_path).values()) == [RECORD]
    with Writer(tmp_path) as writer:
        writer.append([other])
    assert list(records.read(tmp_path).values()) == [RECORD, other]


def test_damage_in_the_middle_is_named(tmp_path):
    (tmp_path / "main.jsonl").write_text("rubbish\n" + RECORD.to_json() + "\n")
    with pytest.raises(ValueError, match=r"main\.jsonl:1 cannot be read"):
        records.read(tmp_path)


def test_same_worker_twice_is_refused(tmp_path):
    with Writer(tmp_path), pytest.raises(BlockingIOError, match="another process"):
        Writer(tmp_path)


def test_killed_writer_loses_nothing_it_had_written(tmp_path):
    program = f"""
import sys
from dataclasses import replace
sys.path.insert(0, {os.getcwd()!r})
from benchmarks.episodes.records import EpisodeRecord, Writer
record = EpisodeRecord.from_json({RECORD.to_json()!r})
with Writer({str(tmp_path)!r}) as writer:
    for i in range(10**6):
        writer.append([replace(record, start_id=i)])
        print(i, flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    while int(process.stdout.readline()) < 50:
        pass
    process.send_signal(signal.SIGKILL)
    said = process.stdout.read().splitlines()
    process.wait()
    found = records.read(tmp_path)
    last = int(said[-1]) if said and said[-1].isdigit() else 50
    assert sorted(r.start_id for r in found.values()) == list(range(len(found)))
    assert len(found) >= last + 1


def test_hashes(tmp_path):
    (tmp_path / "a").write_text("x")
    one = records.file_hash(tmp_path / "a")
    (tmp_path / "a").write_text("y")
    assert one != records.file_hash(tmp_path / "a")
    assert records.text_hash(1, 2) != records.text_hash(12)


def test_a_models_hash_is_of_its_config_and_weights_alone(tmp_path):
    with pytest.raises(ValueError, match="holds no model"):
        records.file_hash(tmp_path)
    config, weights = tmp_path / "config.json", tmp_path / "diffusion_pytorch_model.safetensors"
    seen = []
    for path, text in ((config, "{}"), (weights, "1"), (weights, "2"), (config, "[]")):
        path.write_text(text)
        seen.append(records.file_hash(tmp_path))
    assert len(set(seen)) == 4
    for name in ("README.md", "training.json", "training.safetensors"):
        (tmp_path / name).write_text("filled in")
        assert records.file_hash(tmp_path) == seen[-1]


def test_several_versions_are_told_with_counts():
    of = {"a": 1, "b": 2, "": 1}
    found = [replace(RECORD, version=version) for version, n in of.items() for _ in range(n)]
    assert records.versions(found[:1]) is None and records.versions([]) is None
    assert "2 by b, 1 by a, 1 by an unknown one" in records.versions(found)
