"""Two ways to the same result, timed in turns by one clock: the ratio of each pair of blocks, and their median.

A block is as many calls as fill some milliseconds. The order within a pair changes from pair to pair, so that what
happens to the machine meanwhile happens to both.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

Call = Callable[[], object]

FEWEST_PAIRS = 5
BLOCK_SECONDS = 0.012


class Clock(Protocol):
    """What a call is timed with."""

    name: str

    def prepare(self, call: Call) -> Call:
        """Return the call as this clock runs it."""

    def seconds(self, call: Call, calls: int) -> float:
        """Run a prepared call so many times and return the seconds of one."""

    def calls(self, seconds: float, pairs: int) -> int:
        """Return how many calls of these seconds make a block."""


@contextmanager
def no_collection() -> Iterator[None]:
    """Keep the garbage collector out of a block."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


class CpuClock:
    """CPU seconds of this process, which other work on the machine disturbs little, or seconds on the wall."""

    def __init__(self, wall: bool = False) -> None:
        self.name = "wall" if wall else "cpu"
        self._now = time.perf_counter if wall else time.process_time

    def prepare(self, call: Call) -> Call:
        return call

    def seconds(self, call: Call, calls: int) -> float:
        with no_collection():
            start = self._now()
            for _ in range(calls):
                call()
            return (self._now() - start) / calls

    def calls(self, seconds: float, pairs: int) -> int:
        return max(1, int(BLOCK_SECONDS / seconds))


@dataclass(frozen=True)
class Comparison:
    """Median seconds of a call each, and the rival's time over ours in the median, lowest and highest pair."""

    ours: float
    rival: float
    ratio: float
    low: float
    high: float
    pairs: int


def blocks_of_pairs(
    first: Call, second: Call, clock: Clock, pairs: int, budget: float
) -> tuple[list[float], list[float]]:
    """Return seconds of a call in each block; fewer pairs, though never under FEWEST_PAIRS, where `budget` seconds
    do not suffice."""
    prepared = [clock.prepare(first), clock.prepare(second)]
    blocks, spent = [], 0.0
    for call in prepared:
        call()
        each = max(clock.seconds(call, 2), 1e-7)
        blocks.append((call, clock.calls(each, pairs)))
        spent += each * blocks[-1][1]
    pairs = min(pairs, max(FEWEST_PAIRS, int(budget / spent)))
    times: tuple[list[float], list[float]] = ([], [])
    for i in range(pairs):
        for which in (0, 1) if i % 2 else (1, 0):
            times[which].append(clock.seconds(*blocks[which]))
    return times


def compare(ours: Call, rival: Call, clock: Clock, pairs: int, budget: float) -> Comparison:
    """Time both in turns."""
    a, b = blocks_of_pairs(ours, rival, clock, pairs, budget)
    ratios = [y / x for x, y in zip(a, b, strict=True)]
    return Comparison(
        statistics.median(a), statistics.median(b), statistics.median(ratios), min(ratios), max(ratios), len(ratios)
    )
