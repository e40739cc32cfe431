"""The levels that a world model is judged on, and what earns each: all thresholds stand here.

A level is earned where the unfavourable end of every interval meets its limit; a value without an interval
earns nothing. The limits are conventions of this project, the same for every model.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks import results_io
from benchmarks.episodes.protocol import IN_DISTRIBUTION
from benchmarks.results_io import Row

ABLE = 0.5  #: success in Box2D of the same planner or learner below which it is itself the bottleneck
LEVELS = "id bounce speed size both"  #: all in one call: a command's result file holds its last one
MEASURE = (
    f"worldsim bench cost --stages prediction --prediction.levels {LEVELS} --prediction.models {{model}}"
)
BRIDGE = f"worldsim bench bridge --levels {LEVELS} --model {{model}}"
CAMPAIGN = f"worldsim bench {results_io.CAMPAIGN.removesuffix('.json')}"


@dataclass(frozen=True)
class Bar:
    """A figure and the limits that its interval must keep, in its unit, or as shares of the task's tolerance.

    Where `beside` names a figure that is below `ABLE`, this one says little and earns nothing.
    """

    metric: str
    text: str
    least: float | None = None
    most: float | None = None
    unit: str = ""
    of_tolerance: bool = False
    beside: str = ""
    occurs: bool = True  #: False where what it measures need not occur: then it is not asked for

    def limits(self, tolerance: float) -> tuple[float | None, float | None]:
        """Both limits in the figure's unit."""
        scale = tolerance if self.of_tolerance else 1.0
        least, most = (None if limit is None else limit * scale for limit in (self.least, self.most))
        return least, most


@dataclass(frozen=True)
class Rung:
    """A level: its name, the question it asks, what must be kept, and the command that measures it."""

    name: str
    asks: str
    bars: tuple[Bar, ...]
    command: str


RUNGS = (
    Rung(
        "visual plausibility",
        "Do predicted pictures look like the true ones?",
        (
            Bar("ssim", "SSIM of open-loop rollouts", least=0.95),
            Bar("psnr", "PSNR of open-loop rollouts", least=25.0, unit="dB"),
        ),
        MEASURE,
    ),
    Rung(
        "physical plausibility",
        "Does what is shown keep to the laws, wherever it goes?",
        (
            Bar("permanence", "share of bodies that are there", least=0.99),
            Bar("penetration", "depth of bodies in each other", most=0.05, unit="m"),
            Bar("momentum", "relative error of momentum at impacts", most=0.10, occurs=False),
            Bar("gravity_ratio", "gravity over the true one", least=0.9, most=1.1, occurs=False),
        ),
        MEASURE,
    ),
    Rung(
        "open-loop prediction",
        "Do bodies go where they truly go, under random actions?",
        (
            Bar("position_error", "mean position error", most=0.5, unit="m", of_tolerance=True),
            Bar("kept", "starts within the task's tolerance to the end", least=0.80),
        ),
        MEASURE,
    ),
    Rung(
        "action fidelity",
        "Does another action change the picture as it changes the truth?",
        (
            Bar("action_gain", "size of the answer over the true one", least=0.90, most=1.10),
            Bar("action_error", "error of the answer, 1 is none", most=0.15),
        ),
        MEASURE,
    ),
    Rung(
        "closed-loop validity",
        "Does the picture stay with the truth under the actions of an agent that planned in it?",
        (Bar("closed_loop", "episodes within the task's tolerance to the end", least=0.80),),
        MEASURE,
    ),
    Rung(
        "policy evaluation",
        "Does success in imagination tell success in reality, of any policy?",
        (
            Bar("gap", "imagined minus real success, mean over policies", least=-0.10, most=0.10),
            Bar("spearman", "rank correlation over policies", least=0.80),
        ),
        BRIDGE,
    ),
    Rung(
        "planning",
        "Are plans made in it worth those made in the true physics?",
        (Bar("planning", "CEM: real success over that with true physics", least=0.90, beside="planner"),),
        MEASURE,
    ),
    Rung(
        "policy optimisation",
        "Are policies trained in it worth those trained in the true physics?",
        (Bar("optimisation", "PPO: real success over that with true physics", least=0.90, beside="learner"),),
        CAMPAIGN,
    ),
)
#: what a person would use it for: a verdict rests on these, not on how it looks
DECISIVE = ("closed-loop validity", "policy evaluation", "planning", "policy optimisation")
EARNED, MISSED, LIMITED, UNKNOWN = "earned", "not earned", "limited", "not measured"


@dataclass(frozen=True)
class Reading:
    """A figure as measured: its bar, the limits in its unit, and its row (None: not measured)."""

    bar: Bar
    least: float | None
    most: float | None
    row: Row | None

    @property
    def kept(self) -> bool:
        """Whether its interval keeps the limits."""
        if self.row is None or self.row["low"] is None or self.row["high"] is None:
            return False
        low, high = self.row["low"], self.row["high"]
        return (self.least is None or low >= self.least) and (self.most is None or high <= self.most)


@dataclass(frozen=True)
class Step:
    """A model on one rung at one task and level: its state, the readings behind it, and the command that
    measures it where it has not been."""

    rung: Rung
    level: str
    state: str
    readings: tuple[Reading, ...]
    command: str
    note: str = ""


def step(rung: Rung, level: str, measured: Mapping[str, Row], tolerance: float, model: str) -> Step:
    """Where a model stands on a rung, from rows (`value`, `low`, `high`, `n`) by metric."""
    readings = tuple(
        Reading(bar, *bar.limits(tolerance), measured.get(bar.metric))
        for bar in rung.bars
        if bar.occurs or bar.metric in measured
    )
    command = rung.command.format(model=model)
    for bar in rung.bars:
        beside = measured.get(bar.beside) if bar.beside else None
        if beside is not None and beside["value"] < ABLE:
            able = f"{beside['value']:.0%} with true physics, less than {ABLE:.0%}"
            note = f"the same {bar.beside} solves {able}: it is itself the bottleneck, and tells little here"
            return Step(rung, level, LIMITED, readings, command, note)
    if any(reading.row is None for reading in readings):
        return Step(rung, level, UNKNOWN, readings, command)
    state = EARNED if all(reading.kept for reading in readings) else MISSED
    return Step(rung, level, state, readings, command)


@dataclass(frozen=True)
class Verdict:
    """A plain verdict on a model for one task, and why."""

    task: str
    word: str
    why: str


TRUST, TRUST_ID, NO_TRUST = "trust", "trust in-distribution", "do not trust"


def verdict(task: str, steps: Mapping[str, tuple[Step, ...]]) -> Verdict:
    """From the steps of each level: trust where the decisive rungs are earned at every level, trust
    in-distribution where they are at the levels in distribution, else do not trust.

    What was not measured has not been earned. A rung that is limited neither counts for a model nor against
    it, but for planning, which must be earned.
    """
    lacking = {level: [s for s in mine if _lacks(s)] for level, mine in steps.items()}
    inside = {level: found for level, found in lacking.items() if level in IN_DISTRIBUTION}
    if lacking and not any(lacking.values()):
        return Verdict(task, TRUST, "Every decisive level is earned, in distribution and out of it")
    if inside and not any(inside.values()):
        return Verdict(task, TRUST_ID, "Missing: " + _why(lacking))
    return Verdict(task, NO_TRUST, "Missing: " + _why(inside or lacking))


def _lacks(step: Step) -> bool:
    """Whether a step stands in the way of trust."""
    if step.rung.name not in DECISIVE:
        return False
    return step.state not in ((EARNED,) if step.rung.name == "planning" else (EARNED, LIMITED))


def _why(lacking: Mapping[str, list[Step]]) -> str:
    """What is missing at which level."""
    told = {lv: ", ".join(f"{s.rung.name} ({s.state})" for s in found) for lv, found in lacking.items()}
    return "; ".join(f"{level}: {found}" for level, found in told.items() if found)
