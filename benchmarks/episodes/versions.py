"""What decides an episode besides its settings and weights: the code that plays it, and the libraries."""

import ast
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from benchmarks.episodes.records import text_hash

ROOT = Path(__file__).parents[2]
PACKAGES = ("worldsim", "envs", "agents")  #: but for training, and the files here that play episodes
TRAINING = "worldsim/training"
PLAYING = tuple(f"benchmarks/episodes/{name}.py" for name in ("playing", "specs", "truth", "workshop"))
LIBRARIES = ("numpy", "torch", "box2d", "mujoco", "diffusers")


@cache
def code_version() -> str:
    """Short hash of all code that plays an episode, and of the versions of the libraries under it.

    Comments and docstrings do not count. Records of two versions may differ though nothing that matters has
    changed: `replay` tells.
    """
    found = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
    sources = [path for path in found if not path.is_relative_to(ROOT / TRAINING)]
    sources += [ROOT / name for name in PLAYING]
    parts = [p.relative_to(ROOT).as_posix() + "\0" + _code(p.read_text()) for p in sources]
    return text_hash(*parts, platform.python_version(), *map(_library, LIBRARIES))


def device_of_play(device: torch.device) -> str:
    """Where an episode is played, as type/threads: sums depend on both."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return f"{name}/{torch.get_num_threads()}"


def _code(source: str) -> str:
    """A source as Python reads it, without its docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if (
            isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
            and ast.get_docstring(node) is not None
        ):
            del node.body[0]
    return ast.dump(tree)


def _library(name: str) -> str:
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return name
