"""The machine and the settings that numbers belong to."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gdl_core.kernels import info


def cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def output_of(*command: str) -> str:
    """Return what a program prints; nothing where it is missing or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def commit() -> str | None:
    """Return the commit of this working tree, with a + where files differ from it; None without git.

    A copy of the tree, which knows an older commit or none, is told by GDL_COMMIT what it is a copy of.
    """
    if told := os.environ.get("GDL_COMMIT"):
        return told
    name = output_of("git", "rev-parse", "--short=10", "HEAD")
    return name + ("+" if output_of("git", "status", "--porcelain", "--untracked-files=no") else "") if name else None


def environment(device: str, command: str, load: float, settings: Iterable[str]) -> dict[str, Any]:
    """Describe the machine; `load` is its load average before anything was timed."""
    used = info()
    words: dict[str, Any] = {
        "command": command,
        "date": time.strftime("%Y-%m-%d"),
        "commit": commit(),
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "isa": used["cpu"]["isa"],
        "implementation": used[device]["implementation"],
        "torch": torch.__version__,
        "torch_isa": torch.backends.cpu.get_cpu_capability(),
        "numpy": np.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "threads": torch.get_num_threads(),
        "load": round(load, 2),
        "settings": {name: os.environ.get(name) for name in settings},
    }
    if device == "cuda":
        words |= {
            "gpu": torch.cuda.get_device_name(),
            "capability": ".".join(map(str, torch.cuda.get_device_capability())),
            "cuda": torch.version.cuda,
            "driver_and_clocks": output_of(
                "nvidia-smi", "--query-gpu=driver_version,clocks.sm,clocks.max.sm,clocks.mem", "--format=csv,noheader"
            ),
        }
    return words
