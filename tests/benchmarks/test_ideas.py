"""Ideas: every model learns from equally many frames, and a study is told by idea and level."""

import pytest

from benchmarks import ideas, model_tables, results_io


def test_each_idea_sees_equally_many_frames():
    plan = ideas.plan(ideas.Args(frames=10_000, recipes=("uniform",)))
    assert [name for name, *_ in plan] == list(ideas.IDEAS)
    for _, _, recipe in plan:
        assert recipe.steps * recipe.batch_frames == pytest.approx(10_000, rel=0.02)
        assert recipe.mixture == (("uniform", 1.0),) and recipe.model["resolution"] == 32
    assert len({str(recipe.settings()) for *_, recipe in plan}) == len(plan)


def test_ideas_are_told_by_level(tmp_path):
    args = ideas.Args(
        recipes=("collision",), ideas=("motion",), frames=112, clips=4, asked=2, workers=1,
        work=tmp_path / "work", out=tmp_path / "ideas.json",
    )  # fmt: skip
    ideas.main(args)
    _, rows = results_io.read(args.out)
    errors = results_io.select(rows, metric="velocity_error", model="motion")
    assert [r["level"] for r in errors][:3] == ["id", "size1", "speed1"] and len(errors) == 7
    assert len(model_tables.ideas(rows).lines) == 1


def test_an_unknown_idea_lists_what_exists():
    with pytest.raises(ValueError, match=r"unknown ideas \['magic'\]; there are direct, plain"):
        ideas.plan(ideas.Args(ideas=("magic",)))
