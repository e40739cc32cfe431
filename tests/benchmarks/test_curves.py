"""Where two curves part, and what a level of success cost, by cases that can be checked by hand."""

from pathlib import Path

import pytest

from benchmarks.reports import curves


def rows(*rates: tuple[float, float], step: int = 100, real: bool = False) -> list[dict]:
    return [
        {
            "frames": i * step,
            "real_frames": i * step * real,
            "imagined_success": imagined,
            "real_success": actual,
            "n": 50,
            "imagined_in": "learned",
            "real_in": "box2d",
        }
        for i, (imagined, actual) in enumerate(rates)
    ]


def test_they_part_where_the_gap_stays_wider_than_its_interval() -> None:
    # at 50 starts and rates near a half, each half width is 0.13 and that of the difference 0.19
    assert curves.parting(rows((0.1, 0.1), (0.5, 0.4), (0.6, 0.35), (0.9, 0.4))) == 200
    assert curves.parting(rows((0.6, 0.2), (0.6, 0.5))) is None  # they met again
    assert curves.parting(rows((0.2, 0.9))) is None  # real is above


def test_frames_until_a_level_are_those_of_ground_truth() -> None:
    scratch = rows((0.0, 0.0), (0.5, 0.5), (0.8, 0.8), real=True)
    started = rows((0.9, 0.7), (0.9, 0.85), step=30, real=True)
    found = curves.saving(scratch, started, 0.8)
    assert (found.scratch, found.started, found.least) == (200, 30, 170)
    assert str(found).endswith("200 frames, started in imagination 30 frames; 170 saved")
    open_end = curves.saving(scratch, started, 0.82)
    assert (open_end.scratch, open_end.least) == (None, 170) and "at least 170 saved" in str(open_end)
    nothing = curves.saving(scratch, started, 0.9)
    assert nothing.least is None and "not reached within 30 frames" in str(nothing)
    with pytest.raises(ValueError, match="box2d and mujoco"):
        curves.saving(scratch, [row | {"real_in": "mujoco"} for row in started], 0.8)


def test_a_picture_is_drawn_and_a_missing_curve_is_explained(tmp_path: Path) -> None:
    curves.draw(rows((0.1, 0.1), (0.9, 0.3)), tmp_path / "curve.png", "PPO on Catch")
    assert (tmp_path / "curve.png").stat().st_size > 5000
    with pytest.raises(ValueError, match="--evaluate-every"):
        curves.read(tmp_path)
