"""A result file of several runs: what is measured anew takes the place of what was there, the rest stays."""

import pytest

from benchmarks.results_io import check, meta, select, write
from benchmarks.suite.kept import merge, part_of

WEIGHTS, MODEL_OF = {"table": "aa", "drop": "bb"}, {"Strike": "table", "Catch": "drop"}.get
CEM = {"task": "Catch", "policy": "cem", "prepared_in": "learned", "world": "box2d", "level": "id"}
ORACLE = {"task": "Strike", "policy": "oracle", "world": "box2d", "level": "id"}
ERROR = {"task": "Catch", "model": "drop", "world": "learned", "level": "id", "metric": "velocity_error"}


def row(about, value, metric="success", **more):
    return {**about, "metric": metric, "value": value, "n": 50, **more}


OLD = [
    row(CEM, 0.1),
    row(CEM, 0.2, level="speed"),
    row(CEM, 0.3, factor="planners"),
    row(ORACLE, 0.4),
    {**ERROR, "value": 0.5, "n": 50},
]


@pytest.fixture
def path(tmp_path):
    write(tmp_path / "s.json", meta("x", 0, models=WEIGHTS) | {"date": "2026-01-01", "commit": "c0"}, OLD)
    return tmp_path / "s.json"


def test_parts_have_names():
    names = [part_of(r) for r in OLD]
    assert names == [
        *["Catch cem@learned"] * 2,
        "planners Catch cem@learned",
        "Strike oracle",
        "Catch drop learned",
    ]
    speed = {"task": "Catch", "world": "box2d", "batch": 1}
    assert part_of({**speed, "metric": "frames_per_s"}) == "speed Catch box2d"
    ppo = {"task": "Catch", "policy": "ppo", "prepared_in": "box2d", "world": "box2d"}
    assert part_of({**ppo, "metric": "success"}) == "Catch ppo@box2d"  # how fast it learns is another part
    assert part_of({**ppo, "metric": "steps_per_s"}) == "speed Catch ppo@box2d"
    assert part_of({**ppo, "factor": 0.8, "metric": "frames_spent"}) == "saved Catch ppo@box2d"


def test_a_part_is_replaced_as_a_whole_and_the_others_stay(path):
    rows, parts, stay = merge(path, [row(CEM, 0.9)], WEIGHTS, MODEL_OF)
    check(rows)
    assert [r["value"] for r in select(rows, policy="cem", factor=None)] == [0.9]  # nor the old other level
    assert sorted(r["value"] for r in rows) == [0.3, 0.4, 0.5, 0.9]
    assert {*parts} == {"Catch cem@learned"} and {*stay.values()} == {"2026-01-01 c0"} != {*parts.values()}
    assert {*stay} == {"planners Catch cem@learned", "Strike oracle", "Catch drop learned"}


def test_parts_remember_their_run_through_others(path):
    rows, parts, stay = merge(path, [row(CEM, 0.9)], WEIGHTS, MODEL_OF)
    write(path, meta("x", 0, models=WEIGHTS, parts={**parts, **stay}), rows)
    rows, _, stay = merge(path, [row(ORACLE, 1.0)], WEIGHTS, MODEL_OF)
    assert stay["Catch drop learned"] == "2026-01-01 c0" and sorted(r["value"] for r in rows)[-1] == 1.0


def test_what_other_weights_did_goes(path):
    rows, *_ = merge(path, [], {**WEIGHTS, "drop": "cc"}, MODEL_OF)
    assert [r["value"] for r in rows] == [0.4]
    rows, *_ = merge(path, [], {**WEIGHTS, "table": "cc"}, MODEL_OF)
    assert len(rows) == 5  # nothing of Strike was done in the model


def test_without_a_file_the_rows_are_those_of_the_run(tmp_path):
    rows, parts, stay = merge(tmp_path / "s.json", OLD, WEIGHTS, MODEL_OF)
    assert rows == OLD and len(parts) == 4 and not stay
    (tmp_path / "s.json").write_text("{")
    with pytest.raises(ValueError, match="is not a result file"):
        merge(tmp_path / "s.json", OLD, WEIGHTS, MODEL_OF)
