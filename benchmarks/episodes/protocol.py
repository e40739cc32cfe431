"""The protocol of a run: the tasks, levels, policies, worlds and starts that are played in each model."""

from dataclasses import dataclass

from benchmarks.episodes.playing import Cell
from benchmarks.episodes.specs import WORLDS, Spec
from benchmarks.episodes.workshop import Workshop
from benchmarks.policy_set import POLICY_SET

POLICIES = (
    "noop",
    "random",
    "reactive",
    "oracle",
    "cem@inertia",
    "cem@box2d",
    "cem_privileged@box2d",
    "cem@learned",
)
SET = "set"  #: the name of the policies that were fixed for `worldsim bench bridge`
FIRST_REPORTED = 10_000  #: smaller start_ids are for development
FIRST_UNSEEN = 11_100  #: smaller ones were played before, see docs/preregistration.md
IN_DISTRIBUTION = ("id", "bounce")  #: their cells have all starts in the reference results, others half


@dataclass(frozen=True)
class Protocol:
    """What is played in each model: two runs are compared, and models ranked, where it is the same."""

    tasks: tuple[str, ...] = ("Strike", "Catch")
    """tasks to play; your own as module:attribute"""
    levels: tuple[str, ...] = ()
    """levels to play; all of a task's when none is named"""
    policies: tuple[str, ...] = POLICIES
    """policies: noop, random, reactive, oracle, LEARNER@WORLD with ppo, sac, td3 or ppo_resident,
    PLANNER@WORLD with shooting, cem, cem_privileged, icem, mppi or gradient, your own as module:attribute, or
    the .zip of Stable-Baselines3; knobs grade them, as in cem,frames=500,noise=0.2@learned; "set" stands for
    the almost 40 graded ones of `worldsim bench bridge`, enough to tell rank agreement"""
    worlds: tuple[str, ...] = WORLDS
    """worlds that execute: learned, box2d, mujoco, analytic"""
    starts: int = 20
    """starts per cell"""
    first: int = FIRST_REPORTED
    """number of the first start; numbers below 10,000 are for development"""
    samples: int = 1
    """samples of each start in learned worlds that draw; in others all are alike and one is played"""

    def cells(self, workshop: Workshop) -> list[Cell]:
        """All cells, those of one policy next to one another.

        Raises ValueError, listing what exists, for an unknown task, level, policy or world.
        """
        from worldsim.engines import ENGINES

        for world in self.worlds:
            if world != "learned" and world not in ENGINES:
                raise ValueError(
                    f"unknown world {world!r}; choose among learned, {', '.join(ENGINES)}; "
                    f"your own goes to --models, and is then what learned means"
                )
        if self.starts < 1 or self.samples < 1:
            raise ValueError(
                f"{self.starts} starts per cell, {self.samples} samples of each; at least 1 is needed"
            )
        cells = []
        for name in self.tasks:
            known, specs = workshop.task(name).levels, self.specs(name)
            samples = samples_of(workshop, name, self.samples) if "learned" in self.worlds else 1
            for level in self.levels or known:
                if level not in known:
                    raise ValueError(f"{name} has no level {level!r}; it has {', '.join(known)}")
                cells += [
                    Cell(name, level, spec, world, self.first, self.starts, sample)
                    for spec in specs
                    for world in self.worlds
                    if spec.runs_in(world)
                    for sample in range(samples if world == "learned" else 1)
                ]
        return cells

    def specs(self, task: str) -> list[Spec]:
        """The policies that play a task. Raises ValueError as `Spec.parse`, and for a task without a set."""
        words: list[str] = []
        for word in self.policies:
            if word == SET and task not in POLICY_SET:
                raise ValueError(f"{task} has no policy set; there is one for {', '.join(POLICY_SET)}")
            words += POLICY_SET[task] if word == SET else (word,)
        return list(dict.fromkeys(map(Spec.parse, words)))

    @property
    def engines(self) -> list[str]:
        """The executing worlds that are no model."""
        return [world for world in self.worlds if world != "learned"]


def samples_of(workshop: Workshop, task: str, asked: int) -> int:
    """How many samples of each start are played in the model of a task: as many as asked for where it
    draws."""
    return asked if asked > 1 and workshop.draws(workshop.task(task)) else 1


def count_of(level: str, starts: int) -> int:
    """Starts of a cell of the reference results."""
    return starts if level in IN_DISTRIBUTION else starts // 2
