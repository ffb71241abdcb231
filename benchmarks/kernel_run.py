"""Measures cases: what is in a row of the table, and what was asked of it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from kernel_case import Case, bind, tensors
from kernel_rivals import Setting, copy_call, rivals_of
from paired import Call, Clock, Comparison, CpuClock, blocks_of_pairs, compare

CALL_GOAL = 6e-6
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

    def take(self, result: Comparison, scale: float) -> None:
        self.seconds, self.pairs = result.rival, result.pairs
        self.ratio, self.low, self.high = scale * result.ratio, scale * result.low, scale * result.high
        if self.goal is not None:
            self.verdict = "met" if self.ratio >= self.goal else "MISSED"

    def fail(self, error: Exception) -> None:
        """Note why it was not timed. Another result than ours is a fault, whatever was asked of the speed."""
        self.error = reason(error)
        self.verdict = "DIFFERS" if isinstance(error, AssertionError) else "not run"


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
    """Return the first line that says something, without paths."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = next((line for line in lines if "/" not in line), "")
    return f"{type(error).__name__}: {said}"[:160].rstrip(": ")


def new_row(case: Case, clock: Clock, threads: int) -> Row:
    operation = case.operation
    names = operation.family, operation.op, operation.detail, operation.label(case.shape), case.dtype_name, case.kind
    return Row(*names, clock.name, threads)


def copy_bandwidth(device: str, dtype: torch.dtype, clock: Clock, pairs: int) -> dict[str, float]:
    """Return GB/s of the copy: median, lowest, highest."""
    call, moved = copy_call(device, dtype)
    values = [moved / x / 1e9 for times in blocks_of_pairs(call, call, clock, pairs, 2.0) for x in times]
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


def clocks_for(case: Case, device: str) -> list[Clock]:
    """CPU time on the CPU. On CUDA events; flushed caches where tensors are not small; graphs where they are."""
    if device == "cpu":
        return [CpuClock()]
    from kernel_cuda import EventClock, FlushedClock, GraphClock

    if torch.Size(case.shape).numel() >= 1 << 19:
        return [FlushedClock(), EventClock()]
    return [EventClock()] if case.kind == "backward" else [EventClock(), GraphClock()]


def measure(
    case: Case,
    clocks: Sequence[Clock],
    setting: Setting,
    copied: Mapping[str, float],
    goals: Mapping[str, float] | None = None,
    threads: int = 1,
) -> list[Row]:
    """Time one case by every clock against its rivals. What fails, ours or a rival, says so in its row.

    `copied` is the copy bandwidth for each dtype, `goals` replaces the case's own.
    """
    rows = [new_row(case, clock, threads) for clock in clocks]
    try:
        subject = case.subject(setting.device)
        moved = case.operation.moved(case.kind, subject.inputs, tensors(subject.ours(*subject.inputs)))
        ours = bind(subject.ours, subject.inputs, case.kind)
        ours()
    except Exception as error:  # one kernel that fails must not hide the others' numbers
        for row in rows:
            row.error = reason(error)
        return rows
    goals = case.goals(setting.device) if goals is None else goals
    seconds: list[list[float]] = [[] for _ in clocks]
    for rival in rivals_of(case, subject, setting, with_copy=case.is_large or "copy" in goals):
        for row in rows:
            row.against[rival.name] = Against(goal=goals.get(rival.name))
        try:
            with rival.context():
                call = rival.prepare()
                for row, clock, of_ours in zip(rows, clocks, seconds, strict=True):
                    result = compare(ours, call, clock, setting.pairs, setting.budget)
                    of_ours.append(result.ours)
                    row.against[rival.name].take(result, moved / rival.moved if rival.moved else 1.0)
                    row.against[rival.name].peak = None if rival.moved else peak(call, setting.device)
        except Exception as error:  # a rival may need a compiler, or memory, that is not there
            for row in rows:
                row.against[rival.name].fail(error)
    for row, clock, of_ours in zip(rows, clocks, seconds, strict=True):
        of_ours = of_ours or blocks_of_pairs(ours, ours, clock, setting.pairs, setting.budget)[0]
        row.seconds, row.bytes, row.peak = statistics.median(of_ours), moved, peak(ours, setting.device)
        row.gbps = moved / row.seconds / 1e9
        row.share = row.gbps / copied[row.dtype] if row.dtype in copied else None
    return rows


def peak(call: Call, device: str) -> int | None:
    """Return the peak memory of a call where it can be had at no cost."""
    if device == "cpu":
        return None
    from kernel_cuda import peak_bytes

    return peak_bytes(call)


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


def call_cost(small: Case, large: Case, setting: Setting, goal: float | None) -> CallCost:
    """Time both in turns, and take from the small one's time what its elements cost in the large one."""
    share = torch.Size(small.shape).numel() / torch.Size(large.shape).numel()
    calls = []
    for case in (small, large):
        subject = case.subject(setting.device)
        calls.append(bind(subject.ours, subject.inputs, case.kind))
    times = blocks_of_pairs(calls[0], calls[1], CpuClock(), setting.pairs, setting.budget)
    extra = [a - share * b for a, b in zip(*times, strict=True)]
    seconds, operation = statistics.median(extra), small.operation
    verdict = "" if goal is None else "met" if seconds <= goal else "MISSED"
    labels = [operation.label(case.shape) for case in (small, large)]
    return CallCost(operation.op, operation.detail, small.kind, *labels, seconds, min(extra), max(extra), goal, verdict)


def call_costs(cases: Sequence[Case], setting: Setting) -> Iterator[CallCost]:
    """The cost of a call of every use of reparameterize; judged where nothing is recorded for gradients."""
    from kernel_cases_noise import MIDDLE, SMALL

    by = {(case.operation.detail, case.kind, case.shape): case for case in cases if case.dtype == torch.float32}
    for detail, kind, goal in (
        ("", "forward", CALL_GOAL),
        ("with KL", "forward", CALL_GOAL),
        ("with KL", "full", None),
    ):
        small, large = by[detail, kind, SMALL], by[detail, kind, MIDDLE]
        yield call_cost(small, large, setting, goal)


def with_threads(
    cases: Sequence[Case], threads: int, setting: Setting, goal: float, why_not: str, told: Callable[[Row], None]
) -> None:
    """Time the cases by the clock on the wall with one thread and with several, against a copy with as many.

    `why_not` says why nothing can be judged, as on a machine that does other work.
    """
    clock = CpuClock(wall=True)
    for case in cases:
        for count in (1, threads):
            torch.set_num_threads(count)
            copied = {case.dtype_name: copy_bandwidth(setting.device, case.dtype, clock, setting.pairs)["median"]}
            (row,) = measure(case, [clock], setting, copied, {"copy": goal} if count > 1 else {}, count)
            for against in row.against.values():
                if why_not and against.goal is not None:
                    against.verdict = f"not judged: {why_not}"
            told(row)
    torch.set_num_threads(1)
