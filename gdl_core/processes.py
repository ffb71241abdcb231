"""Processes: how many can run at once, which of several this is, and what those that are started have to heed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait

_THREADS = "OMP_NUM_THREADS"


def cores() -> int:
    """Return how many processes can run at once here."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processes() -> tuple[int, int]:
    """Return which of how many processes this is, as torchrun says; (0, 1) where torchrun did not start it."""
    if not _by_torchrun():
        return 0, 1
    return int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])


def place() -> int | None:
    """Return which of the processes of this machine this is, as torchrun says; None where it did not start it."""
    return int(os.environ["LOCAL_RANK"]) if _by_torchrun() else None


def _by_torchrun() -> bool:
    return "TORCHELASTIC_RUN_ID" in os.environ  # other things set the other names, too


def deaf() -> None:
    """Let this process pay no heed to Ctrl-C, which reaches a process and all that it has started: it alone decides."""
    with suppress(ValueError):  # not in the main thread
        signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def deaf_children() -> Iterator[None]:
    """Let what is started meanwhile pay no heed to Ctrl-C, which a program inherits."""
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:  # not in the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let processes that are started meanwhile have one thread for arithmetic: there are as many as cores."""
    before = os.environ.get(_THREADS)
    os.environ[_THREADS] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_THREADS]
        else:
            os.environ[_THREADS] = before


def not_without_parent() -> None:
    """Let this process end when the one that started it does, however that ends; and heed no Ctrl-C."""
    deaf()
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
