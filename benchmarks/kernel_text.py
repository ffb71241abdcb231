"""What a run prints while it goes on: a line for each row, and what was missed at the end."""

from __future__ import annotations

from collections.abc import Sequence

from kernel_row import MISSES, Against, CallCost, Row


def of_against(name: str, against: Against) -> str:
    if against.error:
        return f"{name} {against.verdict}: {against.error}"
    percent = name == "copy"
    numbers = (f"{100 * x:.0f} %" if percent else f"{x:.2f}" for x in (against.ratio, against.low, against.high))
    middle, low, high = numbers
    goal = ""
    if against.goal is not None:
        goal = f", goal {100 * against.goal:.0f} %" if percent else f", goal {against.goal}"
        goal += f": {against.verdict}"
    return f"{'of copy' if percent else name} {middle} ({low}–{high}){goal}"


def name_of(row: Row) -> str:
    how = row.timing if row.threads == 1 else f"{row.timing}, {row.threads} threads"
    return " ".join(filter(None, (row.op, row.detail, row.kind, row.shape, row.dtype, f"[{how}]")))


def of_row(row: Row) -> str:
    if row.error:
        return f"{name_of(row)} FAILED: {row.error}"
    share = f", {100 * row.share:.0f} % of copy" if row.share is not None else ""
    peak = f", {row.peak / 2**20:.1f} MiB" if row.peak is not None else ""
    head = f"{name_of(row)}  {1e6 * row.seconds:.1f} µs, {row.gbps:.1f} GB/s{share}{peak}"
    return "\n".join([head, *(f"    {of_against(*item)}" for item in row.against.items())])


def of_call(cost: CallCost) -> str:
    name = " ".join(filter(None, (cost.op, cost.detail, cost.kind)))
    goal = f", goal at most {1e6 * cost.goal:.0f}: {cost.verdict}" if cost.goal is not None else ""
    numbers = f"{1e6 * cost.seconds:.1f} µs ({1e6 * cost.low:.1f}–{1e6 * cost.high:.1f})"
    return f"{name}: a call at {cost.small} costs {numbers} beyond its arithmetic at {cost.large}{goal}"


def conclude(rows: Sequence[Row], calls: Sequence[CallCost]) -> int:
    """Print what did not do what was asked of it, and return how many those are."""
    missed = [of_row(row) for row in rows if row.error]
    told = [cost.verdict for cost in calls]
    for row in rows:
        missed += [f"{name_of(row)}: {of_against(*x)}" for x in row.against.items() if x[1].verdict in MISSES]
        told += [against.verdict for against in row.against.values() if against.goal is not None]
    missed += [of_call(cost) for cost in calls if cost.verdict in MISSES]
    met, others = told.count("met"), sum(verdict not in ("", "met", *MISSES) for verdict in told)
    print(*("", *missed), f"{met} goals met, {len(missed)} missed, {others} not judged", sep="\n")
    return len(missed)
