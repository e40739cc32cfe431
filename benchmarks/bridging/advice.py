"""The table for a person: may I train in this model, may I judge in it, by task and level.

Every answer is read off a loss with its interval, in success (0 to 1), against the two thresholds below; too
few units for it are told with the number needed.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.bridging.planning import ABLE
from benchmarks.bridging.protocol import STARTS_NEEDED
from benchmarks.results_io import Row, select
from benchmarks.statistics import POLICIES_NEEDED

SMALL = 0.10  #: a loss up to this is taken to cost little
LARGE = 0.25  #: a loss beyond this is taken to spoil the use
REALITY = ("box2d", "mujoco", "analytic")  #: the first of these that was played is reality
YES, CARE, NO, UNKNOWN = "yes", "with care", "no", "not enough data"
WORST_FIRST = (NO, UNKNOWN, CARE, YES)  #: of several answers the first of these holds
ANSWERED = {"may_train": "train", "may_judge": "judge"}  #: metrics of the answers in result rows
WORTH = {YES: 1.0, CARE: 0.5, NO: 0.0}  #: their values; an answer that lacks data has no row
RULES = (
    f"Each answer rests on a loss and its 95 % interval. Yes: the whole interval lies at or below "
    f"{SMALL:.2f}. No: the whole interval lies above {LARGE:.2f}. With care: it lies between, or reaches "
    f"over a threshold although there are {STARTS_NEEDED} starts; then the more cautious answer holds. With "
    f"fewer starts an interval that reaches over a threshold is not enough data.",
    f"May I train in it: the loss is the real success of a policy that was prepared in the engine, minus "
    f"that of the same policy prepared in the model, on the same starts. Each policy that was prepared in "
    f"both counts, and the worst answer holds. One that solves less than {ABLE:.0%} even when prepared in "
    f"the engine is itself the bottleneck: a small loss of it says nothing.",
    f"May I judge in it: two losses, of which the worse answer holds. The rank loss is what Spearman's "
    f"correlation of imagined and real success over policies falls short of the one between two engines; it "
    f"needs {POLICIES_NEEDED} policies. The gap loss is the size of the mean gap between imagined and real "
    f"success, beyond that of two engines. Without a second engine they are measured from 1 and from 0.",
)


@dataclass(frozen=True)
class Answer:
    """One of the four words, and the figures that it rests on."""

    word: str
    why: str


@dataclass(frozen=True)
class Advice:
    """The two answers for a model at a task and level."""

    model: str
    task: str
    level: str
    train: Answer
    judge: Answer


def advise(rows: Sequence[Row]) -> list[Advice]:
    """Advice for every model, task and level that policies were played in, in the order of the rows."""
    places = dict.fromkeys(
        (r["model"], r["task"], r["level"]) for r in rows if {"model", "task", "level", "policy"} <= r.keys()
    )
    return [Advice(*place, _train(rows, *place), _judge(rows, *place)) for place in places]


def answers(advice: Iterable[Advice]) -> list[Row]:
    """The answers as result rows: 1 yes, 0.5 with care, 0 no."""
    return [
        {"task": one.task, "level": one.level, "model": one.model, "metric": metric, "value": WORTH[word]}
        for one in advice
        for metric, question in ANSWERED.items()
        if (word := getattr(one, question).word) in WORTH
    ]


def _train(rows: Sequence[Row], model: str, task: str, level: str) -> Answer:
    found = select(
        rows, task=task, level=level, model=model, metric="success_difference_to_box2d", factor=None
    )
    world = _reality(found)
    real = select(
        rows, task=task, level=level, world=world, metric="success", prepared_in="box2d", factor=None
    )
    able, unable = [], []
    for r in select(found, world=world):
        word = answer(-r["high"], -r["low"], r["n"])
        why = f"{r['policy']} loses {_span(-r['value'], -r['high'], -r['low'])}"
        twin = select(real, policy=r["policy"])
        if word != NO and twin and twin[0]["value"] < ABLE:
            more = f", but solves only {twin[0]['value']:.0%} when prepared in the engine"
            unable.append(Answer(UNKNOWN, why + more))
        else:
            more = f"; {r['n']} of {STARTS_NEEDED} starts" * (word == UNKNOWN)
            able.append(Answer(word, why + more))
    none = Answer(UNKNOWN, "no policy was prepared both in the model and in the engine")
    return _worst(able) or _worst(unable) or none


def _judge(rows: Sequence[Row], model: str, task: str, level: str) -> Answer:
    here = [r for r in select(rows, task=task, level=level, model=model) if "policy" not in r]
    ranks, gaps = select(here, metric="spearman"), select(here, metric="gap")
    world, answers = _reality(ranks + gaps), []
    own = [x for x in select(rows, task=task, level=level, model=model, metric="gap") if "policy" in x]
    for r in select(gaps, world=world):
        other = select(here, metric="gap_ceiling", world=world)
        size = _size(r) if r.get("low") is not None else None
        allowed = abs(other[0]["value"]) if other else 0.0
        if size is None:
            answers.append(Answer(UNKNOWN, f"a mean gap over {r['n']} policies has no interval"))
            continue
        starts = max(x["n"] for x in own)
        word = answer(max(size[0] - allowed, 0.0), max(size[1] - allowed, 0.0), starts)
        more = f"; {starts} of {STARTS_NEEDED} starts" if word == UNKNOWN else ""
        answers.append(Answer(word, f"mean gap {_span(r['value'], r['low'], r['high'], sign='+')}{more}"))
    for r in select(ranks, world=world):
        other = select(here, metric="spearman_ceiling", world=world)
        best = other[0]["value"] if other else 1.0
        beside = f", two engines {best:.2f}" if other else ""
        if r.get("low") is None:
            answers.append(Answer(UNKNOWN, f"ranks: {r['n']} of {POLICIES_NEEDED} policies"))
            continue
        word = answer(max(best - r["high"], 0.0), max(best - r["low"], 0.0), STARTS_NEEDED)
        span = _span(r["value"], r["low"], r["high"])
        answers.append(Answer(word, f"rank correlation {span}{beside}"))
    return _worst(answers) or Answer(UNKNOWN, "no policy was played both in imagination and in reality")


@dataclass(frozen=True)
class Summary:
    """Of a model, by question: the words of the answers, each with the places where it holds."""

    model: str
    answers: dict[str, list[tuple[str, str]]]


def in_words(advice: Sequence[Advice], name: Callable[[str], str]) -> list[Summary]:
    """Both questions for each model, answered for all places together; `name` calls the levels."""
    summaries = []
    for model in dict.fromkeys(one.model for one in advice):
        mine = [one for one in advice if one.model == model]
        answers = {}
        for verb in ("train", "judge"):
            places: dict[str, dict[str, list[str]]] = {}
            for one in mine:
                word = getattr(one, verb).word
                places.setdefault(word, {}).setdefault(one.task, []).append(name(one.level))
            words = [word for word in (YES, CARE, NO, UNKNOWN) if word in places]
            answers[f"May I {verb} in it?"] = [(word, _listed(places[word], mine)) for word in words]
        summaries.append(Summary(model, answers))
    return summaries


def _listed(places: Mapping[str, Sequence[str]], everything: Sequence[Advice]) -> str:
    """Tasks with their levels; "everywhere" where there is no other."""
    if sum(map(len, places.values())) == len(everything):
        return "everywhere"
    return ", ".join(f"{task} " + ", ".join(levels) for task, levels in places.items())


def answer(low: float, high: float, n: int) -> str:
    """The answer that a loss with the interval [low, high] over n starts gives. See `RULES`."""
    first, last = (YES if x <= SMALL else CARE if x <= LARGE else NO for x in (low, high))
    if first == last or n >= STARTS_NEEDED:
        return last
    return UNKNOWN


def _worst(answers: Iterable[Answer]) -> Answer | None:
    ranked = sorted(answers, key=lambda one: WORST_FIRST.index(one.word))
    if not ranked:
        return None
    same = [one.why for one in ranked if one.word == ranked[0].word]
    return Answer(ranked[0].word, "; ".join(same))


def _size(row: Row) -> tuple[float, float]:
    """The interval of a value's size."""
    ends = abs(row["low"]), abs(row["high"])
    return (0.0 if row["low"] <= 0 <= row["high"] else min(ends)), max(ends)


def _reality(rows: Sequence[Row]) -> str | None:
    played = {r["world"] for r in rows}
    return next((world for world in REALITY if world in played), None)


def _span(value: float, low: float, high: float, sign: str = "") -> str:
    one, two, three = (f"{x:{sign if round(x, 2) else ''}.2f}" for x in (value + 0.0, low + 0.0, high + 0.0))
    return f"{one} [{two}, {three}]".replace("-", "\N{MINUS SIGN}")
