"""The lock of turns: one at a time, in the order of asking."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from gdl_core.turns import Turns


def waiting(turns: Turns, count: int) -> None:
    """Return when so many threads wait."""
    deadline = time.monotonic() + 30
    while len(turns._waiting) < count:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def is_free(turns: Turns) -> bool:
    """Return whether another thread gets a turn, rather than wait for ever."""
    had = threading.Event()

    def work() -> None:
        with turns:
            had.set()

    threading.Thread(target=work, daemon=True).start()
    return had.wait(10)


def test_one_at_a_time() -> None:
    turns, inside, most = Turns(), 0, 0

    def work(_: int) -> None:
        nonlocal inside, most
        for _ in range(50):
            with turns:
                inside += 1
                most = max(most, inside)
                time.sleep(0)
                inside -= 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert most == 1
    assert inside == 0


def test_whoever_asked_first_comes_first_also_before_the_one_that_had_it() -> None:
    turns, order = Turns(), []

    def work(name: int) -> None:
        with turns:
            order.append(name)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(5)]
    with turns:
        for number, thread in enumerate(threads):
            thread.start()
            waiting(turns, number + 1)
    with turns:
        order.append("again")
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 3, 4, "again"]


def test_an_error_inside_hands_over() -> None:
    turns = Turns()
    with pytest.raises(ValueError, match="inside"), turns:
        raise ValueError("inside")
    assert is_free(turns)


@pytest.mark.parametrize("handed_over", [False, True])
def test_nobody_waits_for_one_who_was_interrupted(monkeypatch: pytest.MonkeyPatch, handed_over: bool) -> None:
    turns, real = Turns(), threading.Lock
    turns.__enter__()

    class Ticket:
        """A lock whose second acquisition, the waiting, is interrupted; before or after the turn was handed over."""

        def __init__(self) -> None:
            self.asked = 0

        def acquire(self) -> None:
            self.asked += 1
            if self.asked == 2:
                if handed_over:
                    turns.__exit__(None, None, None)
                raise KeyboardInterrupt

        def release(self) -> None:
            assert handed_over

    monkeypatch.setattr(threading, "Lock", Ticket)
    with pytest.raises(KeyboardInterrupt):
        turns.__enter__()
    monkeypatch.setattr(threading, "Lock", real)
    if not handed_over:
        turns.__exit__(None, None, None)
    assert is_free(turns)
    assert not turns._waiting
