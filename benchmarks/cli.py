"""`worldsim <verb>`: a table from verb to function; only the module of the verb asked for is imported."""

import os
import sys
from importlib import import_module

VERBS: dict[str, tuple[str, str]] = {
    "demo": (
        "benchmarks.verbs.demo:main",
        "the whole loop in minutes, with the shipped models",
    ),
    "simulate": ("benchmarks.verbs.simulate:main", "make a clip store of one scenario at one level"),
    "train": ("benchmarks.verbs.train:main", "train a world model from a recipe"),
    "learn": ("benchmarks.verbs.learn:main", "train a policy by reinforcement learning inside any world"),
    "plan": ("benchmarks.verbs.plan:main", "plan in one world and execute in another"),
    "bridge": (
        "benchmarks.verbs.bridge:main",
        "run policies on the same starts in several worlds and report",
    ),
    "compare": ("benchmarks.ranked.compare:main", "two models or runs on the same starts, cell by cell"),
    "leaderboard": (
        "benchmarks.ranked.leaderboard:main",
        "validate runs of the bridge and rank their models",
    ),
    "ladder": (
        "benchmarks.ladder.command:main",
        "what a model has earned, level by level, and whether to trust it",
    ),
    "check": ("benchmarks.verbs.check:main", "whether a task, world, model or policy keeps its contract"),
    "play": ("benchmarks.verbs.play:main", "act in a world yourself, with ground truth beside it"),
    "bench engines": (
        "benchmarks.floors.engines:main",
        "agreement of the engines with closed forms and each other",
    ),
    "bench pictures": ("benchmarks.floors.pictures:main", "accuracy and speed of rendering and tracking"),
    "bench clips": ("benchmarks.floors.clips:main", "simulated and stored clips per second"),
    "bench models": ("benchmarks.learned.models:main", "errors, permanence and speed of the shipped models"),
    "bench laws": ("benchmarks.learned.laws.command:main", "has a model learned the law, or the clips?"),
    "bench memory": ("benchmarks.learned.memory:main", "does a model follow the law or a memory of clips?"),
    "bench scaling": (
        "benchmarks.learned.scaling:main",
        "do more data or larger models close the gap out of distribution?",
    ),
    "bench ideas": ("benchmarks.learned.ideas:main", "which ideas bring the error out of distribution down?"),
    "bench throughput": (
        "benchmarks.learned.throughput:main",
        "how fast each family imagines",
    ),
    "bench proof": ("benchmarks.suite.proof:main", "what a task must prove before it counts"),
    "bench cost": ("benchmarks.costing.command:main", "what a physics error costs, by the type of the error"),
    "bench attempts": (
        "benchmarks.suite.attempts:main",
        "how soon one of a ranked list of attempts works",
    ),
    "bench bridge": (
        "benchmarks.bridging.command:main",
        "imagined against real, by a fixed set of policies, in every measure",
    ),
    "bench suite": ("benchmarks.suite.command:main", "all tasks, planners and learners"),
    "bench evidence": (
        "benchmarks.evidence:main",
        "pack what a benchmark recorded, or unpack it and go on from there",
    ),
    "bench readme": ("benchmarks.readme:main", "write the committed results into README and docs"),
}


def main(argv: list[str] | None = None) -> int:
    """Run a verb. Returns 0, 1 for a fault that a message explains, 2 for an unknown verb, 130 for Ctrl-C."""
    words = sys.argv[1:] if argv is None else argv
    verb = next((v for v in (" ".join(words[:2]), *words[:1]) if v in VERBS), None)
    if verb is None:
        asked = not words or words[0] in ("-h", "--help")
        wrong = "" if asked else f"worldsim: unknown verb {' '.join(words[:2])!r}\n\n"
        print(wrong + usage(), file=sys.stdout if asked else sys.stderr)
        return 0 if asked else 2
    try:
        run(verb, words[len(verb.split()) :])
    except KeyboardInterrupt:
        print(f"\nworldsim {verb}: interrupted; what was recorded stays", file=sys.stderr)
        return 130
    except (ValueError, OSError, ImportError, ArithmeticError) as error:
        if os.environ.get("WORLDSIM_TRACEBACK"):
            raise
        print(f"worldsim {verb}: {error}\n(WORLDSIM_TRACEBACK=1 shows where it arose)", file=sys.stderr)
        return 1
    return 0


def run(verb: str, rest: list[str]) -> None:
    """Import the verb's module, read the words after the verb into its `Args`, and call its function."""
    module_name, function = VERBS[verb][0].split(":")
    module = import_module(module_name)
    import tyro

    args = tyro.cli(module.Args, prog=f"worldsim {verb}", args=rest)
    getattr(module, function)(args)


def usage() -> str:
    """All verbs, a line each."""
    width = max(map(len, VERBS))
    lines = [f"  {verb:<{width}}  {text}" for verb, (_, text) in VERBS.items()]
    return "\n".join(
        ["usage: worldsim VERB [options]", "", *lines, "", "worldsim VERB --help lists the options."]
    )


if __name__ == "__main__":
    sys.exit(main())
