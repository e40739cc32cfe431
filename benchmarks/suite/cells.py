"""What the suite plays: the cells of each of its stages."""

from benchmarks.episodes.playing import Cell
from benchmarks.episodes.protocol import Protocol, count_of
from benchmarks.episodes.specs import Spec
from benchmarks.episodes.workshop import Workshop

ENGINES = ("box2d", "mujoco")
UNMODELLED = ("Place",)  #: tasks that are proved and nothing else: no model ships for them yet
PLANNED = ("Strike", "Catch", "Drop")  #: tasks on which planners are compared, executed in Box2D
BUDGET = "budget=4000"  #: frames that each may imagine for a start in the worst case, or a little less
PLANNERS = (  #: who is compared there; gradients need a model
    "oracle",
    *(f"{name},{BUDGET}@box2d" for name in ("shooting", "cem", "icem", "mppi")),
    *(f"{name},{BUDGET}@learned" for name in ("shooting", "cem", "icem", "mppi", "gradient")),
)
CEM = ("cem@box2d", "cem_privileged@box2d", "cem@learned")
LEARNED: dict[str, tuple[str, ...]] = {  #: who learns each task, and in which worlds
    "Strike": ("sac,frames=1700000@box2d", "ppo@box2d", "ppo@learned"),
    "Catch": ("ppo@box2d", "ppo@learned"),
    "Intercept": ("ppo@box2d", "ppo@learned"),
    "Push": ("ppo,frames=1000000@box2d", "ppo@learned"),
    "Drop": ("ppo@box2d", "ppo@learned"),
    "Bounce": ("ppo,frames=600000@box2d", "ppo@learned"),
}
PLAYED = ("planners", "cem", "learners")  #: stages that play with models


def cells_of(stage: str, tasks: tuple[str, ...], starts: int, workshop: Workshop) -> list[Cell]:
    """The cells of a stage that plays; `starts` in distribution, half as many elsewhere."""
    if stage == "planners":
        chosen = tuple(name for name in PLANNED if name in tasks)
        return Protocol(chosen, ("id",), PLANNERS, ("box2d",), starts).cells(workshop)
    cells: list[Cell] = []
    for name in modelled(tasks):
        policies = CEM if stage == "cem" else LEARNED.get(name, ())
        for level in workshop.task(name).levels if policies else ():
            count = count_of(level, starts)
            for policy in policies:
                cells += Protocol((name,), (level,), (policy,), executing(policy), count).cells(workshop)
    return cells


def executing(policy: str) -> tuple[str, ...]:
    """Worlds that execute a policy: both engines, and the learned world what was prepared there."""
    learned = Spec.parse(policy).prepared_in == "learned"
    return (*ENGINES, "learned") if learned else ENGINES


def modelled(tasks: tuple[str, ...]) -> tuple[str, ...]:
    """Those of some tasks that have a model."""
    return tuple(name for name in tasks if name not in UNMODELLED)
