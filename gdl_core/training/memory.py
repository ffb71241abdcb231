"""Keeping freed memory, so that a step does not fetch the same pages from the operating system again and again."""

from __future__ import annotations

import ctypes
import os
import sys
from functools import lru_cache

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # mallopt's names for them, malloc.h
_KEPT = 1 << 30
_LARGEST_POOLED = 32 << 20  # the most that glibc takes


@lru_cache(maxsize=1)
def keep_freed_memory() -> bool:
    """Have glibc keep up to 1 GiB of freed memory instead of returning it; say whether that was done.

    By default the activations of each step go back to the system and are faulted in, page by page, at the next one,
    which took a quarter to a third of a convolutional step's CPU time where it was measured. It holds for the whole
    process from here on. Nothing is done where the environment already tunes malloc, or under another C library.
    """
    if sys.platform != "linux" or any(name.startswith("MALLOC_") for name in os.environ):
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return False
    return bool(library.mallopt(_TRIM_THRESHOLD, _KEPT) and library.mallopt(_MMAP_THRESHOLD, _LARGEST_POOLED))


def return_freed_memory() -> None:
    """Give what is kept back to the system, after a training."""
    if keep_freed_memory():
        ctypes.CDLL(None).malloc_trim(0)
