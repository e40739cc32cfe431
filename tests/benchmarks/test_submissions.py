"""Runs that are handed in: compared on the same starts, validated, and ranked where the order is known."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from agents.planners import PLANNERS, Entry
from agents.refits.cem import CEM, CEMConfig
from benchmarks import results_io
from benchmarks.episodes import records, workers
from benchmarks.episodes.records import EpisodeRecord, Writer
from benchmarks.episodes.workers import work
from benchmarks.ranked import compare, leaderboard, ranking
from benchmarks.ranked.submissions import resolve, validate
from benchmarks.results_io import select
from benchmarks.verbs import bridge

GOOD, BAD = "box2d", "perturbed:action_gain:0.6:box2d"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run in a model that is true, and in one in which launches are 1.6 times as strong."""
    patch, out = pytest.MonkeyPatch(), tmp_path_factory.mktemp("runs") / "mine"
    patch.setattr(workers, "play_all", lambda job: work(job, 0))
    patch.setitem(PLANNERS, "cem", Entry(CEM, CEMConfig(candidates=(40, 14), refresh=(2,))))
    policies = ("noop", "reactive,gain=0.7", "cem@learned")
    args = bridge.Args(("Strike",), ("id",), policies, ("learned", "box2d"), starts=6, models=(GOOD, BAD))
    bridge.main(replace(args, rows=6, workers=1, videos=0, out=out))
    yield out
    patch.undo()


def episodes(solved, world="box2d", **more):
    blank = EpisodeRecord("Strike", "id", 0, world, "cem", "learned", False, 0.5, 28, **more)
    return [replace(blank, start_id=i, success=bool(s)) for i, s in enumerate(solved)]


def one(rows, **columns):
    (row,) = select(rows, **columns)
    return row


def test_two_sides_are_compared_on_the_same_starts():
    """12 of 20 against 8 of 20; 4 starts are won and none lost: p = 2 · 2^-4."""
    first, second = episodes(np.arange(20) < 12, weights="a/"), episodes(np.arange(20) < 8, weights="b/")
    found = compare.compare(first, list(reversed(second)))
    results_io.check(found.rows)
    difference = one(found.rows, metric="success_difference")
    assert difference["value"] == pytest.approx(0.2) and difference["low"] < 0.2 < difference["high"]
    assert one(found.rows, metric="mcnemar_p")["value"] == pytest.approx(2 / 2**4)
    assert one(found.rows, metric="mcnemar_p_holm")["value"] == pytest.approx(2 / 2**4)
    more = [replace(r, level="speed") for r in first], [replace(r, level="speed") for r in second]
    found = compare.compare(first + more[0], second + more[1])
    assert {r["value"] for r in select(found.rows, metric="mcnemar_p_holm")} == {2 * 2 / 2**4}


def test_what_is_not_paired_is_refused_by_name():
    first = episodes([1] * 8, weights="a/")
    for second, words in (
        (episodes([1] * 7, weights="b/"), "8 starts against 7, 7 in both"),
        ([replace(r, start_id=r.start_id + 1) for r in first], "8 starts against 8, 7 in both"),
        (episodes([1] * 8, weights="b/", config="c"), "set differently"),
        (
            episodes([1] * 4, weights="b/") + episodes([1] * 8, weights="c/")[4:],
            "weights comes in 2 versions",
        ),
        (episodes([1] * 8, world="mujoco"), "only the first run has it"),
    ):
        found = compare.compare(first, second)
        assert found.rows == [] and words in found.refused[0] and "Strike id, cem@learned" in found.refused[0]
    found = compare.compare(first, episodes([1] * 7 + [0], weights="a/", version="v"))
    assert found.rows == [] and "it must be the code" in found.notes[0] and "2 versions" in found.notes[1]


def test_models_of_a_run_are_compared(run, tmp_path, capsys):
    names = (f"{run}:{GOOD}", f"{run}:{BAD}")
    compare.main(compare.Args(names, tmp_path))
    meta, rows = results_io.read(tmp_path / "compare.json")
    real = one(rows, metric="success_difference", policy="cem", world="box2d")
    assert real["value"] > 0.4 and real["n"] == 6
    assert not select(rows, world="box2d", policy="noop")  # no model has a part in it
    assert meta["first"]["run"] == f"mine:{GOOD}" and "exact McNemar" in capsys.readouterr().out
    with pytest.raises(ValueError, match=r"has several models; name one of .*mine:box2d"):
        compare.main(compare.Args((str(run), names[1]), tmp_path))
    with pytest.raises(ValueError, match="nothing in common that differs"):
        compare.main(compare.Args((names[0], names[0]), tmp_path))


def test_a_result_file_stands_for_the_records_that_it_rests_on(run, tmp_path):
    assert [s.played.entry.name for s in resolve(str(run / "summary.json"))] == [GOOD, BAD]
    other = tmp_path / "mine"
    shutil.copytree(run, other)
    told = json.loads((other / "summary.json").read_text())
    told["meta"]["records"] = "0123"
    (other / "summary.json").write_text(json.dumps(told))
    with pytest.raises(ValueError, match="does not rest on the records"):
        resolve(str(other / "summary.json"))
    with pytest.raises(ValueError, match="is no run of the bridge"):
        resolve(str(results_io.RESULTS / "suite.json"))


def rewritten(run, folder, change):
    """A copy of a run whose records went through `change`, sealed anew."""
    shutil.copytree(run, folder)
    found = list(records.read(folder / "episodes").values())
    for path in (folder / "episodes").glob("*.jsonl"):
        path.unlink()
    with Writer(folder / "episodes", "forged") as writer:
        writer.append([new for r in found if (new := change(r)) is not None])
    return folder


def test_ranks_where_the_order_is_known(run, tmp_path, capsys):
    args = leaderboard.Args((str(run),), replays=3, out=tmp_path)
    leaderboard.main(args)
    meta, rows = results_io.read(tmp_path / "leaderboard.json")
    ranks = {r["model"]: r["value"] for r in select(rows, metric="rank_by_real_success")}
    assert ranks == {f"mine:{GOOD}": 1.0, f"mine:{BAD}": 2.0}
    best = one(rows, metric="real_success", model=f"mine:{GOOD}")
    assert best["value"] > 0.8 and best["low"] <= best["value"] <= best["high"] and best["n"] == 6
    assert one(rows, metric="agreement", model=f"mine:{GOOD}")["value"] == pytest.approx(1.0)
    assert meta["refused"] == {} and "6 starts per cell, 200 are needed" in meta["notes"]["protocol"]
    page = (tmp_path / "leaderboard.html").read_text()
    assert "2 submissions are ranked, 0 refused. Best to act in: mine:box2d" in page
    assert "Ranks and scores" in capsys.readouterr().out


def test_ties_share_a_rank_and_intervals_hold_their_draws(run):
    (good, _) = resolve(str(run))
    twin = replace(good, name="twin")
    rows = ranking.ranks([good, twin], good.run.protocol)
    assert all(r["value"] == r["low"] == r["high"] == 1.0 for r in rows if r["metric"].startswith("rank"))


def test_incomplete_and_altered_submissions_are_refused_by_name(run, tmp_path):
    lacking = rewritten(run, tmp_path / "lacking", lambda r: None if r.start_id == 10_000 else r)
    forged = rewritten(
        run, tmp_path / "forged", lambda r: replace(r, success=True) if r.world == "box2d" else r
    )
    broken = tmp_path / "broken"
    shutil.copytree(run, broken)
    path = next((broken / "episodes").glob("*.jsonl"))
    path.write_text(path.read_text().replace('"success":false', '"success":true', 1))
    runs = (f"{run}:{GOOD}", f"{lacking}:{GOOD}", f"{forged}:{GOOD}", str(broken))
    with pytest.raises(ValueError) as refused:
        leaderboard.main(leaderboard.Args(runs, replays=12, out=tmp_path / "out"))
    told = str(refused.value)
    assert "lacking:box2d: 1 of 6 episodes of Strike id, noop in box2d are missing" in told
    assert (
        "forged:box2d: altered, or the code does otherwise now" in told and "success True, now False" in told
    )
    assert "was altered after it was written" in told
    meta, rows = results_io.read(tmp_path / "out/leaderboard.json")
    assert {r["model"] for r in rows} == {f"mine:{GOOD}"} and len(meta["refused"]) == 3


def test_other_settings_and_models_that_are_not_at_hand_are_told(run, tmp_path):
    tuned = rewritten(
        run, tmp_path / "tuned", lambda r: replace(r, config="other") if r.policy == "cem" else r
    )
    found = validate(resolve(f"{tuned}:{GOOD}")[0], replays=0)
    assert any(
        "cem@learned in box2d are missing; 12 others there have other weights" in f for f in found.faults
    )
    more = replace(resolve(str(run))[0].run.protocol, tasks=("Strike", "Catch"))
    found = validate(resolve(f"{run}:{GOOD}", more)[0], replays=0)
    assert (
        len(found.faults) == 6 and "6 of 6 episodes of Catch id, noop in learned are miss" in found.faults[0]
    )
    gone = tmp_path / "gone"
    shutil.copytree(run, gone)
    config = json.loads((gone / "config.json").read_text())
    config["models"][0] = str(tmp_path / "lost")
    (gone / "config.json").write_text(json.dumps(config))
    found = validate(resolve(f"{gone}:{GOOD}")[0], replays=99)
    assert not found.faults and "it is not at hand" in found.notes[0]
    assert found.replayed == 18  # what happened in Box2D
    assert found.notes[1] == (
        "whether these decide as recorded was not verified, they are not at hand: cem@learned"
    )
    assert not validate(resolve(f"{run}:{GOOD}")[0], replays=0).notes


def test_relabelled_submissions_are_refused(run, tmp_path):
    """What one policy did, handed in under the name of another, with the promise of its plan."""
    theirs = {
        (r.start_id, r.world, r.weights): r for r in resolve(str(run))[0].played.records if r.policy == "noop"
    }

    def relabelled(r):
        if r.policy != "reactive,gain=0.7":
            return r
        return replace(theirs.get((r.start_id, r.world, r.weights), r), policy=r.policy, config=r.config)

    forged = rewritten(run, tmp_path / "relabelled", relabelled)
    found = validate(resolve(f"{forged}:{GOOD}")[0], replays=99)
    assert len(found.faults) == 12 and "decision 0 (0.0, 0.0), when asked again" in found.faults[0]


def test_versions_that_nobody_could_play_again_are_refused(run, tmp_path):
    elsewhere = lambda r: replace(r, version="v", device="cuda/1")  # noqa: E731
    other = rewritten(run, tmp_path / "other", elsewhere)
    runs = (f"{run}:{GOOD}", f"{other}:{GOOD}")
    board = leaderboard.ranked(leaderboard.Args(runs, replays=2), resolve(runs[0])[0].run.protocol)
    assert "2 versions of the code" in board.refused[f"other:{GOOD}"][0]
    assert {r["model"] for r in board.rows} == {f"mine:{GOOD}"}


def test_a_protocol_that_ranks_nothing_is_refused(run):
    protocol = resolve(str(run))[0].run.protocol
    for changes in ({"worlds": ("box2d",)}, {"policies": ("noop", "random", "reactive")}):
        with pytest.raises(ValueError, match="ranking needs the learned world and an engine"):
            leaderboard._check(replace(protocol, **changes))
