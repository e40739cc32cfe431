"""Policy specs such as `cem@learned`: which policy, prepared in which world.

Knobs grade its skill, as in `cem,frames=500,noise=0.2@learned`: see `agents.graded`; for a policy that is
trained, `frames` and `seed` are those of its run.
"""

import math
from dataclasses import dataclass, replace

from agents.graded import ACTING, PLANNING
from agents.repair.parts import REPAIRED, Repair
from worldsim import plugins
from worldsim.engines import PERTURBED, make_engine

LEARNERS = {  #: algorithm and observation of each policy that is trained
    algo + ending: (algo, observation)
    for algo in ("ppo", "sac", "td3", "ppo_resident")
    for observation, ending in (("tracked", ""), ("frames", "_frames"))
}
WORLDS = ("learned", "box2d", "mujoco")  #: worlds in which the bridge executes
ENGINES_AND_MODEL = ("inertia", "frozen", "undamped", "box2d", "mujoco", "analytic", "learned")
PREPARED = {
    "noop": ("",),
    "random": ("",),
    "reactive": ("",),
    "oracle": ("",),
    "shooting": ENGINES_AND_MODEL,
    "cem": ENGINES_AND_MODEL,
    "cem_privileged": ("box2d", "mujoco", "analytic"),
    "icem": ENGINES_AND_MODEL,
    "mppi": ENGINES_AND_MODEL,
    "gradient": ("learned",),
    **{policy: ("box2d", "mujoco", "analytic", "learned") for policy in LEARNERS},
}
TRAINING = ("frames", "seed")  #: knobs of policies that are trained
COUNTS = ("budget", "frames", "horizon", "iterations", "replan", "seed")  #: knobs that are whole numbers
SETTINGS_OF = {"cem_privileged": "cem", "oracle": "cem"}  #: planners with the settings of another one


@dataclass(frozen=True, order=True)
class Spec:
    """A policy and the world it is prepared in ("" when in none, or, for the oracle, the executing one).

    `knobs` are names and values in alphabetical order; `name` is the policy with them.
    """

    policy: str
    prepared_in: str = ""
    knobs: tuple[tuple[str, float], ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Spec":
        """From `policy` or `policy@world`, `policy` followed by `,knob=value` for each of its knobs.

        Raises ValueError, listing what exists.
        """
        name, _, prepared_in = text.partition("@")
        policy, *turned = name.split(",")
        spec = cls(policy, prepared_in)
        spec = replace(spec, knobs=tuple(sorted(_knob(spec, text, knob) for knob in turned)))
        if len(dict(spec.knobs)) < len(spec.knobs):
            raise ValueError(f"policy {text!r} turns a knob twice")
        if spec.archive or spec.brought:
            return spec
        if spec.wrong or spec.repair:
            if spec.imagines_in != "learned":
                make_engine(spec.imagines_in)
        elif spec.prepared_in not in PREPARED.get(spec.policy, ()):
            known = [p + f"@{w}" * bool(w) for p, worlds in PREPARED.items() for w in worlds]
            raise ValueError(
                f"unknown policy {text!r}; choose among {', '.join(known)}; planners also imagine in "
                f"{PERTURBED}LAW:STRENGTH:ENGINE and in {REPAIRED}PARTS:ENGINE:WORLD; an archive of "
                f"Stable-Baselines3 is named by its .zip; {plugins.advice('policy')}"
            )
        return spec

    @classmethod
    def named(cls, name: str, prepared_in: str) -> "Spec":
        """As records and rows name it; nothing is checked, since a record may be older than a name."""
        policy, *turned = name.split(",")
        knobs = tuple((k, float(v)) for k, _, v in (knob.partition("=") for knob in turned))
        return cls(policy, prepared_in, knobs)

    def __str__(self) -> str:
        return self.name + f"@{self.prepared_in}" * bool(self.prepared_in)

    @property
    def name(self) -> str:
        """The policy with its knobs, as records and rows call it."""
        return ",".join([self.policy, *(f"{k}={v:.12g}" for k, v in self.knobs)])

    @property
    def trained(self) -> "Spec":
        """Itself without the knobs that training knows nothing of."""
        return replace(self, knobs=tuple((k, v) for k, v in self.knobs if k in TRAINING))

    @property
    def archive(self) -> bool:
        """Whether it is an archive of Stable-Baselines3; its world is then only what it is called."""
        return self.policy.endswith(".zip")

    @property
    def brought(self) -> bool:
        """Whether it is one of `worldsim.plugins`."""
        return self.policy not in PREPARED and plugins.brought("policy", self.policy)

    @property
    def wrong(self) -> bool:
        """Whether it plans in an engine with a law error."""
        return self.prepared_in.startswith(PERTURBED) and PREPARED.get(self.policy) == ENGINES_AND_MODEL

    @property
    def repair(self) -> Repair | None:
        """What is repaired of the world that it plans in, None where it plans in that world as it is.

        Raises ValueError where its name says that something is, and not what.
        """
        able = PREPARED.get(self.policy) == ENGINES_AND_MODEL
        return Repair.parse(self.prepared_in) if able and self.prepared_in.startswith(REPAIRED) else None

    @property
    def imagines_in(self) -> str:
        """The world that it is prepared in, without repairs."""
        return self.repair.world if self.repair else self.prepared_in

    @property
    def planner(self) -> str | None:
        """The entry of `agents.planners.PLANNERS` whose settings it has, None where it does not plan."""
        from agents.planners import PLANNERS

        name = SETTINGS_OF.get(self.policy, self.policy)
        return name if name in PLANNERS else None

    @property
    def plans_once(self) -> bool:
        """Its plan depends on the context alone where a task has one decision; the oracle's on the world."""
        return self.planner is not None and self.policy != "oracle"

    def runs_in(self, world: str) -> bool:
        """The oracle searches true states, which no learned world has."""
        return not (world == "learned" and (self.policy == "oracle"))


def _knob(spec: Spec, text: str, knob: str) -> tuple[str, float]:
    """One `name=value`. Raises ValueError for knobs that the policy lacks and values that make no sense."""
    mine: tuple[str, ...] = ACTING
    if spec.policy in LEARNERS:
        mine += TRAINING
    elif spec.planner is not None and spec.policy != "oracle":
        mine += PLANNING
    name, _, value = knob.partition("=")
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if name not in mine or not 0 <= number < math.inf or (name in COUNTS and number % 1):
        raise ValueError(
            f"policy {text!r} has the knob {knob!r}; expected {', '.join(mine)}, each =VALUE and at least 0, "
            f"whole numbers for {', '.join(COUNTS)}"
        )
    return name, number
