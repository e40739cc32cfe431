"""World models: families by name, and loading of checkpoints."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from worldsim import plugins
from worldsim.memory import keep_freed_memory
from worldsim.models.base import State, WorldModel, check_frames, device_of

WEIGHTS = Path(__file__).parent.parent / "weights"
FAMILIES = {  #: module and class of each family
    "convolutional": ("worldsim.models.convolutional", "ConvolutionalModel"),
    "direct": ("worldsim.models.direct", "DirectModel"),
    "autoencoder": ("worldsim.models.autoencoder", "Autoencoder"),  # of clip and causal; no world model
    "clip": ("worldsim.models.clip", "ClipModel"),
    "causal": ("worldsim.models.causal", "CausalModel"),
    "motion": ("worldsim.models.motion", "MotionModel"),
    "physics": ("worldsim.models.physics", "PhysicsModel"),
    "retrieval": ("worldsim.models.retrieval", "RetrievalModel"),
}

PARTS = ("name", "context_frames", "action_size", "resolution", "max_frames", "init", "step")

__all__ = [
    "FAMILIES",
    "State",
    "WorldModel",
    "check_frames",
    "device_of",
    "family",
    "load_model",
    "shipped_models",
    "taught",
]


def family(name: str) -> Any:
    """The class of a family's models. Raises ValueError, listing what exists."""
    if name not in FAMILIES:
        raise ValueError(f"unknown family {name!r}; families are {', '.join(FAMILIES)}")
    module, cls = FAMILIES[name]
    return getattr(import_module(module), cls)


def shipped_models() -> list[str]:
    """Names of the checkpoints that come with the package."""
    return sorted(p.parent.name for p in WEIGHTS.glob("*/config.json"))


def checkpoint_folder(name: str | Path) -> Path:
    """The folder of a shipped name, or the `save_pretrained` folder that is named."""
    return WEIGHTS / str(name) if str(name) in shipped_models() else Path(name)


def training_of(name: str | Path) -> dict[str, Any]:
    """What a checkpoint tells of its training (recipe, step, seconds), {} where it tells nothing."""
    told = checkpoint_folder(name) / "training.json"
    return json.loads(told.read_text()) if told.is_file() else {}


def taught(name: str | Path) -> tuple[str, ...]:
    """Scenarios of the clips that a checkpoint learned from, () where nothing tells."""
    recipe = training_of(name).get("recipe", {})
    return tuple(scenario for scenario, _ in recipe.get("mixture", ()))


def family_of(name: str | Path) -> str:
    """The family of a shipped name or a `save_pretrained` folder.

    Raises ValueError, naming the file, for an unknown name and a foreign config.
    """
    config = checkpoint_folder(name) / "config.json"
    if not config.is_file():
        raise ValueError(
            f"no checkpoint {str(name)!r}: {config} does not exist; shipped models are "
            f"{', '.join(shipped_models()) or 'none'}; {plugins.advice('model')}"
        )
    try:
        made_of = json.loads(config.read_text()).get("_class_name")
    except (json.JSONDecodeError, UnicodeDecodeError, AttributeError) as error:
        raise ValueError(f"{config} is not a model config: {error}") from error
    classes = {cls: known for known, (_, cls) in FAMILIES.items()}
    if made_of not in classes:
        raise ValueError(f"{config} names the model class {made_of!r}; known are {', '.join(classes)}")
    return classes[made_of]


def load_model(name: str | Path, device: torch.device | str | None = None) -> WorldModel:
    """A world model from a shipped name or a `save_pretrained` folder; nothing is ever downloaded.

    It lies on `device`, by default on the GPU if there is one. Brought models, see `worldsim.plugins`, are
    left where they are. Raises ValueError, naming the file, for an unknown name, a foreign config or broken
    weights.
    """
    if not checkpoint_folder(name).is_dir() and plugins.brought("model", name):
        return plugins.make("model", str(name), PARTS)
    folder, found = checkpoint_folder(name), family_of(name)
    try:
        model, loaded = family(found).from_pretrained(
            folder, use_safetensors=True, local_files_only=True, output_loading_info=True
        )
    except Exception as error:  # diffusers and safetensors raise a dozen types for broken files
        raise ValueError(f"the weights in {folder} cannot be read: {error}") from error
    if lacking := sorted([*loaded["missing_keys"], *loaded["unexpected_keys"]]):
        raise ValueError(
            f"the weights in {folder} do not fit its config, {len(lacking)} of them, such as {lacking[0]}: "
            f"another version of {found} wrote them and must read them"
        )
    if not hasattr(model, "step"):
        raise ValueError(f"{folder} holds the {found} of a world model, but no world model")
    keep_freed_memory()
    return model.eval().to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
