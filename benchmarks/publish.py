"""Writes the numbers of a benchmark of the kernels into a page, from its JSON alone.

    python benchmarks/kernels.py --json benchmarks/results/kernels-NAME.json
    python benchmarks/publish.py benchmarks/results/kernels-NAME.json docs/benchmarks.md

The page holds, for each such file, a line `<!-- kernels-NAME.json -->` and a line `<!-- end of kernels-NAME.json -->`;
what is between them is written anew.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

RIVALS = {
    "eager": "eager",
    "multinomial": "multinomial",
    "Gumbel": "Gumbel",
    "loop": "loop",
    "convolution": "convolution",
    "reference": "reference",
    "compile": "compile",
    "fallback_random": "compile, fallback",
    "numpy": "numpy",
}
TIMINGS = {
    "cpu": "CPU time",
    "wall": "time on the wall",
    "events": "calls in a loop",
    "flushed": "single calls, caches overwritten",
    "graph": "CUDA graph",
}
SHAPES = {
    "noise": "rows x columns, or latents of images",
    "lines": "steps x latents x dimensions; for arithmetic also the number of directions",
    "mixtures": "rows x components x dimensions",
    "generators": "batch x channels x height x width",
}

MISSES = ("MISSED", "DIFFERS")

Json = dict[str, Any]


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """Lines of a Markdown table; a column whose heading ends in a colon is set to the right."""
    head = list(head)
    lines = ["| " + " | ".join(name.rstrip(":") for name in head) + " |"]
    lines.append("| " + " | ".join("---:" if name.endswith(":") else "---" for name in head) + " |")
    return lines + ["| " + " | ".join(cells) + " |" for cells in rows]


def micro(seconds: float) -> str:
    value = 1e6 * seconds
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}"


def percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def ratio(against: Json, name: str = "") -> str:
    """The median with its lowest and highest pair."""
    if against["error"]:
        return str(against["verdict"])
    numbers = (against["ratio"], against["low"], against["high"])
    if name == "copy":
        return "**{}** ({}–{})".format(*map(percent, numbers))
    return "**{:.2f}** ({:.2f}–{:.2f})".format(*numbers)


def used(row: Json) -> str:
    """The operation as it was used."""
    return f"{row['op']}, {row['detail']}" if row["detail"] else str(row["op"])


def timed_by(timing: str, threads: int) -> str:
    several = f"{threads} threads" if threads > 1 else "one thread"
    return TIMINGS[timing] + (f", {several}" if timing == "wall" else "")


def machine(result: Json) -> list[str]:
    """Lines that say on what, with what, and how the numbers were made."""
    words = result["environment"]
    isa = words["isa"].upper() if words["isa"] else "no kernels"
    where = f"{words['gpu']}, CUDA {words['cuda']}" if "gpu" in words else f"{words['cpu']}, {isa}"
    copied = "; ".join(f"{dtype} {x['median']:.1f}" for dtype, x in result["copy_gbps"].items())
    lines = [
        f"`{words['command']}`, {words['date']}, commit {words['commit'] or 'unknown'}: {where}, "
        f"{words['cores']} cores, torch {words['torch']}, numpy {words['numpy']}, Python {words['python']}; load "
        f"average before the run {words['load']}; kernels: {words['implementation']}."
    ]
    if copied:
        lines.append(f"Copying a tensor of 4096x4096 in the same run, GB/s read and written: {copied}.")
    if result["left_out"]:
        lines.append(f"No time was left for {len(result['left_out'])} cases.")
    return lines


def goal_rows(result: Json) -> Iterator[list[str]]:
    for row in result["rows"]:
        what = [used(row), row["kind"], row["shape"], row["dtype"]]
        if row["timing"] != "cpu":
            what[1] += f", {timed_by(row['timing'], row['threads'])}"
        if row["error"]:
            yield [*what, "", f"failed: {row['error']}", "", "MISSED"]
        for name, against in row["against"].items():
            rival = "copy bandwidth" if name == "copy" else RIVALS[name]
            if against["goal"] is not None:
                goal = percent(against["goal"]) if name == "copy" else f"{against['goal']:g}"
                yield [*what, rival, ratio(against, name), f"≥ {goal}", against["verdict"]]
            elif against["verdict"] in MISSES:
                yield [*what, rival, ratio(against, name), "", against["verdict"]]
    for cost in result["calls"]:
        if cost["goal"] is not None:
            numbers = "**{}** ({}–{}) µs".format(*(f"{1e6 * cost[x]:.1f}" for x in ("seconds", "low", "high")))
            goal = f"≤ {1e6 * cost['goal']:.0f} µs"
            what = [used(cost), cost["kind"], cost["small"], "float32"]
            yield [*what, "its arithmetic, from " + cost["large"], numbers, goal, cost["verdict"]]


def verdicts(rows: list[list[str]]) -> str:
    met, missed = (sum(row[-1] in words for row in rows) for words in (("met",), MISSES))
    others = len(rows) - met - missed
    return f"{met} goals met, {missed} missed" + (f", {others} not judged" if others else "") + "."


def reasons(rows: Iterable[Json]) -> list[str]:
    """Say once why rivals were not timed."""
    told = {
        f"{RIVALS.get(name, name)} {against['verdict']}: {against['error']}"
        for row in rows
        for name, against in row["against"].items()
        if against["error"]
    }
    return sorted(told)


def full_rows(rows: list[Json], names: list[str], copies: bool, peaks: bool) -> Iterator[list[str]]:
    for row in rows:
        share = percent(row["share"]) if row["share"] is not None else ""
        if "copy" in row["against"] and not row["against"]["copy"]["error"]:
            share = ratio(row["against"]["copy"], "copy")
        cells = [used(row), row["kind"], row["shape"]]
        if row["error"]:
            yield [*cells, f"failed: {row['error']}", "", *[""] * (copies + peaks + len(names))]
            continue
        cells += [micro(row["seconds"]), f"{row['gbps']:.1f}", *([share] if copies else [])]
        cells += [f"{row['peak'] / 2**20:.1f}"] if peaks else []
        yield cells + [ratio(row["against"][name]) if name in row["against"] else "" for name in names]


def full_tables(result: Json) -> Iterator[str]:
    """One folded table for each family, type and timing."""

    def group(row: Json) -> tuple[str, str, str, int]:
        return row["family"], row["dtype"], row["timing"], row["threads"]

    order: dict[tuple[str, str, str, int], int] = {}
    for row in result["rows"]:
        order.setdefault(group(row), len(order))
    for (family, dtype, timing, threads), members in groupby(
        sorted(result["rows"], key=lambda row: order[group(row)]), key=group
    ):
        rows = list(members)
        names = [name for name in RIVALS if any(name in row["against"] for row in rows)]
        copies, peaks = any(row["share"] is not None for row in rows), any(row["peak"] is not None for row in rows)
        how = timed_by(timing, threads)
        yield from ("", f"<details><summary>{family}, {dtype}: {how}</summary>", "", f"Shapes: {SHAPES[family]}.", "")
        head = ["operation", "pass", "shape", "ours, µs:", "GB/s:", *(["of copy:"] if copies else [])]
        head += ["peak, MiB:"] if peaks else []
        yield from table([*head, *(f"{RIVALS[name]}:" for name in names)], full_rows(rows, names, copies, peaks))
        why = [f"- {line}" for line in reasons(rows)]
        yield from ("", *why, *([""] if why else []), "</details>")


def block(result: Json) -> str:
    """Everything that a page says of one run."""
    goals = list(goal_rows(result))
    lines = ["", *machine(result), ""]
    if goals:
        head = ["operation", "pass", "shape", "type", "against", "times faster (lowest–highest pair)", "goal", ""]
        lines += [verdicts(goals), "", *table(head, goals), ""]
    lines += ["Everything that was timed, in times faster than each rival:", *full_tables(result), ""]
    return "\n".join(lines) + "\n"


def publish(page: str, name: str, result: Json) -> str:
    """Return the page with its block of this name written anew.

    Raises:
        ValueError: the page has no such block.
    """
    first, last = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    if page.count(first) != 1 or page.count(last) != 1 or page.index(first) > page.index(last):
        raise ValueError(f"the page needs one line {first.strip()} and after it one line {last.strip()}")
    before, rest = page.split(first)
    return before + first + block(result) + last + rest.split(last)[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("result", type=Path)
    parser.add_argument("page", type=Path)
    options = parser.parse_args()
    result, page = json.loads(options.result.read_text(encoding="utf-8")), options.page.read_text(encoding="utf-8")
    try:
        options.page.write_text(publish(page, options.result.name, result), encoding="utf-8")
    except ValueError as error:
        sys.exit(f"publish: {options.page}: {error}")


if __name__ == "__main__":
    main()
