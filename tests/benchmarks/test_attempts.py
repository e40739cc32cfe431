"""Ranked attempts: the score's closed form, and a ranking by truth itself."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks import results_io
from benchmarks.episodes.workshop import Workshop
from benchmarks.suite import attempts
from benchmarks.suite.attempts import Args, auccess, candidates, main, measure
from benchmarks.suite.tables import SUITE_TABLES
from envs.episodes import episode_keys
from envs.place import Place
from envs.rollouts import Rollouts
from worldsim.worlds import make_world


def test_auccess_weighs_early_success_most():
    """PHYRE's weights telescope: what is solved first at attempt k scores 1 - ln k / ln 101."""
    for first in (1, 2, 10, 100):
        worked = np.arange(1, 101) >= first
        assert auccess(worked) == pytest.approx(1 - np.log(first) / np.log(101))
        assert auccess(np.arange(1, 101) == first) == pytest.approx(1 - np.log(first) / np.log(101))
    assert auccess(np.zeros(100, dtype=bool)) == 0.0


def test_truth_ranks_first_what_works_first():
    """Of a few candidates, ranked by the engine that executes: all that work come before all that do not."""
    task, workshop = Place(), Workshop()
    starts = [task.sample("id", 0)]
    args = Args(candidates=10, attempts=10, starts=1)
    ranked, plain = (measure(task, "id", starts, w, args, workshop)[0] for w in ("box2d", "none"))
    assert ranked.sum() == plain.sum()
    assert (np.diff(ranked.astype(int)) <= 0).all()
    rows = Rollouts(task, make_world("reference", task.template), 1)
    rows.begin(np.arange(1), starts, episode_keys(starts))
    plans = candidates(task, "id", rows.observe(privileged=True), episode_keys(starts), 10)
    assert plans.shape == (1, 10, task.frames, 2) and not plans[:, :, 1:].any() and plans[:, :, 0].all()


def test_an_interrupted_measurement_goes_on(tmp_path, monkeypatch):
    """What was measured is not measured again, unless other starts are asked for."""
    asked = []

    def measured(task, level, starts, world, args, workshop):
        if world == "box2d" and not asked.count("box2d"):
            asked.append(world)
            raise KeyboardInterrupt
        asked.append(world)
        return np.eye(100, dtype=bool)[: len(starts)]  # the first start is solved at once, the next one later

    monkeypatch.setattr(attempts, "measure", measured)
    args = Args(levels=("id",), starts=2, imagine=("none", "box2d"), work=tmp_path, out=tmp_path / "a.json")
    with pytest.raises(KeyboardInterrupt):
        main(args)
    main(args)
    assert asked == ["none", "box2d", "box2d"]
    _, rows = results_io.read(args.out)
    lines = SUITE_TABLES["attempts"](rows).lines
    assert [line[1] for line in lines] == ["nothing, in random order", "Box2D"]
    assert lines[0][2].startswith(f"{100 * (2 - np.log(2) / np.log(101)) / 2:.0f} ")
    assert [cell.split()[0] for cell in lines[0][3:]] == ["50", "100", "100"]
    main(replace(args, starts=3))
    assert asked[3:] == ["none", "box2d"]
