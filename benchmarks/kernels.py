"""Times the kernels' public functions against plain torch on one CPU thread and compares with the goals.

    python benchmarks/kernels.py [--json FILE] [--pairs 15] [--quick] [--only noise lines mixtures generators]

CPU time of this process, so that other work on the machine disturbs little; ours and torch's calls alternate within
one run, and each ratio is the median over pairs. Large blocks are kept by the allocator, as they are in a training loop
that runs for a while: otherwise fresh pages cost more than the arithmetic.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from dataclasses import asdict
from pathlib import Path

ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 31),
}
if any(os.environ.get(name) != value for name, value in ENVIRONMENT.items()):
    os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ENVIRONMENT})

import torch  # noqa: E402
from kernel_cases_mdn import mdn_cases  # noqa: E402
from kernel_cases_noise import noise_cases  # noqa: E402
from kernel_cases_path import arithmetic_cases, path_cases  # noqa: E402
from kernel_cases_style import style_cases  # noqa: E402
from paired import table  # noqa: E402

from gdl_core.kernels import info  # noqa: E402


def cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    parser.add_argument("--pairs", type=int, default=15, help="pairs of runs for each ratio")
    parser.add_argument("--quick", action="store_true", help="leave out the largest shapes")
    families = {
        "noise": lambda pairs: noise_cases(pairs, arguments.quick),
        "lines": lambda pairs: path_cases(pairs) + arithmetic_cases(pairs),
        "mixtures": mdn_cases,
        "generators": style_cases,
    }
    parser.add_argument("--only", nargs="+", choices=families, default=list(families), help="these operations alone")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    results = [result for family in arguments.only for result in families[family](arguments.pairs)]
    environment = {
        "cpu": cpu_name(),
        "implementation": info()["cpu"]["implementation"],
        "isa": info()["cpu"]["isa"],
        "torch": torch.__version__,
        "torch_isa": torch.backends.cpu.get_cpu_capability(),
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
        "load": os.getloadavg()[0],
        "date": time.strftime("%Y-%m-%d"),
    }
    print(", ".join(f"{k} {v}" for k, v in environment.items()), end="\n\n")
    print(table(results))
    missed = [r for r in results if r.verdict == "MISSED"]
    print(f"\n{len(missed)} goals missed" if missed else "\nall goals met")
    if arguments.json:
        arguments.json.write_text(
            json.dumps({"environment": environment, "results": [asdict(r) for r in results]}, indent=1) + "\n"
        )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
