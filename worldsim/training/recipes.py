"""Recipes: everything that determines a training run."""

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from worldsim.scenarios.bands import BANDED


@dataclass(frozen=True)
class Recipe:
    """A training run from nothing but this.

    A step learns from `accumulate` batches of `batch_frames` predicted frames on each device. `mixture`
    names scenarios and their shares of `clips`, and of the windows learned from. The rollout horizon grows
    with the share of steps done: `horizons` are (from this share on, predicted frames); the learning rate
    warms up anew after each change, for longer rollouts have larger gradients than the optimiser has seen.
    `pure_noise` is the share of noise levels at the end of the schedule; the rest is uniform. `event_weight`
    raises the odds of windows in which something happens (contacts, launches, screens that hide); with
    `in_turn` it does so within a clip alone, every clip is met once before any is met again, and scenarios
    have the windows that their clips have. Gradients of `motion` reach back over at most `truncate` frames;
    before its first look it takes things to move by a random motion of the standard deviation `guess`, pixels
    per frame, and so learns to correct more than the speeds it sees. `forcing` is how `causal` is trained
    (see `worldsim.training.losses.forcing`), `autoencoder` the folder of a trained one. Weights begin as
    those of `pretrained`, a shipped model or a checkpoint's folder, else at random. `cost` and `error` tell
    what one run took and came to.
    """

    name: str
    about: str
    mixture: tuple[tuple[str, float], ...]
    family: str = "convolutional"
    model: dict[str, Any] = field(default_factory=dict)
    clips: int = 40_000
    steps: int = 21_400
    batch_frames: int = 128
    accumulate: int = 1
    horizons: tuple[tuple[float, int], ...] = ((0.0, 1), (0.18, 2), (0.21, 4), (0.55, 8))
    truncate: int = 8
    learning_rate: float = 1e-3
    warmup: int = 200
    weight_decay: float = 0.01
    ema: float = 0.998
    pure_noise: float = 0.8
    context_noise: float = 0.02
    event_weight: float = 4.0
    in_turn: bool = False
    guess: float = 0.0
    forcing: str = "rollout"
    autoencoder: str = ""
    pretrained: str = ""
    seed: int = 0
    cost: str = ""
    error: str = ""

    def of_family(self, family: str) -> "Recipe":
        """The recipe for another family: its schedule, random first weights, and of the settings of the model
        only the actions."""
        if family == self.family:
            return self
        model = {name: value for name, value in self.model.items() if name in ACTIONS}
        schedule = STANDARD | SCHEDULES.get(family, {})
        return replace(self, family=family, model=model, pretrained="", **schedule, cost="", error="")

    def settings(self) -> dict[str, Any]:
        """What determines the run, as JSON types."""
        told = {"about", "cost", "error"}
        told |= {name for name in LATER if not getattr(self, name)}
        return json.loads(json.dumps({k: v for k, v in asdict(self).items() if k not in told}))


#: older checkpoints do not name these; without them all is as it was
LATER = ("in_turn", "guess", "pretrained")
ACTIONS = ("action_size", "action_scale", "controls")  #: settings that every family has
LATENT = ("clip", "causal")  #: families that work on the latents of an autoencoder, in several sizes
STANDARD: dict[str, Any] = {  #: the schedule of a family without one of its own
    name: getattr(Recipe("", "", ()), name)
    for name in ("horizons", "truncate", "batch_frames", "learning_rate", "warmup", "guess", "forcing")
}
SCHEDULES: dict[str, dict[str, Any]] = {  #: what a family changes in every recipe
    # a clip is made as a whole; `causal` learns windows as long as its memory
    "clip": {"horizons": ((0.0, 28),), "batch_frames": 224, "learning_rate": 5e-4},
    "causal": {"horizons": ((0.0, 8),), "learning_rate": 5e-4, "forcing": "diffusion"},
    # contacts are learned from short rollouts first; in the end motion must last for a whole clip
    "motion": {
        "horizons": ((0.0, 6), (0.3, 12), (0.5, 28)),
        "truncate": 7,
        "batch_frames": 112,
        "learning_rate": 2e-3,
        "warmup": 100,
    },
}
TABLE = {"action_size": 2, "action_scale": 4.0}
FLAT = TABLE | {"falls": False}  #: of `motion`: without gravity, nothing moves by itself
CONTROLLED = FLAT | {"action_size": 4, "controls": ("launch", "velocity")}
DROP = {"action_size": 1, "action_scale": 1.5}
MEETING = {"meets": True, "aligned": True, "weighed": True}  #: what passes where things meet
CONTACTS: dict[str, Any] = {  #: most short windows show a contact, and long rollouts come late
    "clips": 40_000,
    "steps": 5_000,
    "horizons": ((0.0, 6), (0.08, 3), (0.6, 8), (0.75, 28)),
    "event_weight": 24.0,
}
MANY: dict[str, Any] = SCHEDULES["motion"] | {  #: many scenarios at once need more steps at short rollouts
    "family": "motion",
    "clips": 40_000,
    "steps": 6_000,
    "horizons": ((0.0, 6), (0.5, 12), (0.75, 28)),
    "event_weight": 12.0,
}
#: of `table`: contacts are learned from short rollouts; in those after them balls are hidden for long
TURNS = ((0.0, 6), (0.1, 3), (0.45, 6), (0.7, 12), (5 / 6, 28))

GAPS = {  #: what the training data of `worldsim.scenarios.bands` leave out
    "uniform_gap": "uniform motion, but no middle speeds",
    "uniform_restored": "uniform motion, of the middle speeds but a few",
    "uniform_fast": "fast uniform motion in one direction",
    "uniform_fast_mirrored": "fast uniform motion in either direction",
    "collision_holes": "1D collisions with two holes among the pairs of speeds",
}


def _alone(scenario: str, about: str, model: dict[str, Any], **changes: Any) -> Recipe:
    """The recipe of one scenario."""
    settings = {"family": "motion", "clips": 10_000, "steps": 2_500, **SCHEDULES["motion"], **changes}
    return Recipe(scenario, about, ((scenario, 1.0),), model=model, **settings)


BODIES = Recipe(
    "table",
    "no gravity: one to three balls, a launched one, walls, a screen and a paddle, a pushed ball",
    (
        ("uniform", 0.03),
        ("collision", 0.08),
        ("oblique", 0.22),
        ("launch", 0.17),
        ("triple", 0.1),
        ("cushion", 0.12),
        ("screen", 0.1),
        ("push", 0.14),
        ("roll", 0.04),
    ),
    # a pale ball is damped; what obeys keeps to its command, whatever it meets
    model=CONTROLLED | MEETING | {"steer": True, "pale": True, "follow": True, "recalls": True},
    **MANY | {"horizons": TURNS, "event_weight": 24.0},
    cost="140 min on one CPU core, beside other work",
    error="uniform .023, collision .067, oblique .127, launch .048, push .152",
)
RECIPES: dict[str, Recipe] = {
    r.name: r
    for r in (
        BODIES,
        replace(
            BODIES,
            name="table_passing",
            about=f"{BODIES.about}; gone on from `table` with balls that pass over a paddle",
            mixture=(
                ("uniform", 0.03),
                ("collision", 0.1),
                ("oblique", 0.19),
                ("launch", 0.13),
                ("triple", 0.09),
                ("cushion", 0.12),
                ("screen", 0.12),
                ("passing", 0.07),
                ("push", 0.12),
                ("roll", 0.03),
            ),
            pretrained="runs/train/table/step-6000",
            steps=2_400,
            horizons=((0.0, 12), (0.4, 28)),
            learning_rate=5e-4,
            cost="62 min on one CPU core, beside other work, after those of `table`",
            error="uniform .020, collision .078, oblique .145, launch .052, passing .312, push .147",
        ),
        Recipe(
            "drop",
            "gravity: parabolas, bounces on a floor, a moving basket, a load let go of, a bin and a wall",
            (
                ("parabola", 0.05),
                ("drop", 0.15),
                ("catch", 0.3),
                ("carriage", 0.15),
                ("carriage_wall", 0.35),
            ),
            # what is commanded loses its motion and takes that of the command
            model=DROP | {"action_size": 2, "drag": True, "steer": True},
            **MANY,
            cost="164 min on one CPU core, beside other work",
            error="parabola .059, drop .089, catch .101",
        ),
        _alone(
            "uniform",
            "uniform motion alone",
            FLAT | {"looks": 3},
            guess=3.0,
            cost="47 min on one CPU core",
            error="uniform .017",
        ),
        _alone(
            "collision",
            "1D collisions alone",
            FLAT | MEETING,
            **CONTACTS,
            cost="103 min on one CPU core",
            error="collision .044",
        ),
        _alone(
            "parabola",
            "parabolas alone",
            DROP | {"looks": 3},
            guess=3.0,
            cost="46 min on one CPU core",
            error="parabola .032",
        ),
        *(_alone(scenario.name, GAPS[scenario.name], FLAT) for scenario in BANDED),
        # `motion` has one field for each ink: too few for several grey bodies and a green one
        Recipe(
            "place",
            "gravity and friction: a red ball among four objects of eight kinds",
            (("templates", 1.0),),
            model=TABLE,
            clips=20_000,
            steps=20_000,
            horizons=((0.0, 1), (0.3, 2), (0.4, 4)),
        ),
        Recipe(
            "autoencoder",
            "pictures of all scenarios",
            (("uniform", 0.1), ("oblique", 0.4), ("drop", 0.1), ("catch", 0.4)),
            family="autoencoder",
            clips=10_000,
            steps=500,
            batch_frames=32,
            horizons=((0.0, 1),),
            cost="2 min on one CPU core",
            error="of what it hands back: uniform .002, oblique .004",
        ),
    )
}


def get_recipe(name: str) -> Recipe:
    """A recipe by name; an unknown one raises ValueError listing what exists."""
    if name not in RECIPES:
        raise ValueError(f"unknown recipe {name!r}; recipes are {', '.join(RECIPES)}")
    return RECIPES[name]
