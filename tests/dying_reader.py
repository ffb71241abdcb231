"""A reader of files that takes its process with it; here alone, so that a fresh process imports nothing else."""

from __future__ import annotations

import os
from pathlib import Path


def die(path: Path, voices: int) -> None:
    """End the process at once."""
    os._exit(3)
