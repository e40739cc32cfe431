"""What decides an episode besides its settings and weights: the code that plays it, and the libraries."""

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from benchmarks.records import text_hash

ROOT = Path(__file__).parent.parent
PACKAGES = ("worldsim", "envs", "agents")  #: and the files here that play episodes
PLAYING = tuple(f"benchmarks/{name}.py" for name in ("playing", "specs", "truth", "workshop"))
LIBRARIES = ("numpy", "torch", "box2d", "mujoco", "diffusers")


@cache
def code_version() -> str:
    """Short hash of all sources that play an episode, and of the versions of the libraries under them.

    Records of two versions may differ though nothing that matters has changed: `replay` tells.
    """
    sources = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
    parts = [p.relative_to(ROOT).as_posix() + "\0" + p.read_text() for p in sources]
    parts += [(ROOT / name).read_text() for name in PLAYING]
    return text_hash(*parts, platform.python_version(), *map(_library, LIBRARIES))


def device_of_play(device: torch.device) -> str:
    """Where an episode is played, as type/threads: sums depend on both."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return f"{name}/{torch.get_num_threads()}"


def _library(name: str) -> str:
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return name
