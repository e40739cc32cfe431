"""The engines' benchmark: what it measures, and that the committed figures keep their promises."""

import numpy as np
import pytest

from benchmarks.floors import engines
from benchmarks.results_io import RESULTS, read
from worldsim.engines import make_engine, simulate


def test_a_run_writes_rows_within_their_promises(tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "SCENES", ("drop",))
    engines.main(engines.Args(clips=4, out=tmp_path / "engines.json"))
    _, rows = read(tmp_path / "engines.json")
    assert {r["metric"] for r in rows} >= {"position_error", "apex_error_max", "energy_drift_max"}
    assert sum(engines.limit(r) is not None for r in rows) > 20
    assert all(r["value"] <= engines.limit(r) for r in rows if engines.limit(r) is not None)


def test_slow_collisions_close_slowly_and_still_meet():
    scenes = engines.draw("collision", "slow", 20, 0)
    closing = [abs(np.subtract(*(b.velocity[0] for b in s.bodies))) for s in scenes]
    assert max(closing) < 1
    states = simulate(make_engine("analytic"), scenes, 32).states
    assert (np.abs(states[:, -1] - states[:, 0])[..., 3].max(axis=1) > 0.01).all()


def test_a_wrong_velocity_is_an_error_of_that_size():
    true = np.zeros((2, 5, 1, 6))
    wrong = true.copy()
    wrong[0, -1, 0, 3:5], wrong[0, -1, 0, 0] = (0.3, 0.4), 1.0
    values = engines.apart(wrong, true, "error")
    assert values["velocity_error_max"] == pytest.approx(0.5) and values["velocity_error"] == pytest.approx(
        0.25
    )
    assert values["position_error_max"] == 1.0 and values["position_error"] == pytest.approx(0.1)


def test_the_committed_figures_keep_their_promises():
    _, rows = read(RESULTS / "engines.json")
    assert all(r["value"] <= engines.limit(r) for r in rows if engines.limit(r) is not None)
    assert {r["world"] for r in rows} == {"analytic", "box2d", "mujoco"}
