"""The proof table: what is asked of a task, from records made by hand."""

import pytest

from benchmarks.episodes.records import EpisodeRecord
from benchmarks.results_io import check, select
from benchmarks.suite.proof import Args as ProofArgs
from benchmarks.suite.proof import ProofShop, plan, specs, summarise, unproved
from envs.catch import Catch

GOOD = {"oracle": 100, "noop": 0, "random": 10, "reactive": 40, "cem@inertia": 30, "cem@box2d": 96}


def _records(successes):
    """100 records of Catch id in Box2D for each policy, so many of them successes."""
    return [
        EpisodeRecord(
            "Catch", "id", i, "box2d", spec.policy, spec.prepared_in, i < successes[str(spec)], 0.5, 20
        )
        for spec in specs(Catch())
        for i in range(100)
    ]


def test_a_good_task_is_proved():
    rows = summarise(Catch(), _records(GOOD | {"cem@wrong": 50}))
    check(rows)
    assert unproved(rows) == []
    fall = select(rows, metric="success_fall")[0]
    assert fall["value"] == pytest.approx(0.46) and 0.10 < fall["low"] < 0.46


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"oracle": 90}, "oracle: success 0.90"),
        ({"noop": 6}, "noop: success 0.06"),
        ({"cem@inertia": 60}, "cem@inertia: success 0.60"),
        ({"cem@wrong": 80}, "falls by 0.16"),
    ],
)
def test_each_demand_can_fail(change, word):
    lines = unproved(summarise(Catch(), _records(GOOD | {"cem@wrong": 50} | change)))
    assert len(lines) == 1 and word in lines[0] and "Catch id in box2d" in lines[0]


def test_the_plan_covers_both_engines_with_reported_starts():
    cells = plan(ProofArgs(("Strike", "Intercept"), starts=10), ProofShop())
    assert {c.world for c in cells} == {"box2d", "mujoco"} and all(c.first >= 10_000 for c in cells)
    assert len(cells) == len(specs(Catch())) * 2 * (4 + 5)
    assert {c.spec.prepared_in for c in cells} == {"", "inertia", "frozen", "box2d", "wrong"}


def test_the_wrong_world_is_wrong_and_named_in_the_record():
    shop = ProofShop()
    assert shop.weights("wrong", shop.task("Catch")) != shop.weights("wrong", shop.task("Strike"))
    assert shop.world("wrong", shop.task("Strike")).engine.name == "perturbed:velocity_bias:0.5:box2d"
    assert shop.weights("wrong", shop.task("Strike")) == "box2d+0.5@1.5708"  # as in recorded episodes
