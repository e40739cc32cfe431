"""Tables of the suite, from rows written by hand."""

from benchmarks.reports.figures import policy_name
from benchmarks.suite.rows import COMPARED
from benchmarks.suite.tables import pace, planners, saved, trained


def row(metric: str, value: float, **where: object) -> dict[str, object]:
    return {**where, "metric": metric, "value": value, "low": value / 2, "high": value * 1.5, "n": 50}


def test_planners_stand_by_task_with_what_they_spent():
    who = {"policy": "cem,budget=4000", "prepared_in": "box2d", "level": "id", "world": "box2d"}
    rows = [
        row("success", 0.5, task="Strike", factor=COMPARED, **who),
        row("imagined_frames", 3200, task="Strike", factor=COMPARED, **who),
        row("success", 0.4, task="Strike", **who),  # of another stage
        row("success", 0.6, task="Catch", factor=COMPARED, policy="oracle", level="id", world="box2d"),
    ]
    table = planners(rows)
    assert table.head == ["Planner", "Strike", "Catch"] and "50 starts" in table.caption
    assert table.lines == [
        ["CEM, planned in Box2D", "50 [25, 75]; 3,200", "–"],
        ["oracle (true state)", "–", "60 [30, 90]"],
    ]


def test_learners_stand_beside_those_of_the_engine_at_the_levels_asked_for():
    def cell(value: float, policy: str, made: str, world: str, level: str = "id") -> dict[str, object]:
        where = {"task": "Strike", "level": level, "policy": policy, "prepared_in": made, "world": world}
        return row("success", value, **where)

    rows = [cell(v, "ppo", "learned", w) for v, w in ((0.4, "learned"), (0.2, "box2d"), (0.3, "mujoco"))]
    rows += [cell(0.6, "sac,frames=1700000", "box2d", "box2d"), cell(0.5, "ppo", "box2d", "box2d")]
    rows += [cell(0.1, "ppo", "learned", "box2d", "speed")]
    told = ["40 [20, 60]", "20 [10, 30]", "30 [15, 45]", "60 [30, 90]"]
    assert trained(rows, "id").lines == [["Strike, in-distribution", *told]]
    assert trained(rows).lines[1] == ["Strike, faster", "–", "10 [5, 15]", "–", "–"]


def test_savings_are_medians_and_a_run_that_never_came_so_far_counts():
    def runs(way: str, *needed: float | None) -> list[dict[str, object]]:
        where = {"task": "Catch", "world": "box2d", "factor": 0.8, "policy": way}
        made = [row("frames_spent", 150_000, seed=i, **where) for i in range(len(needed))]
        return made + [
            row("frames_to_success", n, seed=i, **where) for i, n in enumerate(needed) if n is not None
        ]

    scratch, started = runs("ppo", 90_000, 70_000, None), runs("ppo_started", 0, 20_000, 10_000)
    mixed = runs("ppo_mixed", None, 30_000, None)
    line = ["Catch, 80% solved", "90,000 (70,000 to never)", "10,000 (0 to 20,000); 80,000 fewer"]
    table = saved([*scratch, *started, *mixed])
    assert (
        table.lines == [[*line, "never (30,000 to never)"]] and "median of 3 training runs" in table.caption
    )
    assert saved(started).lines == [["Catch, 80% solved", "–", "10,000 (0 to 20,000)", "–"]]
    late = saved([*scratch, *runs("ppo_started", 95_000, 95_000, 95_000)])
    assert late.lines[0][2] == "95,000 (95,000 to 95,000)"  # later than from scratch: nothing is saved


def test_worlds_stand_by_how_many_are_side_by_side():
    rows = [
        row(metric, value * batch, task="Catch", world="box2d", batch=batch)
        for metric, value in (("frames_per_s", 20), ("steps_per_s", 10))
        for batch in (64, 1)
    ]
    rows.append(
        row("steps_per_s", 400, task="Catch", world="box2d", batch=32, policy="ppo", prepared_in="box2d")
    )
    table = pace(rows)
    assert table.head == ["World", "1", "64"]
    assert [line[1:] for line in table.lines] == [["20", "1,280"], ["10", "640"], ["", "400 (32 rows)"]]


def test_a_graded_policy_is_called_by_what_was_turned():
    assert policy_name("sac,frames=1700000", "box2d") == "SAC, frames 1700000, trained in Box2D"
    assert policy_name("mine:a,b", None) == "mine:a,b"
