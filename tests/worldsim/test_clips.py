"""Clip store: bytes depend on the specification alone, stopped runs go on, damage is refused by name."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from worldsim.clips import Clips, ClipSpec, ClipStore, generate, read_shard, simulate_shard, write_shard
from worldsim.clips.pictures import frames_of
from worldsim.scenes import DT, VIEW

UNIFORM = ClipSpec("uniform", "id", "analytic", frames=8, seed=0)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shards, 1,000 and 30 clips, by one process."""
    folder = tmp_path_factory.mktemp("clips")
    assert list(generate(folder, UNIFORM, 1030)) == [0, 1000, 1030]
    return folder


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "copy"))


def test_workers_write_the_same_bytes(made: Path, tmp_path: Path) -> None:
    assert list(generate(tmp_path, UNIFORM, 1030, workers=2))[-1] == 1030
    assert contents(tmp_path) == contents(made)


def test_stored_states_are_the_closed_form(made: Path) -> None:
    """Uniform motion: x(t) = x(0) + v t, compared with the scenes that were read back."""
    clips = read_shard(made / "shard-00000")
    time = np.arange(8) * DT
    for scene, states in zip(clips.scenes, clips.trajectory.states):
        ball = scene.bodies[0]
        np.testing.assert_allclose(states[:, 0, 0], ball.position[0] + ball.velocity[0] * time, atol=1e-9)
        np.testing.assert_allclose(states[:, 0, 1], ball.position[1], atol=1e-12)


def test_an_action_leads_from_its_frame_to_the_next() -> None:
    """A launch a_t shows in the velocity of frame t + 1 and not before: one frame of shift would fail."""
    clips = simulate_shard(ClipSpec("launch", "id", "analytic", frames=32, seed=1), 0, 40)
    velocity = clips.trajectory.states[:, :, 1, 3:5]
    first = np.abs(clips.actions).sum(-1).argmax(1)
    rows = np.flatnonzero(np.abs(clips.actions).sum((1, 2)) > 0)
    kick = clips.actions[rows, first[rows]]
    change = velocity[rows, first[rows] + 1] - velocity[rows, first[rows]]
    free = np.abs(change - kick).max(1) < 1e-9  # no contact in the very frame of the launch
    assert free.mean() > 0.8
    earlier = velocity[rows, first[rows]] - velocity[rows, first[rows] - 1]
    assert (np.abs(earlier - kick).max(1) < 1e-9).mean() < 0.05


def test_pictures_show_the_stored_discs(made: Path) -> None:
    """The ink of a fully visible disc is its area: pi r² in pixels of (10 m / 64)²."""
    clips = read_shard(made / "shard-00001")
    frames = frames_of(clips, range(10))
    ink = (1 - frames[:, 0, 0]).sum((1, 2)).numpy() * (VIEW / 64) ** 2
    radii = np.array([scene.bodies[0].radius for scene in clips.scenes[:10]])
    np.testing.assert_allclose(ink, np.pi * radii**2, rtol=0.01)


def test_engines_share_scenes_and_numbers_do_not() -> None:
    spec = ClipSpec("collision", "id", "analytic", frames=6, seed=3)
    here, there = (
        simulate_shard(ClipSpec(**{**vars(spec), "engine": e}), 0, 20) for e in ("analytic", "box2d")
    )
    assert here.scenes == there.scenes and len(set(here.scenes)) == 20
    np.testing.assert_allclose(here.trajectory.states, there.trajectory.states, atol=0.01)
    others = [simulate_shard(spec, 1, 20), simulate_shard(ClipSpec(**{**vars(spec), "seed": 4}), 0, 20)]
    assert all(not set(here.scenes) & set(other.scenes) for other in others)
    assert simulate_shard(spec, 0, 5).scenes == here.scenes[:5]


def test_a_stopped_run_goes_on(made: Path, copy: Path) -> None:
    shutil.rmtree(copy / "shard-00000")
    (copy / ".shard-00000.unfinished").mkdir()  # as a kill leaves it
    (copy / ".shard-00000.unfinished" / "clips.safetensors").write_bytes(b"torn")
    before = (copy / "shard-00001" / "meta.json").stat().st_mtime_ns
    assert list(generate(copy, UNIFORM, 1030)) == [30, 1030]
    assert contents(copy) == contents(made)
    assert (copy / "shard-00001" / "meta.json").stat().st_mtime_ns == before


def truncate_arrays(shard: Path) -> None:
    file = shard / "clips.safetensors"
    file.write_bytes(file.read_bytes()[:-8])


def alter_one_byte(shard: Path) -> None:
    data = bytearray((shard / "clips.safetensors").read_bytes())
    data[-1] ^= 1
    (shard / "clips.safetensors").write_bytes(data)


def truncate_meta(shard: Path) -> None:
    (shard / "meta.json").write_text((shard / "meta.json").read_text()[:-20])


def lose_arrays(shard: Path) -> None:
    (shard / "clips.safetensors").unlink()


def newer_format(shard: Path) -> None:
    meta = json.loads((shard / "meta.json").read_text())
    (shard / "meta.json").write_text(json.dumps(meta | {"format": 99}))


def foreign_json(shard: Path) -> None:
    (shard / "meta.json").write_text('["something", "else"]')


def a_file(shard: Path) -> None:
    shutil.rmtree(shard)
    shard.write_text("not a folder")


FAULTS = [truncate_arrays, alter_one_byte, truncate_meta, lose_arrays, newer_format, foreign_json, a_file]


@pytest.mark.parametrize("fault", FAULTS)
def test_damage_is_refused_by_name_and_kept(copy: Path, fault) -> None:
    fault(copy / "shard-00001")
    shutil.rmtree(copy / "shard-00000")
    before = contents(copy)
    with pytest.raises(ValueError, match="shard-00001"):
        list(generate(copy, UNIFORM, 1030))
    assert contents(copy) == before
    with pytest.raises(ValueError, match="shard-00001"):
        read_shard(copy / "shard-00001")


@pytest.mark.parametrize(
    ("change", "clips", "said"),
    [
        ({"seed": 1}, 1030, "seed 0, not 1"),
        ({"engine": "inertia"}, 1030, "analytic, not inertia"),
        ({}, 1020, "clips 30, not 20"),
    ],
)
def test_shards_of_another_run_are_refused(copy: Path, change: dict, clips: int, said: str) -> None:
    before = contents(copy)
    with pytest.raises(ValueError, match=said):
        list(generate(copy, ClipSpec(**{**vars(UNIFORM), **change}), clips))
    assert contents(copy) == before


def test_nothing_is_overwritten(copy: Path) -> None:
    clips = read_shard(copy / "shard-00001")
    before = contents(copy)
    with pytest.raises(FileExistsError, match="shard-00001"):
        write_shard(copy, clips)
    assert contents(copy) == before


@pytest.mark.parametrize(
    ("change", "listed"),
    [({"scenario": "uniforn"}, "parabola"), ({"level": "sizes"}, "both"), ({"engine": "bullet"}, "mujoco")],
)
def test_unknown_names_list_what_exists(tmp_path: Path, change: dict, listed: str) -> None:
    with pytest.raises(ValueError, match=listed):
        list(generate(tmp_path, ClipSpec(**{**vars(UNIFORM), **change}), 10))
    assert not list(tmp_path.iterdir())


def test_a_written_shard_reads_back_exactly(tmp_path: Path) -> None:
    """Scenes without a control (no actions) and with one."""
    for index, (name, engine) in enumerate([("parabola", "analytic"), ("catch", "analytic")]):
        made: Clips = simulate_shard(ClipSpec(name, "id", engine, frames=6, seed=0), index, 3)
        read = read_shard(write_shard(tmp_path, made))
        assert read.scenes == tuple(made.scenes) and read.rejected == made.rejected and read.spec == made.spec
        np.testing.assert_array_equal(read.trajectory.states, made.trajectory.states)
        np.testing.assert_array_equal(read.actions, made.actions)
        assert read.trajectory.present.all()


def test_the_store_reads_shards_in_order(made: Path, copy: Path, tmp_path: Path) -> None:
    store = ClipStore(made)
    assert len(store) == 2 and [len(clips) for clips in store] == [1000, 30]
    assert store[1].scenes[0] == read_shard(made / "shard-00001").scenes[0]
    shutil.rmtree(copy / "shard-00000")
    with pytest.raises(ValueError, match="incomplete"):
        ClipStore(copy)
    with pytest.raises(FileNotFoundError, match="worldsim simulate"):
        ClipStore(tmp_path / "nothing")
