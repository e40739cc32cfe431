"""The stage `repair`: its cells, credits by hand, a sweep that is interrupted and goes on."""

from dataclasses import replace

import pytest

from agents.planners import PLANNERS, Entry
from agents.refits.cem import CEM, CEMConfig
from agents.repair.parts import PARTS
from benchmarks import results_io
from benchmarks.costing import command as cost
from benchmarks.costing import repair_figures, repairs, sweep, tables
from benchmarks.costing.command import Args
from benchmarks.costing.repairs import Place, Repairs
from benchmarks.episodes import projection
from benchmarks.episodes.records import EpisodeRecord
from benchmarks.episodes.specs import Spec
from benchmarks.episodes.workers import work
from benchmarks.episodes.workshop import Workshop
from benchmarks.results_io import check, select
from envs.tasks import make_task

PLACE = Place("Strike", "id", "learned", "box2d", "cem,frames=1000", "table")


def episodes(solves, starts=30):
    """Records of every set of parts: `solves` says of a start and its parts whether it was solved."""
    found = []
    for n in range(64):
        parts = {part for i, part in enumerate(PARTS) if n >> i & 1}
        for start in range(starts):
            where = "Strike", "id", start, "box2d", PLACE.policy, PLACE.repaired(n)
            found.append(EpisodeRecord(*where, solves(start, parts), 0.5, 28))
    return found


def test_credits_by_hand():
    """Two of three starts need the outcome; of these every second one needs existence as well."""

    def solves(start, parts):
        return start % 3 == 0 or ("outcome" in parts and (start % 2 == 0 or "existence" in parts))

    rows, notes = repairs.summarise([PLACE], episodes(solves), Repairs(starts=30))
    check(rows)
    assert notes == [] and len(select(rows, metric="success")) == 64
    credits = {r["prepared_in"].split(":")[1]: r for r in select(rows, metric="credit")}
    values = {part: row["value"] for part, row in credits.items()}
    wanted = dict.fromkeys(PARTS, 0.0) | {"outcome": 1 / 3 + 1 / 6, "existence": 1 / 6}
    assert values == pytest.approx(wanted)
    (gained,) = select(rows, metric="recovered")
    assert sum(values.values()) == pytest.approx(gained["value"]) == pytest.approx(2 / 3)
    assert credits["time"]["low"] == credits["time"]["high"] == 0.0
    assert 0.25 < credits["outcome"]["low"] < 0.5 < credits["outcome"]["high"] < 0.7
    (axis,) = repair_figures.draw(rows).axes
    assert axis.get_title() == "Strike, id"
    table = tables.repair(rows)
    told = dict(zip(table.head, *table.lines))
    assert told["As it is"].startswith("33 [") and told["All repaired"].startswith("100 [")
    assert told["Outcome"].startswith("50 [") and told["Time"] == "0 [0, 0]"


def test_what_is_too_little_is_told():
    rows, notes = repairs.summarise([PLACE], episodes(lambda start, parts: False, 3), Repairs(starts=4))
    assert select(rows, metric="credit")[0]["low"] is None
    told = " ".join(notes)
    assert "3 of 4 starts were played with every set" in told and "3 starts, 6 are needed" in told
    assert "nothing to recover" in told
    missing = [r for r in episodes(lambda start, parts: True, 3) if ":time:" not in r.prepared_in]
    rows, notes = repairs.summarise([PLACE], missing, Repairs(starts=3))
    assert not select(rows, metric="credit") and len(select(rows, metric="success")) == 63
    assert not tables.repair(rows).lines


@pytest.mark.parametrize("most", [400, 1000, 3000])
def test_no_plan_takes_more_frames_than_allowed(most):
    from agents.budget import schedule
    from agents.graded import graded_settings
    from agents.planners import config_for

    for name in ("Strike", "Catch", "Bounce"):
        task = make_task(name)
        knobs = dict.fromkeys(
            ["frames"] * len(repairs.capped(task, most)), *repairs.capped(task, most) or [0]
        )
        plans = schedule(task, graded_settings(config_for("cem", task), knobs))
        spent = [sum(counts) * min(48, task.frames - t) for t, counts in plans.items()]
        assert max(spent) <= most
        assert max(spent) > 0.6 * most or not knobs


def test_specs_with_repairs_are_read_back():
    spec = Spec.parse("cem,frames=1000@repaired:before+time:box2d:learned")
    assert spec.imagines_in == "learned" and spec.repair.parts == ("before", "time")
    assert Spec.parse("cem@learned").repair is None
    weights = Workshop().policy_hash(spec, make_task("Strike"))
    assert weights == Workshop().policy_hash(Spec.parse("cem@learned"), make_task("Strike")) != ""
    with pytest.raises(ValueError, match="no part is called luck"):
        Spec.parse("cem@repaired:luck:box2d:learned")
    with pytest.raises(ValueError, match="unknown engine 'magic'"):
        Spec.parse("cem@repaired:time:box2d:magic")
    with pytest.raises(ValueError, match="unknown policy"):
        Spec.parse("ppo@repaired:time:box2d:learned")


def test_a_sweep_that_was_interrupted_goes_on_and_credits_add_up(tmp_path, monkeypatch):
    monkeypatch.setattr(projection, "TRIED", 1)
    monkeypatch.setitem(PLANNERS, "cem", Entry(CEM, CEMConfig(candidates=(6,), refresh=(2,))))
    monkeypatch.setattr(sweep, "play_all", lambda job: work(job, 0))
    options = Repairs(("Strike",), ("id",), ("perturbed:restitution:1:box2d",), starts=2, orders=1)
    args = Args(rows=2, workers=1, work=tmp_path, stages=("repair",), repair=options, out=tmp_path / "c.json")
    places = repairs.plan(args, options, Workshop())
    job = repairs.job_of(places, args, options)
    assert len(job.cells) == 7 and job.missing() == 14
    work(replace(job, cells=job.cells[:2]), 0)
    before = (job.folder / "worker0.jsonl").read_bytes()
    assert job.missing() == 10
    cost.main(args)
    assert (job.folder / "worker0.jsonl").read_bytes().startswith(before) and job.missing() == 0
    meta, rows = results_io.read(args.out)
    credits = [r["value"] for r in select(rows, metric="credit")]
    (gained,) = select(rows, metric="recovered")
    assert len(credits) == 6 and sum(credits) == pytest.approx(gained["value"])
    assert any("2 starts, 6 are needed" in note for note in meta["notes"])
    assert meta["stages"]["repair"]["options"]["orders"] == 1
    assert (tmp_path / "c-repair.png").stat().st_size > 5000
