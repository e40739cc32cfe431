"""Tasks by name."""

from collections.abc import Callable

from envs.bank import Bank
from envs.base import Task
from envs.bounce import Bounce
from envs.catch import Catch
from envs.drop import Drop
from envs.intercept import Intercept
from envs.place import Place
from envs.push import Push
from envs.strike import Strike
from worldsim import plugins

TASKS: dict[str, Callable[[], Task]] = {
    task.name: task for task in (Strike, Bank, Intercept, Catch, Drop, Bounce, Push, Place)
}


PARTS = tuple(name for name in vars(Task) if not name.startswith("_"))


def make_task(task: "str | Task") -> Task:
    """The task called `task`, built in or brought (see `worldsim.plugins`); a Task is returned as it is.

    Raises ValueError listing what exists.
    """
    if not isinstance(task, str):
        return task
    if task in TASKS:
        return TASKS[task]()
    if plugins.brought("task", task):
        return plugins.make("task", task, PARTS)
    raise ValueError(f"unknown task {task!r}; tasks are {', '.join(TASKS)}; {plugins.advice('task')}")
