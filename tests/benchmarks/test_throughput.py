"""The throughput benchmark: every figure is there, once; how large they are is for the machine to say."""

import pytest

from benchmarks import throughput
from benchmarks.results_io import check, select


@pytest.mark.parametrize("name", ["motion", "causal tiny"])
def test_all_figures_are_measured(name):
    rows = throughput.measure(name, 2, seconds=0.0)
    check(rows)
    metrics = {row["metric"] for row in rows}
    assert metrics >= {"frames_per_s", "seconds_per_decision", "shared_context_speedup", "peak_memory_mib"}
    assert ("memory_speedup" in metrics) == name.startswith("causal")
    (rate,) = select(rows, metric="frames_per_s")
    (strike,) = select(rows, metric="seconds_per_decision", task="Strike")
    assert strike["value"] == pytest.approx(96 * 28 / rate["value"])


def test_unknown_models_are_refused(tmp_path):
    with pytest.raises(ValueError, match="clip tiny"):
        throughput.main(throughput.Args(models=("clip",), out=tmp_path / "out.json"))
