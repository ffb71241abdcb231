"""Times the public functions of gdl_core.kernels against what one would use instead, and compares with the goals.

    python benchmarks/kernels.py                       # one CPU thread; some minutes
    python benchmarks/kernels.py --quick               # without the largest shapes and torch.compile
    python benchmarks/kernels.py --full --json FILE    # torch.compile for every case, which takes longest
    python benchmarks/kernels.py --only threads --threads 2
    python benchmarks/kernels.py --device cuda
    python benchmarks/publish.py FILE docs/benchmarks.md

Rivals: eager (plain torch, all the ways of writing it), compile (torch.compile), fallback_random (the same, with
torch's own random numbers), numpy. By default torch.compile joins in the float32 cases that goals or users ask for.
On one CPU thread it is CPU time of this process; ours and a rival take turns, and a ratio is the median over pairs. The
copy is of a tensor of 4096x4096 in the same run, read and written bytes counted. `--threads 2` adds the time on the
wall with one and with two threads. On CUDA, events time loops of calls, single calls after the L2 cache was
overwritten, and graphs of small calls. Exit status: 1 if a goal was missed or a kernel failed.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))  # python -P leaves it out

# Large blocks are kept by the allocator, as they are in a training loop that runs for a while: otherwise fresh pages
# cost more than the arithmetic.
SETTINGS = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 31),
}

if __name__ == "__main__" and any(os.environ.get(name) != value for name, value in SETTINGS.items()):
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **SETTINGS})

import torch  # noqa: E402
from kernel_case import HALF, Case  # noqa: E402
from kernel_cases import FAMILIES, all_cases, threaded_cases  # noqa: E402
from kernel_machine import environment  # noqa: E402
from kernel_rivals import RIVALS, Setting  # noqa: E402
from kernel_row import CallCost, Row  # noqa: E402
from kernel_run import call_costs, clocks_for, copy_bandwidth, measure, with_threads  # noqa: E402
from kernel_text import conclude, of_call, of_row  # noqa: E402

CALM_LOAD = 0.3  # of other work, above which times on the wall are not judged
THREADS_GOAL = 0.5  # of the copy bandwidth with as many threads
CUDA_SECONDS = 120.0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--json", type=Path, help="write the numbers to this file too")
    parser.add_argument("--pairs", type=int, default=15, help="pairs for each ratio, fewer where a call takes long")
    parser.add_argument("--budget", type=float, default=4.0, help="seconds for each ratio before pairs are left out")
    parser.add_argument("--seconds", type=float, help=f"begin nothing new after; {CUDA_SECONDS:.0f} on CUDA")
    extent = parser.add_mutually_exclusive_group()
    extent.add_argument("--quick", action="store_true", help="leave out the largest shapes and torch.compile")
    extent.add_argument("--full", action="store_true", help="torch.compile for every case")
    parser.add_argument("--rivals", nargs="+", choices=RIVALS, help="these rivals alone")
    sections = (*FAMILIES, "calls", "threads")
    parser.add_argument("--only", nargs="+", choices=sections, default=sections, help="these operations alone")
    parser.add_argument("--match", nargs="+", default=[], help="cases whose name holds all these words alone")
    parser.add_argument("--threads", type=int, default=1, help="the largest shapes with so many threads too")
    options = parser.parse_args(arguments)
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("torch finds no CUDA device")
    return options


def setting_of(options: argparse.Namespace) -> Setting:
    default = ("eager", "compile") if options.device == "cuda" else RIVALS
    wanted = tuple(options.rivals or (("eager", "numpy") if options.quick else RIVALS if options.full else default))
    seconds = options.seconds or (CUDA_SECONDS if options.device == "cuda" else math.inf)
    deadline = time.monotonic() + seconds
    return Setting(options.device, options.pairs, options.budget, wanted, options.full, deadline)


def command_of(options: argparse.Namespace) -> str:
    """The command line that makes these numbers again, without where they were written."""
    words = ["python benchmarks/kernels.py"]
    for name, value in vars(options).items():
        usual = {"device": "cpu", "pairs": 15, "budget": 4.0, "threads": 1, "only": (*FAMILIES, "calls", "threads")}
        if value and name != "json" and value != usual.get(name):
            several = shlex.join(map(str, value if isinstance(value, (list, tuple)) else [value]))
            words.append(f"--{name}" if value is True else f"--{name} {several}")
    return " ".join(words)


def chosen(options: argparse.Namespace, setting: Setting) -> list[Case]:
    """The cases that were asked for; those with goals come first where there may be no time for all."""
    cases = [
        case
        for case in all_cases()
        if case.operation.family in options.only
        and not (options.quick and case.is_large)
        and all(word in case.name for word in options.match)
    ]
    if math.isinf(setting.deadline):
        return cases
    return sorted(cases, key=lambda case: (not case.goals(setting.device), not case.is_large))


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    setting, load = setting_of(options), os.getloadavg()[0]
    torch.set_num_threads(1)
    words = environment(options.device, command_of(options), load, SETTINGS)
    print(json.dumps(words, ensure_ascii=False), flush=True)
    rows: list[Row] = []
    calls: list[CallCost] = []
    left_out: list[str] = []

    def told(row: Row) -> None:
        rows.append(row)
        print(of_row(row), flush=True)

    if (
        options.threads > 1 and options.device == "cpu" and "threads" in options.only
    ):  # before this program itself is the load
        busy = "" if load <= CALM_LOAD else f"the machine had a load of {load:.1f}"
        with_threads(threaded_cases(), options.threads, setting, THREADS_GOAL, busy, told)
    cases = chosen(options, setting)
    copied: dict[str, dict[str, float]] = {}
    for dtype in (torch.float32, *HALF) if cases else ():
        copied[str(dtype).removeprefix("torch.")] = copy_bandwidth(options.device, dtype, options.pairs)
    medians = {dtype: gbps["median"] for dtype, gbps in copied.items()}
    for case in cases:
        if time.monotonic() > setting.deadline:
            left_out.append(case.name)
            continue
        for row in measure(case, clocks_for(case, options.device), setting, medians):
            told(row)
    if "calls" in options.only and options.device == "cpu" and not options.match:
        for cost in call_costs(all_cases(), setting):
            calls.append(cost)
            print(of_call(cost), flush=True)
    if left_out:
        print(f"no time was left for {len(left_out)} cases: {'; '.join(left_out)}")
    missed = conclude(rows, calls)
    if options.json:
        result = {
            "environment": words,
            "copy_gbps": copied,
            "rows": [asdict(row) for row in rows],
            "calls": [asdict(cost) for cost in calls],
            "left_out": left_out,
        }
        options.json.write_text(written(result), encoding="utf-8")
    return 1 if missed else 0


def written(result: dict[str, Any]) -> str:
    """Return JSON with one line for each row, so that two runs can be compared line by line."""
    lines = []
    for name, value in rounded(result).items():
        text = json.dumps(value, ensure_ascii=False)
        if isinstance(value, list) and value:
            text = "[\n" + ",\n".join(json.dumps(item, ensure_ascii=False) for item in value) + "\n]"
        lines.append(f"{json.dumps(name)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def rounded(value: Any) -> Any:
    """Keep the digits that a timing has."""
    if isinstance(value, dict):
        return {name: rounded(x) for name, x in value.items()}
    if isinstance(value, list):
        return [rounded(x) for x in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


if __name__ == "__main__":
    sys.exit(main())
