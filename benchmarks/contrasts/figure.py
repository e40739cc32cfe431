"""The five contrasts as a figure."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

from benchmarks.contrasts.verdict import Judged, Part

COLORS = {"supported": "#00734f", "refuted": "#b34a00"}
UNSURE = "#59636e"
NAMES = {
    "velocity_bias_minus_momentum_leak": "success: velocity bias - momentum leak",
    "share_in_range": "share of models in the range",
    "exploitation": "exploitation at the shipped budget",
    "exploitation_slope": "its growth per doubling of pressure",
    "kendall_of_success_and_psnr": "τ_b of success and PSNR",
    "kendall_of_success_and_ssim": "τ_b of success and SSIM",
    "area_under_roc": "area under the ROC curve",
}


def draw(found: Sequence[Judged]) -> Figure:
    """A panel for each contrast: its parts with 95 % intervals (thick) and Holm's (thin), and the value that
    would not support it (dotted)."""
    heights = [max(len(judged.contrast.parts), 1) + 0.8 for judged in found]
    figure = Figure(figsize=(8, 0.6 + 0.42 * sum(heights)), layout="constrained")
    axes = figure.subplots(len(found), 1, height_ratios=heights, squeeze=False)[:, 0]
    for axis, judged in zip(axes, found):
        color = COLORS.get(judged.verdict, UNSURE)
        _forest(axis, judged, color)
        contrast = judged.contrast
        p = "" if contrast.p is None else f", Holm p = {judged.p_holm:.2g}"
        title = f"({contrast.letter}) {contrast.claim}: {judged.verdict}{p}"
        axis.set_title(" ", fontsize=8.5)  # room for what stands at the figure's own left
        across = blended_transform_factory(figure.transFigure, axis.transAxes)
        axis.text(0.01, 1.0, title, fontsize=8.5, va="bottom", color=color, transform=across)
        axis.spines[["top", "right", "left"]].set_visible(False)
        axis.tick_params(labelsize=7.5, length=2)
    return figure


def _forest(axis: Any, judged: Judged, color: str) -> None:
    parts = judged.contrast.parts
    if not parts:
        axis.set(xticks=[], yticks=[])
        axis.text(0, 0.5, "not measured", fontsize=7.5, color=UNSURE, transform=axis.transAxes)
        return
    for y, part in enumerate(reversed(parts)):
        for level, width in ((0.95, 2.6), (judged.level, 0.9)):
            found = part.at(level)
            if not np.isnan(found.low):
                axis.plot(
                    [found.low, found.high], [y, y], color=color, linewidth=width, solid_capstyle="butt"
                )
        axis.plot([part.value], [y], "o", color=color, markersize=4.5)
    for null in {part.null for part in parts}:
        axis.axvline(null, color=UNSURE, linestyle=":", linewidth=0.9)
    axis.set_yticks(range(len(parts)), [_name(part) for part in reversed(parts)])
    axis.set_ylim(-0.6, len(parts) - 0.4)


def _name(part: Part) -> str:
    return ", ".join([" ".join(map(str, part.where.values())), NAMES[part.name]]).removeprefix(", ")
