"""What phyworld's authors published."""

from collections.abc import Iterator

from benchmarks.results_io import Row

SCENARIOS = ("uniform", "collision", "parabola")  #: those of the study


def published() -> Iterator[Row]:
    """Velocity errors printed in Kang et al., "How Far is Video Generation from World Model"."""
    figures = {
        ("phyworld parser", "id"): (0.0099, 0.0117, 0.0210),
        ("phyworld VAE", "id"): (0.0105, 0.0131, 0.0212),
        ("phyworld DiT-S, 30K videos", "id"): (0.022, None, None),
        ("phyworld DiT-L, 3M videos", "id"): (0.012, None, None),
        ("phyworld DiT-L, 3M videos", "ood"): (0.427, None, None),
        ("phyworld SVD, fine-tuned", "id"): (0.0505, None, None),
        ("phyworld SVD, fine-tuned", "ood"): (0.9081, None, None),
    }
    for (model, level), values in figures.items():
        for scenario, value in zip(SCENARIOS, values):
            if value is not None:
                where = {"scenario": scenario, "level": level, "model": model, "metric": "velocity_error"}
                yield {**where, "value": value, "low": None, "high": None, "n": None}
