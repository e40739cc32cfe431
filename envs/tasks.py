"""Tasks by name."""

from collections.abc import Callable

from envs.base import Task
from envs.catch import Catch
from envs.strike import Strike

TASKS: dict[str, Callable[[], Task]] = {"Strike": Strike, "Catch": Catch}


def make_task(task: "str | Task") -> Task:
    """The task called `task` (a Task is returned as is). Raises ValueError listing what exists."""
    if not isinstance(task, str):
        return task
    if task not in TASKS:
        raise ValueError(f"unknown task {task!r}; tasks are {', '.join(TASKS)}")
    return TASKS[task]()
