"""What would stop a run before its first step, told before the minutes that its clips take to simulate."""

import math
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from worldsim.training import checkpoint
from worldsim.training.data import make_clips
from worldsim.training.memory_fit import check_fit
from worldsim.training.recipes import Recipe
from worldsim.training.trainer import Run


def rehearse(recipe: Recipe, folder: Path) -> None:
    """Begin a run of the recipe beside `folder`, with a handful of clips, and throw it away.

    Raises ValueError for what `train` would refuse in `folder`: another process, the checkpoint of another
    recipe or autoencoder, missing or unfit weights to begin with, a step that does not fit into memory.
    """
    with checkpoint.alone_in(folder), TemporaryDirectory() as aside:
        before = checkpoint.latest(folder)
        if before is not None:
            checkpoint.check_recipe(before, recipe)
            recipe = replace(recipe, pretrained="")  # the checkpoint's weights take their place
        few = math.ceil(1 / min(share for _, share in recipe.mixture))
        recipe = replace(recipe, clips=min(few, recipe.clips))
        run = Run(recipe, make_clips(recipe), Path(aside))
        if before is not None:
            checkpoint.check_sources(before, autoencoder=run.state.autoencoder)
        check_fit(run)
        run.close()
