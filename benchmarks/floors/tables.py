"""Tables about ground truth: how far the engines agree, what the tracker adds, how fast clips are made."""

from collections.abc import Callable, Sequence

from benchmarks.reports.figures import WORLDS, in_order
from benchmarks.reports.tables import Table, level_name
from benchmarks.results_io import Row, select


def engines(rows: Sequence[Row]) -> Table:
    """Errors of each engine against the closed form, in distribution and at the worst level."""
    lines = []
    for scenario in dict.fromkeys(r["scenario"] for r in rows):
        for world in ("box2d", "mujoco"):
            own = select(rows, scenario=scenario, world=world)
            cells = [
                _of(select(own, metric=metric, level="id"))
                for metric in ("position_error", "position_disagreement", "velocity_error")
            ]
            worst = [r["value"] for r in own if r["metric"] == "position_error_max"]
            energy = [r["value"] for r in own if r["metric"] == "energy_drift_max"]
            lines.append(
                [
                    f"{scenario}, {WORLDS[world][0]}",
                    *cells,
                    *(f"{max(x):.1e}" if x else "–" for x in (worst, energy)),
                ]
            )
    n = max((r["n"] for r in select(rows, metric="position_error")), default=0)
    caption = f"Engines against the closed form, in distribution and at worst; {n} clips a level"
    head = [
        "Scenario, engine",
        "Position, m",
        "From Box2D, m",
        "Last velocity, m/s",
        "Worst position, m",
        "Worst energy drift",
    ]
    return Table(caption, head, lines)


def _of(found: Sequence[Row]) -> str:
    return f"{found[0]['value']:.1e}" if found else "–"


def floors(rows: Sequence[Row], size: str = "64") -> Table:
    """What tracking true pictures of one resolution adds to every error, by scenario and level."""
    own = [r for r in rows if r.get("size") == int(size)]
    lines = []
    for scenario, level in dict.fromkeys(
        (r["scenario"], r["level"]) for r in select(own, metric="velocity_error")
    ):
        here = select(own, scenario=scenario, level=level)
        velocity = select(here, metric="velocity_error")[0]
        alarms = select(here, metric="false_alarms")[0]
        lines.append(
            [
                f"{scenario}, {level_name(level)}",
                f"{velocity['value']:.4f} [{velocity['low']:.4f}, {velocity['high']:.4f}]",
                f"{select(here, metric='position_error_max')[0]['value']:.3f}",
                f"{alarms['value']} of {alarms['n']:,}",
            ]
        )
    caption = f"The tracker on true pictures of {size} pixels [95 % intervals]"
    return Table(caption, ["Clips", "Velocity error, m/s", "Worst position, m", "False alarms"], lines)


def clips(rows: Sequence[Row]) -> Table:
    """Clips per second and process, by scenario and engine."""
    found = select(rows, metric="clips_per_s")
    worlds = in_order({r["world"] for r in found}, tuple(WORLDS))
    lines = []
    for scenario in dict.fromkeys(r["scenario"] for r in found):
        cells = [select(found, scenario=scenario, world=world) for world in worlds]
        lines.append([scenario, *(f"{cell[0]['value']:.0f}" if cell else "–" for cell in cells)])
    caption = "Clips per second of one process: drawn, simulated and written"
    return Table(caption, ["Scenario", *(WORLDS[w][0] if w in WORLDS else w for w in worlds)], lines)


TRUTH_TABLES: dict[str, Callable[..., Table]] = {"engines": engines, "floors": floors, "clips": clips}
