"""A lock that is given in the order in which it was asked for, and how a caller says that work should stop."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

from gdl_core.errors import CancelledError


class Event(Protocol):
    """What `cancel` may be besides a function: a `threading.Event`."""

    def is_set(self) -> bool: ...


Cancel = Event | Callable[[], bool] | None


def stop_if(cancel: Cancel) -> None:
    """Raise CancelledError if the caller has asked to stop."""
    if cancel is not None and (cancel() if callable(cancel) else cancel.is_set()):
        raise CancelledError("stopped")


class Turns:
    """As `threading.Lock` in a with statement; but whoever lets go and asks again waits behind those who asked before.

    A thread that takes a plain lock tile after tile gets it again nearly each time, and leaves the others waiting.
    """

    def __init__(self) -> None:
        self._state = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Lock] = deque()

    def __enter__(self) -> None:
        with self._state:
            if not self._taken:
                self._taken = True
                return
            ticket = threading.Lock()
            ticket.acquire()
            self._waiting.append(ticket)
        try:
            ticket.acquire()  # until the one before hands over
        except BaseException:  # Ctrl-C: nobody may wait for who has left
            with self._state:
                if ticket in self._waiting:
                    self._waiting.remove(ticket)
                else:
                    self._hand_over()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._state:
            self._hand_over()

    def _hand_over(self) -> None:
        if self._waiting:
            self._waiting.popleft().release()
        else:
            self._taken = False
