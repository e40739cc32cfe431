"""Ideas: every model learns from equally many frames, and a study is told by idea and level."""

from functools import partial

import pytest

from benchmarks import results_io
from benchmarks.learned import ideas, studies
from benchmarks.learned import tables as model_tables


def test_each_idea_sees_equally_many_frames_by_a_recipe_of_its_own():
    args = ideas.Args(frames=10_000)
    plan = ideas.plan(args)
    alone = [name for name, idea in ideas.IDEAS.items() if not idea.contacts]
    assert [name for name, *_ in plan] == [*alone, *ideas.IDEAS] and "motion, meeting" not in alone
    for _, scenario, recipe in plan:
        assert recipe.steps * recipe.batch_frames == pytest.approx(10_000, rel=0.02)
        assert recipe.mixture == ((scenario, 1.0),) and recipe.model["resolution"] == 32
    assert {scenario for _, scenario, _ in plan} == {"uniform", "collision"}
    assert len({str(recipe.settings()) for *_, recipe in plan}) == len(plan)


def test_an_idea_adds_nothing_but_what_it_says():
    """Whatever the recipe of a scenario is made of, the models of two ideas differ by these ideas alone."""
    models = {(name, scenario): recipe.model for name, scenario, recipe in ideas.plan(ideas.Args())}
    for scenario in ("uniform", "collision"):
        plain = models["motion", scenario]
        assert set(plain) == {"action_size", "action_scale", "resolution", "patch"}
        assert models["motion, absolute", scenario] == plain | {
            name: False for name in ("relative", "filled", "transfer", "covers")
        }
    assert models["motion, meeting", "collision"] == {**plain, "meets": True}
    assert models["motion, aligned", "collision"] == {**plain, "meets": True, "aligned": True}


def test_equal_recipes_are_trained_once(tmp_path, monkeypatch, here):
    asked = []

    def noted(recipe, measure, work):
        """Notes what is asked for, and answers with an empty result."""
        asked.append(recipe)
        results_io.write_text(studies._result(recipe, measure, work), "[]")

    monkeypatch.setattr(studies, "train_and_measure", noted)
    one, other = (recipe for *_, recipe in ideas.plan(ideas.Args())[:2])
    found = studies.run([one, other, one], partial(ideas.measured, clips=2), tmp_path, 2)
    assert found == [[], [], []] and asked == [one, other]


def test_ideas_are_told_by_level(tmp_path, here):
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
