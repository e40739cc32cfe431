"""The throughput benchmark: every figure is there, once; how large they are is for the machine to say."""

import json

import pytest
import torch

from benchmarks import results_io
from benchmarks.learned import tables as model_tables
from benchmarks.learned import throughput, timing
from benchmarks.learned.throughput import Cell, measure, plan
from benchmarks.learned.timing import Subject
from benchmarks.results_io import check, select


def cell(name, batch, **changes):
    return Cell(name, batch, **({"tasks": ("Catch",), "seconds": 0.0, "longest": 1e9} | changes))


@pytest.mark.parametrize("name", ["motion", "causal tiny", "inertia", "retrieval"])
def test_all_figures_of_a_batch_are_measured(name):
    rows = measure(cell(name, 2))
    check(rows)
    metrics = ["frames_per_s", "peak_memory_mib", "shared_context_speedup"]
    assert [r["metric"] for r in rows] == metrics + ["memory_speedup"] * name.startswith("causal")
    assert all(row["value"] > 0 and row["batch"] == 2 for row in rows)


def test_a_decision_is_planned_and_one_that_takes_too_long_is_projected():
    """Never more frames than the candidates have; when projected, as many."""
    planned, projected = (measure(cell("motion", None, longest=longest)) for longest in (1e9, 0.0))
    (seconds,), (frames,) = (select(planned, metric=f"{m}_per_decision") for m in ("seconds", "frames"))
    assert seconds["value"] > 0 and seconds["task"] == "Catch" and "batch" not in seconds
    (most,) = select(projected, metric="frames_per_decision")
    assert 0 < frames["value"] <= most["value"] == (10 + 4) * 48
    assert select(projected, metric="seconds_per_decision_projected")[0]["value"] > 0
    assert not select(projected, metric="seconds_per_decision")


def test_without_a_memory_the_same_frame_is_made():
    """Else the ratio would compare two things: from the window's frames, `step` makes what is made anew."""
    torch.manual_seed(0)
    subject = Subject("causal tiny")
    for parameter in subject.model.transformer.parameters():
        torch.nn.init.normal_(parameter, std=0.02)  # untrained, nothing would depend on the past
    anew = subject.without_memory(3)
    subject.model.context_frames = subject.model.window
    with torch.no_grad():
        _, frames = subject.model.step(subject.begin(3), torch.zeros(3, 1, 2))
        made = anew()
    assert (frames[:, 0] - made).abs().max() < 0.02 and made.std() > 0.02
    assert (made[0] - made[1]).abs().max() > 0.05


def test_what_does_not_fit_is_told_and_what_was_measured_is_kept(monkeypatch, tmp_path):
    """Nothing that large is begun; what lies in the folder is not measured again."""
    monkeypatch.setattr(timing, "memory_there", lambda device: 2**30)
    monkeypatch.setattr(Subject, "needed", lambda self, batch: batch * 2**24)
    args = throughput.Args(
        models=("direct",),
        batches=(2, 1024),
        tasks=(),
        seconds=0.0,
        work=tmp_path / "work",
        out=tmp_path / "a",
    )
    for one in plan(args):
        results_io.write_text(one.file(args.work), json.dumps(measure(one)))
    kept = {file: file.stat().st_mtime_ns for file in args.work.iterdir()}
    throughput.main(args)
    assert kept == {file: file.stat().st_mtime_ns for file in args.work.iterdir()} and len(kept) == 3
    _, rows = results_io.read(args.out)
    assert [r["metric"] for r in select(rows, batch=1024)] == ["memory_needed_mib", "memory_there_mib"]
    assert model_tables.throughput(rows).lines[0][2] == "needs 16 GiB"


def test_unknown_models_are_refused(tmp_path):
    with pytest.raises(ValueError, match="clip tiny"):
        throughput.main(throughput.Args(models=("clip",), out=tmp_path / "out.json"))
