"""Tasks by name."""

from collections.abc import Callable

from envs.bank import Bank
from envs.base import Task
from envs.bounce import Bounce
from envs.catch import Catch
from envs.drop import Drop
from envs.intercept import Intercept
from envs.strike import Strike

TASKS: dict[str, Callable[[], Task]] = {
    task.name: task for task in (Strike, Bank, Intercept, Catch, Drop, Bounce)
}


def make_task(task: "str | Task") -> Task:
    """The task called `task` (a Task is returned as is). Raises ValueError listing what exists."""
    if not isinstance(task, str):
        return task
    if task not in TASKS:
        raise ValueError(f"unknown task {task!r}; tasks are {', '.join(TASKS)}")
    return TASKS[task]()
