"""The user's cache folder, and files that are whole or not there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from platformdirs import user_cache_path

PART = ".part"
"""How the temporary names end."""


def cache_folder() -> Path:
    """Return the user's cache folder: `GDL_CACHE` if set, otherwise where this system keeps caches."""
    named = os.environ.get("GDL_CACHE")
    return Path(named).expanduser() if named else user_cache_path("gdl", appauthor=False)


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file under a temporary name in its folder and rename it; nothing stays behind where that fails."""
    handle, name = tempfile.mkstemp(prefix=f"{path.stem}.", suffix=PART, dir=path.parent)
    try:
        with os.fdopen(handle, "w+b") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
