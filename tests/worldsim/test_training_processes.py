"""Several processes, started as `accelerate launch` starts them for several GPUs: two of them learn what one
learns from the same draws in two parts."""

import os
import subprocess
import sys
from dataclasses import replace

import torch
from safetensors.torch import load_file

from worldsim.training.data import make_clips
from worldsim.training.recipes import get_recipe
from worldsim.training.trainer import train

SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, {here!r})
import test_training_processes as here
here.run(Path({folder!r}), 1)
"""
WEIGHTS = "step-3/diffusion_pytorch_model.safetensors"


def run(folder, accumulate):
    torch.set_num_threads(1)
    recipe = get_recipe("uniform")
    model = {**recipe.model, "widths": (16, 16), "blocks": (1, 1)}
    recipe = replace(recipe, model=model, steps=3, clips=12, batch_frames=4, warmup=1, accumulate=accumulate)
    train(recipe, make_clips(recipe), folder)


def test_two_processes_learn_what_one_learns_in_two_parts(tmp_path):
    script = tmp_path / "script.py"
    here = os.path.dirname(__file__)
    script.write_text(SCRIPT.format(here=here, folder=str(tmp_path / "two")))
    launch = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc_per_node",
        "2",
        str(script),
    ]
    env = {**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    subprocess.run(launch, check=True, capture_output=True, timeout=240, env=env)
    run(tmp_path / "parts", 2)
    run(tmp_path / "one", 1)
    two, parts, one = (load_file(tmp_path / name / WEIGHTS) for name in ("two", "parts", "one"))

    def apart(a, b):
        return torch.cat([(a[n] - b[n]).abs().flatten() for n in a]).mean()

    assert apart(two, parts) < 0.01 * apart(one, parts)
