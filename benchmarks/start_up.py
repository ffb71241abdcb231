"""What it costs to begin: processor time of whole processes, user and system, median of eleven.

    python benchmarks/start_up.py

Exit status: 1 if a goal was missed.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from statistics import median

GOALS = {"gdl --help": (("--help",), 0.2), "gdl check digits": (("check", "digits"), 0.5)}
TIMES = 11


def seconds(arguments: tuple[str, ...]) -> float:
    """Return the processor time of one process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "gdl_cli.main", *arguments], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    missed = 0
    for name, (arguments, goal) in GOALS.items():
        seconds(arguments)  # files into memory
        times = [seconds(arguments) for _ in range(TIMES)]
        met = median(times) <= goal
        missed += not met
        print(
            f"{name:20} {median(times):.3f} s of CPU time ({min(times):.3f}-{max(times):.3f}), "
            f"goal at most {goal} s: {'met' if met else 'MISSED'}"
        )
    return min(missed, 1)


if __name__ == "__main__":
    sys.exit(main())
