"""Measures cases: by one clock or several, against every rival, on one thread or more."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import torch
from kernel_case import Case, Pass, bind, tensors
from kernel_cases_noise import MIDDLE, SMALL
from kernel_rivals import Setting, copy_call, rivals_of
from kernel_row import Against, CallCost, Row, reason
from paired import Call, Clock, CpuClock, blocks_of_pairs, compare

CALL_GOAL = 6e-6  # seconds


def new_row(case: Case, clock: Clock, threads: int) -> Row:
    operation = case.operation
    names = operation.family, operation.op, operation.detail, operation.label(case.shape), case.dtype_name, case.kind
    return Row(*names, clock.name, threads)


def copy_bandwidth(device: str, dtype: torch.dtype, pairs: int, clock: Clock | None = None) -> dict[str, float]:
    """Return GB/s of the copy: median, lowest, highest."""
    call, moved = copy_call(device, dtype)
    clock = clock or loop_clock(device)
    values = [moved / x / 1e9 for times in blocks_of_pairs(call, call, clock, pairs, 2.0) for x in times]
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


def loop_clock(device: str) -> Clock:
    """What times calls one after the other."""
    if device == "cpu":
        return CpuClock()
    from kernel_cuda import EventClock

    return EventClock()


def clocks_for(case: Case, device: str) -> list[Clock]:
    """CPU time on the CPU. On CUDA events; flushed caches where tensors are not small; graphs where they are.

    Only noise goes into graphs: some rivals elsewhere wait for the device, and a capture that fails spoils torch's
    generator for all that comes after it.
    """
    clock = loop_clock(device)
    if device == "cpu":
        return [clock]
    from kernel_cuda import FlushedClock, GraphClock

    if torch.Size(case.shape).numel() >= 1 << 19:
        return [FlushedClock(), clock]
    captured = case.operation.family == "noise" and case.kind != "backward"
    return [clock, GraphClock()] if captured else [clock]


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
        against = [Against(goal=goals.get(rival.name)) for _ in rows]
        for row, new in zip(rows, against, strict=True):
            row.against[rival.name] = new
        try:
            with rival.context():
                call = rival.prepare()
                needed = None if rival.moved else peak(call, setting.device)
                for new, clock, of_ours in zip(against, clocks, seconds, strict=True):
                    result = compare(ours, call, clock, setting.pairs, setting.budget)
                    of_ours.append(result.ours)
                    new.take(result, moved / rival.moved if rival.moved else 1.0, needed)
        except Exception as error:  # a rival may need a compiler, or memory, that is not there
            for new in against:
                if not new.pairs:
                    new.fail(error)
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
    what = operation.op, operation.detail, small.kind, operation.label(small.shape), operation.label(large.shape)
    return CallCost(*what, seconds, min(extra), max(extra), goal, verdict)


def call_costs(cases: Sequence[Case], setting: Setting) -> Iterator[CallCost]:
    """The cost of a call of every use of reparameterize; judged where nothing is recorded for gradients."""
    cases = [case for case in cases if (case.operation.op, case.dtype) == ("reparameterize", torch.float32)]
    by = {(case.operation.detail, case.kind, case.shape): case for case in cases}
    uses: list[tuple[str, Pass, float | None]]
    uses = [("", "forward", CALL_GOAL), ("with KL", "forward", CALL_GOAL), ("with KL", "full", None)]
    for detail, kind, goal in uses:
        small, large = by[detail, kind, SMALL], by[detail, kind, MIDDLE]
        yield call_cost(small, large, setting, goal)


def with_threads(
    cases: Sequence[Case], threads: int, setting: Setting, goal: float, why_not: str, told: Callable[[Row], None]
) -> None:
    """Time the cases by the clock on the wall with one thread and with several, against eager and a copy with as many.

    `why_not` says why nothing can be judged, as on a machine that does other work.
    """
    clock, setting = CpuClock(wall=True), replace(setting, rivals=("eager",))
    for case in cases:
        for count in (1, threads):
            torch.set_num_threads(count)
            copied = {case.dtype_name: copy_bandwidth(setting.device, case.dtype, setting.pairs, clock)["median"]}
            (row,) = measure(case, [clock], setting, copied, {"copy": goal} if count > 1 else {}, count)
            for against in row.against.values():
                if why_not and against.goal is not None:
                    against.verdict = f"not judged: {why_not}"
            told(row)
    torch.set_num_threads(1)
