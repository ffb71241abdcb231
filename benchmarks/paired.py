"""Two ways to the same result, timed in turns: CPU seconds of this process, and the ratio of each pair."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """Seconds of the fastest call each, and torch's time over ours in the median, lowest and highest pair."""

    name: str
    shape: str
    ours: float
    torch: float
    ratio: float
    lowest: float
    highest: float
    goal: float | None

    @property
    def verdict(self) -> str:
        if self.goal is None:
            return ""
        return "met" if self.ratio >= self.goal else "MISSED"


def seconds(f: Callable[[], object], calls: int) -> float:
    start = time.process_time()
    for _ in range(calls):
        f()
    return (time.process_time() - start) / calls


def compare(
    name: str, shape: str, ours: Callable[[], object], plain: Callable[[], object], goal: float | None, pairs: int
) -> Result:
    ours(), plain()
    slower = max(seconds(ours, 2), seconds(plain, 2), 1e-6)
    calls = max(1, int(0.02 / slower))
    times = []
    for i in range(pairs):
        if i % 2:
            times.append((seconds(ours, calls), seconds(plain, calls)))
        else:
            times.append((seconds(plain, calls), seconds(ours, calls))[::-1])
    ratios = sorted(b / a for a, b in times)
    return Result(
        name,
        shape,
        min(a for a, _ in times),
        min(b for _, b in times),
        statistics.median(ratios),
        ratios[0],
        ratios[-1],
        goal,
    )


def table(results: list[Result]) -> str:
    lines = [
        "| operation | shape | ours, µs | torch, µs | times faster (median, lowest–highest pair) | goal | |",
        "|---|---|---|---|---|---|---|",
    ]
    for r in results:
        goal = f"≥ {r.goal}" if r.goal is not None else ""
        lines.append(
            f"| {r.name} | {r.shape} | {1e6 * r.ours:.1f} | {1e6 * r.torch:.1f} | "
            f"**{r.ratio:.2f}** ({r.lowest:.2f}–{r.highest:.2f}) | {goal} | {r.verdict} |"
        )
    return "\n".join(lines)
