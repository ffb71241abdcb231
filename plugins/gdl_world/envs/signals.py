"""Who hears a terminal's Ctrl-C, which reaches a process and all that it has started: the process alone decides."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress


def deaf() -> None:
    """Let this process pay no heed to Ctrl-C."""
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
