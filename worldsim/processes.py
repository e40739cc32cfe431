"""Processes that do a share of their parent's work and never outlive it."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.context import SpawnContext
from multiprocessing.process import BaseProcess
from typing import Any

SPAWN: SpawnContext = multiprocessing.get_context("spawn")


@contextmanager
def running(work: Callable[..., None], shares: Sequence[tuple[Any, ...]]) -> Iterator[list[BaseProcess]]:
    """One process of `work(*share)` for each share, all of them ended when the block is left."""
    processes: list[BaseProcess] = [SPAWN.Process(target=_begin, args=(work, *share)) for share in shares]
    for process in processes:
        process.start()
    try:
        yield processes
    finally:
        for process in processes:
            process.terminate()
            process.join()


def follow_parent() -> None:
    """Ctrl-C reaches the whole process group and is the parent's to answer; without a parent, stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_stop_with_parent, daemon=True).start()


def _begin(work: Callable[..., None], *share: Any) -> None:
    follow_parent()
    work(*share)


def _stop_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
