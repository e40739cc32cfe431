"""World models: families by name, and loading of checkpoints."""

import json
from pathlib import Path

from worldsim.memory import keep_freed_memory
from worldsim.models.base import State, WorldModel, device_of

WEIGHTS = Path(__file__).parent.parent / "weights"
FAMILIES = {  #: module of each class of models
    "ConvolutionalModel": "worldsim.models.convolutional",
    "DirectModel": "worldsim.models.direct",
    "PhysicsModel": "worldsim.models.physics",
    "RetrievalModel": "worldsim.models.retrieval",
}

__all__ = ["State", "WorldModel", "device_of", "load_model", "shipped_models"]


def shipped_models() -> list[str]:
    """Names of the checkpoints that come with the package."""
    return sorted(p.parent.name for p in WEIGHTS.glob("*/config.json"))


def load_model(name: str | Path) -> WorldModel:
    """A world model from a shipped name or a `save_pretrained` folder; nothing is ever downloaded.

    Raises ValueError, naming the file, for an unknown name, a foreign config or broken weights.
    """
    folder = WEIGHTS / str(name) if str(name) in shipped_models() else Path(name)
    config = folder / "config.json"
    if not config.is_file():
        raise ValueError(
            f"no checkpoint {str(name)!r}: {config} does not exist; shipped models are "
            f"{', '.join(shipped_models()) or 'none'}"
        )
    try:
        family = json.loads(config.read_text()).get("_class_name")
    except (json.JSONDecodeError, UnicodeDecodeError, AttributeError) as error:
        raise ValueError(f"{config} is not a model config: {error}") from error
    if family not in FAMILIES:
        raise ValueError(f"{config} names the model class {family!r}; known are {', '.join(FAMILIES)}")
    from importlib import import_module

    cls = getattr(import_module(FAMILIES[family]), family)
    try:
        model = cls.from_pretrained(folder, use_safetensors=True, local_files_only=True)
    except Exception as error:  # diffusers and safetensors raise a dozen types for broken files
        raise ValueError(f"the weights in {folder} cannot be read: {error}") from error
    keep_freed_memory()
    return model.eval()
