"""The bridge with engines in the place of the learned world, where its figures are known."""

import multiprocessing
import os
import signal
import time
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import results_io
from benchmarks.episodes import playing, records, truth
from benchmarks.episodes.playing import Cell, play
from benchmarks.episodes.protocol import Protocol
from benchmarks.episodes.runs import Entry, Played
from benchmarks.episodes.specs import Spec
from benchmarks.episodes.workers import Job, play_all, work
from benchmarks.episodes.workshop import Workshop
from benchmarks.reports import publish
from benchmarks.verbs import bridge
from worldsim.tracking import LEFT, LOST, VISIBLE


def cell(task="Strike", spec="reactive", world="box2d", count=4, level="id"):
    return Cell(task, level, Spec.parse(spec), world, 0, count)


def played(model, *cells):
    workshop, known = Workshop(model), {}
    for c in cells:
        known.update((r.key, r) for r in play(c, range(c.count), workshop, known))
    return list(known.values())


@pytest.mark.parametrize("task", ["Strike", "Catch"])
def test_a_learned_world_that_is_true_costs_nothing(task):
    """With Box2D itself in the place of the model, every episode in "learned" is the one in Box2D."""
    learned, real = (
        played("box2d", cell(task, "cem@learned", world, count=1))[-1:] for world in ("learned", "box2d")
    )
    for a, b in zip(learned, real):
        assert (a.actions, a.success, a.miss, a.imagined_miss) == (
            b.actions,
            b.success,
            b.miss,
            b.imagined_miss,
        )
        assert a.divergence is None
        assert b.success_true == b.success and b.miss_true == pytest.approx(b.miss, abs=0.05)


def test_a_wrong_world_is_found_out():
    """Where nothing collides, the blue ball parts from the truth at the first impact."""
    (record,) = played("inertia", cell(spec="reactive", world="learned", count=1))
    engine = truth.states("analytic", [Workshop().task("Strike").sample("id", 0)], actions_of(record), 4)[0]
    change = np.linalg.norm(np.diff(engine[:, 0, 3:5], axis=0), axis=-1)
    impact = int(np.argmax(change > 1e-6)) + 1
    assert record.divergence is not None and impact <= record.divergence < impact + 12


def actions_of(record):
    return truth.per_frame(Workshop().task(record.task), record.actions)[None]


def test_strike_is_planned_once_for_all_worlds():
    found = played(
        "inertia", *(cell(spec="cem@box2d", world=w, count=2) for w in ("learned", "box2d", "mujoco"))
    )
    for start in (0, 1):
        mine = [r for r in found if r.start_id == start]
        assert len(mine) == 3
        assert len({(r.actions, r.imagined_miss, r.imagined_frames) for r in mine}) == 1
    assert any(r.success for r in found if r.world == "mujoco")


def test_plans_of_other_weights_are_not_followed():
    workshop = Workshop("inertia")
    other = cell(spec="cem@learned", world="mujoco", count=1)
    (record,) = play(other, [0], workshop, {})
    stranger = replace(record, weights="0123/", actions=((0.0, 0.0),))
    here = replace(other, world="box2d")
    (again,) = play(here, [0], workshop, {stranger.key: stranger})
    assert again.actions == record.actions


def test_known_plans_are_found_among_their_own_alone(monkeypatch):
    """Records of other tasks, levels and policies are passed over by what they say, which costs little."""
    compared = []
    monkeypatch.setattr(playing, "_plan_key", lambda record: compared.append(record) or record.key[:5])
    workshop, own = Workshop("inertia"), cell(spec="cem@box2d", world="mujoco", count=2)
    mine = [own.blank(i, workshop) for i in range(2)]
    others = [
        replace(mine[0], start_id=i, **{name: "x"})
        for name in ("task", "level", "policy", "prepared_in")
        for i in range(50)
    ]
    known = {record.key: record for record in (*others, *mine)}
    assert playing._known_plans(own, workshop.task("Strike"), mine, known) == mine
    assert len(compared) == 3 * len(mine)


def test_parting_by_hand():
    true = np.zeros((4, 1, 6))
    true[..., :2] = 5.0
    seen, status = true[..., :2].copy(), np.full((4, 1), VISIBLE)
    assert truth.parting(seen, status, true, [0]) is None
    seen[1, 0, 0], seen[2, 0, 0] = 5.4, 5.6
    assert truth.parting(seen, status, true, [0]) == 2
    status[:] = LEFT
    assert truth.parting(seen, status, true, [0]) is None
    status[1] = LOST
    assert truth.parting(seen, status, true, [0]) == 1
    true[..., 0] = 11.0  # a body out of view is not judged
    assert truth.parting(seen, status, true, [0]) is None


def job(folder, workers=2, count=12):
    cells = tuple(
        cell(spec=s, world=w, count=count) for s in ("noop", "reactive") for w in ("box2d", "mujoco")
    )
    return Job(cells, folder, "inertia", folder / "policies", rows=3, workers=workers)


def test_killed_and_run_again_it_ends_as_if_nothing_had_happened(tmp_path):
    broken, whole = job(tmp_path / "broken", workers=1), job(tmp_path / "whole", workers=1)
    worker = multiprocessing.get_context("spawn").Process(target=work, args=(broken, 0))
    worker.start()
    path = broken.folder / "worker0.jsonl"
    while not (path.exists() and path.read_bytes().count(b"\n") >= 6):
        assert worker.is_alive()
        time.sleep(0.005)
    os.kill(worker.pid, signal.SIGKILL)
    worker.join()
    before = len(records.read(broken.folder))
    with open(path, "ab") as file:
        file.write(b'{"task":"Str')
    assert 6 <= before < 48 and broken.missing() == 48 - before
    play_all(broken)
    work(whole, 0)
    assert broken.missing() == whole.missing() == 0
    for one, other in zip(broken.found(), whole.found(), strict=True):
        assert (one.key, one.success, one.frames) == (other.key, other.success, other.frames)
        assert np.allclose(one.actions, other.actions) and one.miss == pytest.approx(other.miss, abs=1e-4)


def test_worker_failure_is_reported(tmp_path):
    bad = replace(job(tmp_path), cells=(cell(world="moon", count=2),))
    with pytest.raises(ChildProcessError, match="worker failed"):
        play_all(bad)


def test_unreadable_models_and_policies_are_told_before_anything_starts(tmp_path):
    (tmp_path / "config.json").write_text("no model")
    with pytest.raises(ValueError, match=r"config\.json is not a model config"):
        play_all(replace(job(tmp_path), model=str(tmp_path), cells=(cell(world="learned", count=2),)))
    with pytest.raises(ValueError, match="no finished policy"):
        play_all(replace(job(tmp_path), cells=(cell(spec="ppo@box2d", count=2),)))
    assert not (tmp_path / "worker0.jsonl").exists()


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"tasks": ("Golf",)}, "Strike, Bank"),
        ({"levels": ("hard",)}, "Strike has no level 'hard'; it has id"),
        ({"policies": ("cem@moon",)}, "cem@learned"),
        ({"policies": ("noop@box2d",)}, "unknown policy"),
        ({"worlds": ("moon",)}, "learned, "),
    ],
)
def test_unknown_names_list_what_exists(changes, words):
    args = replace(bridge.Args(tasks=("Strike",)), **changes)
    with pytest.raises(ValueError, match=words):
        args.cells(Workshop("inertia"))


def test_from_records_to_report(tmp_path):
    found = played(
        "inertia", *(cell(spec="cem@learned", world=w, count=1, task="Catch") for w in ("learned", "box2d"))
    )
    found[1] = replace(found[1], imagined_success=True)
    meta, shop = results_io.meta("worldsim bridge --starts 1", 0), Workshop("inertia")
    entry = Entry.of("inertia", shop, Protocol(("Catch",), ("id",), ("cem@learned",), starts=1))
    path = publish.write(tmp_path, [Played(entry, tuple(found))], {"inertia": shop}, meta, most=1)
    assert "data:video/mp4" in path.read_text() and "This run played 2 episodes" in path.read_text()
    assert len(list((tmp_path / "videos").iterdir())) == 1
    told, rows = results_io.read(tmp_path / "summary.json")
    assert told["command"] == meta["command"] and told["models"] == {"inertia": "inertia"}
    assert {row["model"] for row in rows} == {"inertia"}
