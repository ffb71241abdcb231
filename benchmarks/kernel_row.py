"""What is in a row of the results, and what was asked of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from kernel_case import DifferentError
from paired import Comparison

MISSES = ("MISSED", "DIFFERS")


@dataclass
class Against:
    """One rival: its median seconds, and its time over ours; for "copy" our bandwidth over that of the copy.

    `error` says why there are no numbers; `verdict` is empty where nothing was asked.
    """

    seconds: float = 0.0
    ratio: float = 0.0
    low: float = 0.0
    high: float = 0.0
    pairs: int = 0
    peak: int | None = None
    goal: float | None = None
    verdict: str = ""
    error: str = ""

    def take(self, result: Comparison, scale: float, peak: int | None) -> None:
        self.seconds, self.pairs, self.peak = result.rival, result.pairs, peak
        self.ratio, self.low, self.high = scale * result.ratio, scale * result.low, scale * result.high
        if self.goal is not None:
            self.verdict = "met" if self.ratio >= self.goal else "MISSED"

    def fail(self, error: Exception) -> None:
        """Note why it was not timed. Another result than ours is a fault, whatever was asked of the speed."""
        self.error = reason(error)
        self.verdict = "DIFFERS" if isinstance(error, DifferentError) else "not run"


@dataclass
class Row:
    """One case by one clock: median seconds of ours, the bytes that must move, and every rival."""

    family: str
    op: str
    detail: str
    shape: str
    dtype: str
    kind: str
    timing: str
    threads: int
    seconds: float = 0.0
    bytes: int = 0
    gbps: float = 0.0
    peak: int | None = None
    share: float | None = None
    against: dict[str, Against] = field(default_factory=dict)
    error: str = ""


def reason(error: Exception) -> str:
    """Return the first line that says something, without the folders of paths."""
    lines = [re.sub(r"(/[\w.+-]+)+/", "", line).strip() for line in str(error).splitlines()]
    said = next((line for line in lines if line and not line.endswith(":")), "")
    return f"{type(error).__name__}: {said}"[:160].rstrip(": ")


@dataclass(frozen=True)
class CallCost:
    """Seconds of a call on a small tensor beyond its arithmetic, which is what an element costs in a larger one."""

    op: str
    detail: str
    kind: str
    small: str
    large: str
    seconds: float
    low: float
    high: float
    goal: float | None
    verdict: str
