"""Errors of models by frame: only clips that truly have a ball in view there are counted."""

import pytest

from benchmarks.learned import models
from benchmarks.results_io import select, write
from worldsim.metrics.rollouts import make_clips, score_batches, truth
from worldsim.metrics.scoring import in_view


@pytest.mark.parametrize("level", ["id", "speed"])
def test_a_frame_at_which_nothing_is_in_view_has_no_error(tmp_path, level):
    """Every parabola has begun to leave the view by the last frame, and most of them well before."""
    clips = make_clips("parabola", level, 12, "in view")
    scores = score_batches(clips, lambda some, _: truth(some, 32))
    rows = list(models._rows("exact", "parabola", level, scores))
    write(tmp_path / "models.json", {}, rows)  # which refuses NaN
    shown = in_view(clips.states, clips.scenes).any(-1).sum(0).tolist()
    counted = {r["frame"]: r["n"] for r in select(rows, metric="position_error")}
    assert counted == {frame: shown[frame] for frame in models.FRAMES if shown[frame]}
    assert 31 not in counted and 0 < counted[15] and counted[7] == 12
    assert all(r["value"] < 0.1 for r in select(rows, metric="position_error"))
