"""`worldsim check`: ask a task, world, model or policy for its contract, clause by clause."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

if TYPE_CHECKING:
    from envs.base import Task
    from worldsim.contracts import Finding

COLOURS = {"holds": "green", "fails": "bold red", "skipped": "dim"}


@dataclass(frozen=True)
class Args:
    """Say whether something keeps its contract, and which clause fails."""

    kind: Annotated[Literal["task", "world", "model", "policy"], tyro.conf.Positional]
    """What it is."""
    name: Annotated[str, tyro.conf.Positional]
    """Its name: built in, an entry point, module:attribute, a checkpoint's folder, or a policy's .zip."""
    task: str = "Strike"
    """Task whose starts and actions a world, model or policy is asked with."""
    level: str = "id"
    """Level of these starts."""


def main(args: Args) -> None:
    """Print a line for each clause. Raises ValueError, naming the failing clause, where one fails."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from worldsim.contracts import failure

    findings = check(args)
    table = Table("Clause", "", "Found", title=f"{args.kind} {args.name}")
    for f in findings:
        table.add_row(escape(f.says), f"[{COLOURS[f.verdict]}]{f.verdict}[/]", escape(f.found))
    Console().print(table)
    if failed := failure(findings):
        raise ValueError(
            f"{args.name} breaks the contract of a {args.kind}: {failed.says!r} fails: {failed.found}"
        )


def check(args: Args) -> "list[Finding]":
    """The findings. Raises ValueError where nothing of this name exists or it cannot be made."""
    from envs.tasks import TASKS, make_task
    from worldsim import plugins

    if args.kind == "task":
        from envs.contracts import check_task

        if args.name in TASKS or not plugins.brought("task", args.name):
            return check_task(TASKS.get(args.name, lambda: make_task(args.name)))
        return check_task(lambda: plugins.make("task", args.name, ()))
    task = make_task(args.task)
    scenes = [task.sample(args.level, i).scene for i in range(3)]
    if args.kind == "model":
        from worldsim.model_contract import check_model
        from worldsim.models import checkpoint_folder, load_model

        own = not checkpoint_folder(args.name).is_dir() and plugins.brought("model", args.name)
        return check_model(plugins.make("model", args.name, ()) if own else load_model(args.name), scenes)
    if args.kind == "world":
        from benchmarks.episodes.workshop import brought_world
        from worldsim.world_contract import check_world
        from worldsim.worlds import make_world

        if brought_world(args.name) == "world":
            made = plugins.make("world", args.name, (), template=task.template)
            if not hasattr(made, "init"):
                return check_world(made, scenes)
        return check_world(make_world(args.name, task.template), scenes)
    return _policy(args, task)


def _policy(args: Args, task: "Task") -> "list[Finding]":
    from agents.contracts import check_policy
    from benchmarks.episodes.specs import Spec
    from benchmarks.episodes.workshop import Workshop
    from worldsim import plugins

    workshop, spec = Workshop(), Spec.parse(args.name)

    def make() -> Any:
        if not spec.brought:
            return workshop.policy(spec, task, args.level, "reference")
        given = {"world": workshop.world(spec.prepared_in, task)} if spec.prepared_in else {}
        return plugins.make("policy", spec.policy, (), task=task, level=args.level, **given)

    return check_policy(make, task, args.level)
