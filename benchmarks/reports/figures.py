"""Figures from result rows: success by level and world, velocity error against success.

Colours are Okabe and Ito's, and every colour goes with a marker of its own, so nothing hangs on colour alone.
`svg` gives a figure whose ink follows the text colour of the page around it.
"""

import html
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from benchmarks.episodes.specs import LEARNERS
from benchmarks.results_io import Row, select

WORLDS = {
    "learned": ("learned model", "#D55E00", "o"),
    "box2d": ("Box2D", "#0072B2", "s"),
    "mujoco": ("MuJoCo", "#009E73", "^"),
    "analytic": ("closed form", "#CC79A7", "D"),
    "inertia": ("inertia", "#999999", "v"),
}
TASKS = ("Strike", "Bank", "Intercept", "Push", "Catch", "Drop", "Bounce")
LEVELS = ("id", "bounce", "long", "speed", "size", "both")
LEVEL_NAMES = {
    "id": "in-distribution",
    "bounce": "with a bounce",
    "long": "hidden for longer",
    "speed": "faster",
    "size": "other sizes",
    "both": "faster and other sizes",
}
LEVEL_STYLES = {
    "id": ("#0072B2", "o"),
    "bounce": ("#CC79A7", "^"),
    "long": ("#56B4E9", "P"),
    "speed": ("#E69F00", "s"),
    "size": ("#009E73", "D"),
    "both": ("#D55E00", "X"),
}
OTHER_LEVEL = ("#777777", "v")
POLICIES = (
    ("noop", None),
    ("random", None),
    ("reactive", None),
    ("cem", "inertia"),
    ("ppo", "learned"),
    ("ppo", "box2d"),
    ("cem", "learned"),
    ("cem", "box2d"),
    ("cem_privileged", "box2d"),
    ("oracle", None),
)
INK = "#010203"  #: stands for the page's text colour
STYLE: Any = {  #: of every figure; names from users' files are drawn as they are, never as formulas
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlesize": 9.5,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.fonttype": "none",
    "text.parse_math": False,
}


def policy_name(policy: str, prepared_in: str | None) -> str:
    """How a policy is called in figures and tables."""
    names = {
        "noop": "do nothing",
        "random": "random",
        "reactive": "reactive",
        "oracle": "oracle (true state)",
        "shooting": "random shooting",
        "cem": "CEM",
        "cem_privileged": "CEM with true state",
        "icem": "iCEM",
        "mppi": "MPPI",
        "gradient": "gradient descent",
        **{name: _learner_name(*made) for name, made in LEARNERS.items()},
    }
    plain, *knobs = policy.split(",")
    verb = "trained" if plain in LEARNERS else "planned"
    turned = "".join(f", {knob.replace('=', ' ')}" for knob in knobs)
    name = names[plain] + turned if plain in names else policy
    if not prepared_in:
        return name
    where = {"learned": "in the model", "box2d": "in Box2D", "mujoco": "in MuJoCo"}
    return f"{name}, {verb} {where.get(prepared_in, 'in ' + prepared_in)}"


def _learner_name(algo: str, observation: str) -> str:
    name = {"ppo_resident": "PPO on the device"}.get(algo, algo.upper())
    return name if observation == "tracked" else f"{name} on frames"


def shortened(name: str, most: int = 44) -> str:
    """A name that leaves room for a figure; names come from users."""
    return name if len(name) <= most else name[: most - 1] + "…"


def in_order(found: set[Any], order: Sequence[Any]) -> list[Any]:
    """The found items in the usual order, unknown ones last."""
    return [x for x in order if x in found] + sorted((x for x in found if x not in order), key=str)


def success(rows: Sequence[Row], task: str, metric: str = "success") -> Figure:
    """One panel per level, one line per policy, one marker with its interval per executing world."""
    rows = [r for r in select(rows, task=task, metric=metric) if r.get("factor") is None and "world" in r]
    levels = in_order({r["level"] for r in rows}, LEVELS)
    policies = in_order({(r["policy"], r.get("prepared_in")) for r in rows}, POLICIES)
    worlds = in_order({r["world"] for r in rows}, tuple(WORLDS))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(2.5 + 1.9 * len(levels), 1.3 + 0.42 * len(policies)), layout="constrained")
        axes = figure.subplots(1, len(levels), sharey=True, squeeze=False)[0]
        for axis, level in zip(axes, levels):
            _forest(axis, select(rows, level=level), policies, worlds)
            axis.set_title(LEVEL_NAMES.get(level, level))
        axes[0].set_yticks(range(len(policies)), [shortened(policy_name(*p)) for p in policies])
        figure.supxlabel(f"{task}: share of starts solved, with 95 % intervals", color=INK, fontsize=9)
        handles = [
            Line2D([], [], color=c, marker=m, linestyle="", label=f"executed in {name}")
            for name, c, m in (WORLDS[w] for w in worlds)
        ]
        figure.legend(handles=handles, loc="outside upper center", ncols=3, frameon=False)
    return figure


def _forest(axis: Any, rows: Sequence[Row], policies: Sequence[Any], worlds: Sequence[str]) -> None:
    for j, world in enumerate(worlds):
        _, color, marker = WORLDS[world]
        offset = 0.24 * (j - (len(worlds) - 1) / 2)
        for i, (policy, prepared_in) in enumerate(policies):
            for r in select(rows, policy=policy, prepared_in=prepared_in, world=world):
                axis.plot([r["low"], r["high"]], [i - offset] * 2, color=color, linewidth=1.5)
                axis.plot([r["value"]], [i - offset], color=color, marker=marker, markersize=4.5)
    for i in range(len(policies)):
        if i % 2 == 0:
            axis.axhspan(i - 0.5, i + 0.5, color="#808080", alpha=0.1, linewidth=0)
    axis.set_xlim(-0.03, 1.03)
    axis.set_ylim(-0.5, len(policies) - 0.5)
    axis.set_xticks([0, 0.5, 1], ["0", "½", "1"])
    axis.set_xticks([0.25, 0.75], minor=True)
    axis.tick_params(axis="y", length=0)


def error_against_success(rows: Sequence[Row], world: str = "box2d") -> Figure:
    """The model's velocity error at each level against what plans made in the model achieve in `world`; one
    panel per task."""
    tasks = in_order({r["task"] for r in select(rows, metric="velocity_error") if "task" in r}, TASKS)
    points = {task: found for task in tasks if (found := _points(rows, task, world))}
    levels = in_order({y["level"] for found in points.values() for _, y, _ in found}, LEVELS)
    across = min(4, max(1, len(points)))
    down, keys = -(-max(1, len(points)) // across), -(-(len(levels) + 1) // across)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(1.2 + 1.75 * across, 0.9 + 1.6 * down + 0.18 * keys), layout="constrained")
        axes = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).ravel()
        for axis, (task, found) in zip(axes, points.items()):
            _against(axis, found)
            axis.set_title(task)
        for axis in axes[len(points) :]:
            axis.set_visible(False)
            axes[list(axes).index(axis) - across].tick_params(labelbottom=True)
        axes[0].set_xscale("log")
        axes[0].xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
        axes[0].xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes[0].xaxis.set_minor_formatter(NullFormatter())
        axes[0].set_ylim(-0.03, 1.03)
        figure.supxlabel("velocity error of the model, m/s", color=INK, fontsize=9)
        figure.supylabel(f"success in {WORLDS[world][0]}", color=INK, fontsize=9)
        handles = [
            Line2D([], [], color=c, marker=m, linestyle="", label=LEVEL_NAMES.get(level, level))
            for level, (c, m) in ((level, LEVEL_STYLES.get(level, OTHER_LEVEL)) for level in levels)
        ]
        handles.append(Line2D([], [], color=INK, marker="_", linestyle="", label="the same CEM in Box2D"))
        figure.legend(handles=handles, loc="outside upper center", ncols=across, frameon=False, fontsize=8)
    return figure


def _against(axis: Any, points: Sequence[tuple[float, Row, Row | None]]) -> None:
    for x, y, reference in points:
        color, marker = LEVEL_STYLES.get(y["level"], OTHER_LEVEL)
        axis.plot([x, x], [y["low"], y["high"]], color=color, linewidth=1.2)
        axis.plot(x, y["value"], color=color, marker=marker, markersize=6, clip_on=False)
        if reference:
            axis.plot(x, reference["value"], color=color, marker="_", markersize=14, clip_on=False)


def _points(rows: Sequence[Row], task: str, world: str) -> list[tuple[float, Row, Row | None]]:
    """Velocity error, success row of CEM planned in the model, and the reference's, for each level."""
    errors = {
        r["level"]: r["value"] for r in select(rows, task=task, metric="velocity_error") if "level" in r
    }
    points = []
    planned = select(rows, task=task, metric="success", policy="cem", world=world, factor=None)
    for r in select(planned, prepared_in="learned"):
        reference = select(planned, prepared_in="box2d", level=r["level"])
        if r["level"] in errors:
            points.append((errors[r["level"]], r, reference[0] if reference else None))
    return points


def svg(figure: Figure, title: str) -> str:
    """The figure as one <svg> element with a title for screen readers."""
    text = io.StringIO()
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": title}):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    body = text.getvalue()
    body = body[body.index("<svg") :].replace(INK, "currentColor")
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'<g id="[^"]*"', "<g", body)  # several figures share a page, and nothing refers to these
    title = f"<title>{html.escape(title)}</title>"
    width = 72 * figure.get_figwidth()  # at which text has the size it was given; the page decides

    def opened(tag: re.Match[str]) -> str:
        bare = re.sub(r' (?:width|height)="[^"]*"', "", tag[0])[:-1]
        return f'{bare} role="img" style="--natural: {width:g}pt">{title}'

    return re.sub(r"<svg[^>]*>", opened, body, count=1)


def png(figure: Figure, path: str | Path) -> None:
    """The figure as a PNG on white, for the README."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150, facecolor="white")


def write_pngs(rows: Sequence[Row], folder: Path) -> list[Path]:
    """All figures that the rows allow, as PNG files."""
    paths = []
    for task in TASKS:
        if select(rows, task=task, metric="success", policy="cem"):
            paths.append(folder / f"success-{task.lower()}.png")
            png(success(rows, task), paths[-1])
    if any("task" in row for row in select(rows, metric="velocity_error")):
        paths.append(folder / "error-against-success.png")
        png(error_against_success(rows), paths[-1])
    return paths
