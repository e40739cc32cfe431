"""The model card: data, seeds, cost and measured errors beside the weights."""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from worldsim.scenarios import get_scenario
from worldsim.training.data import ClipSet
from worldsim.training.leak import SIZE_BANDS, SPEED_BAND, radii_and_speeds
from worldsim.training.recipes import Recipe


def ship(checkpoint: Path, target: Path, card: str) -> None:
    """Copy a checkpoint's model (config, weights, recipe) to `target` with its card, in one rename."""
    temporary = target.with_name(f".{target.name}.new")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    for name in ("config.json", "diffusion_pytorch_model.safetensors", "training.json"):
        shutil.copy(checkpoint / name, temporary / name)
    (temporary / "README.md").write_text(card)
    shutil.rmtree(target, ignore_errors=True)
    temporary.rename(target)


def write_card(
    name: str,
    recipe: Recipe,
    clips: ClipSet,
    steps: int,
    parameters: int,
    cost: str,
    note: str,
    errors: Iterable[Mapping[str, Any]],
) -> str:
    """The card of what ships as `name`, as Markdown. `errors` are result rows (scenario, level, metric,
    value, low, high, n)."""
    radii, speeds = radii_and_speeds(clips.scenes, clips.states.numpy())
    drawn = len(clips.scenes) + clips.rejected
    mixture = ", ".join(f"{name} {share:.0%}" for name, share in recipe.mixture)
    shape = "".join(f" --{n} {recipe.model[n]}" for n in ("size", "resolution") if n in recipe.model)
    measured = [r for r in errors if r["metric"] in ("velocity_error", "permanence")]
    ends = ", ".join(f"{s} {get_scenario(s).frames}" for s in dict.fromkeys(r["scenario"] for r in measured))
    lines = [
        f"# worldsim world model `{name}`",
        "",
        f"Family `{recipe.family}`, {parameters / 1e6:.2f} million parameters: {recipe.about}.",
        f"Trained by `worldsim train {recipe.name} --family {recipe.family}{shape}`: seed {recipe.seed}, "
        f"{steps} steps of {recipe.batch_frames} predicted frames, {cost}.",
        *([f"It began with the weights of `{recipe.pretrained}`."] if recipe.pretrained else []),
        *([note] if note else []),
        "",
        "## Data",
        f"{len(clips.scenes)} clips of the reference engine: {mixture}.",
        f"{clips.rejected / drawn:.0%} of {drawn} draws were rejected (geometry, or a body too fast).",
        "No clip shows a radius in",
        f"{SIZE_BANDS} m or a speed in {SPEED_BAND} m/s (under gravity the horizontal speed) at any frame;",
        "actions are random or scripted and never solve a task.",
        "",
        *_histogram("radius, m", radii, np.arange(0.6, 1.65, 0.1)),
        "",
        *_histogram("speed, m/s", speeds[:, ::4].ravel(), np.arange(0.0, 5.0, 0.5)),
        "",
        "## Errors on fresh clips",
        "Mean over clips with a 95 % bootstrap interval; rollouts from 4 context frames to a clip's end,",
        f"at frame: {ends}.",
        "",
        "| scenario | level | metric | value | interval | clips |",
        "|---|---|---|---|---|---|",
        *(
            f"| {r['scenario']} | {r['level']} | {r['metric']} | {r['value']:.3f} "
            f"| {r['low']:.3f}–{r['high']:.3f} | {r['n']} |"
            for r in measured
        ),
        "",
        "License Apache-2.0.",
    ]
    return "\n".join(lines) + "\n"


def _histogram(name: str, values: np.ndarray, edges: np.ndarray) -> list[str]:
    counts, _ = np.histogram(values, edges)
    rows = [f"| {a:.1f}–{b:.1f} | {c / len(values):.1%} |" for a, b, c in zip(edges[:-1], edges[1:], counts)]
    return [f"| {name} | share |", "|---|---|", *rows]
