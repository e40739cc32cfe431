"""The learned models that are compared: a table fixed before any of their successes is known.

`worldsim train RECIPE --milestones STEPS`, and the same with `--family`, makes them. Training length is an
axis like any other, so checkpoints of one run count as models; but they are no independent ones. `run` names
what they share, and whoever holds a model out holds its run out. Models that are not learned (retrieval,
inertia, engines) do not count, nor do those whose clips held no action of the task.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.episodes.records import file_hash
from worldsim.models import WEIGHTS as SHIPPED
from worldsim.models import checkpoint_folder, family_of, load_model, taught
from worldsim.training import checkpoint

ACTED = {"table": "launch", "drop": "catch"}  #: the scenario whose clips hold the actions of a recipe's tasks
LEARNED = ("convolutional", "direct", "motion", "clip", "causal")  #: families with trained weights
WEIGHTS = "diffusion_pytorch_model.safetensors"


@dataclass(frozen=True)
class Model:
    """A learned model: its name, the training run it comes from, and the shipped name or folder to load."""

    name: str
    run: str
    source: str

    @property
    def weights(self) -> str:
        """Hash of its folder, as in records."""
        return file_hash(checkpoint_folder(self.source))


MILESTONES = {  #: checkpoints by the ending of a run's folder: the recipe's own family, and two others
    "": (500, 1000, 2000, 3000, 4000),
    "-convolutional": (500, 1000, 2000),
    "-direct": (500, 1000, 2000),
}


def _trained(recipe: str) -> tuple[Model, ...]:
    """The shipped model of a recipe, which counts with the recipe's own run, and the milestones of three."""
    found = [Model(recipe, recipe, recipe)]
    for ending, steps in MILESTONES.items():
        run = recipe + ending
        found += [Model(f"{run}/step-{n}", run, f"train/{run}/step-{n}") for n in steps]
    return tuple(found)


ZOO = {recipe: _trained(recipe) for recipe in ("table", "drop")}  #: by a task's scenario; below `runs`


def zoo(scenario: str, runs: Path, more: Iterable[str] = ()) -> tuple[list[Model], list[str]]:
    """The models of a task's scenario that are at hand, and notes on those that are not.

    `more` are further shipped names, checkpoint folders, or folders of runs, whose best checkpoint counts
    (the latest where none was judged). Equal weights count once. Raises ValueError where one of `more` cannot
    be read or is not learned; models for other scenarios are passed over.
    """
    found: dict[str, Model] = {}
    notes = []
    for entry in ZOO.get(scenario, ()):
        shipped = (SHIPPED / entry.source).is_dir()
        source = entry.source if shipped else str(runs / entry.source)
        if not (checkpoint_folder(source) / WEIGHTS).is_file():
            notes.append(f"{entry.name} of the fixed table is not at hand: {source} does not exist")
            continue
        found.setdefault(_content(source), Model(entry.name, entry.run, source))
    for model in map(one, more):
        if fits(model.source, scenario):
            found.setdefault(_content(model.source), model)
    return _readable(list(found.values()), notes), notes


def one(source: str) -> Model:
    """A model by its shipped name, or the folder of a checkpoint or a run. Raises ValueError as `zoo`
    does."""
    chosen = _checkpoint(source)
    if family_of(chosen) not in LEARNED:
        raise ValueError(
            f"{chosen} is of the family {family_of(chosen)}, which is not learned; learned are "
            f"{', '.join(LEARNED)}"
        )
    return _named(chosen)


def fits(source: str, scenario: str) -> bool:
    """Whether clips of a task's scenario, with its actions, were among those that a model learned from; where
    nothing tells (no training.json beside the weights), whether its actions have the right size."""
    if source in ZOO:
        return source == scenario
    if known := taught(source):
        return ACTED.get(scenario, "") in known
    size = json.loads((checkpoint_folder(source) / "config.json").read_text())["action_size"]
    return bool(size == {"table": 2, "drop": 1}.get(scenario))


def _checkpoint(source: str) -> str:
    """A folder of a run as that of its best checkpoint, else of its latest; others are as they are."""
    folder = checkpoint_folder(source)
    if (folder / "config.json").is_file() and (folder / WEIGHTS).is_file():
        return source
    best, latest = checkpoint.best(folder), checkpoint.latest(folder)
    chosen = best[0] if best else latest
    if chosen is None:
        raise ValueError(f"{source} is no checkpoint and holds none; expected a shipped name or a folder")
    return str(chosen)


def _named(source: str) -> Model:
    path = Path(source)
    if path.name.startswith("step-"):
        return Model(f"{path.parent.name}/{path.name}", path.parent.name, source)
    return Model(path.name, path.name, source)


def _content(source: str) -> str:
    return file_hash(checkpoint_folder(source) / WEIGHTS)


def _readable(models: Sequence[Model], notes: list[str]) -> list[Model]:
    """Models that this version can still load; a note for each of the others."""
    kept = []
    for model in models:
        try:
            load_model(model.source, device="cpu")
            kept.append(model)
        except ValueError as error:
            notes.append(f"{model.name} is left out: {error}".splitlines()[0])
    return kept
