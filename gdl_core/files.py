"""The user's cache folder, and files that are whole or not there."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from platformdirs import user_cache_path

from gdl_core.errors import StorageError

PART = ".part"
"""How the temporary names end."""


def cache_folder() -> Path:
    """Return the user's cache folder: `GDL_CACHE` if set, otherwise where this system keeps caches."""
    named = os.environ.get("GDL_CACHE")
    return Path(named).expanduser() if named else user_cache_path("gdl", appauthor=False)


FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
"""Numbers of errors that say: there is no room."""

_HINTS = {
    errno.EACCES: "; make its folder writable, or choose another one",
    errno.EPERM: "; make its folder writable, or choose another one",
    errno.EROFS: "; choose a folder on a disk that can be written",
    errno.ENOTDIR: "; a file is in the place of a folder: move it away",
    errno.EEXIST: "; a file is in the place of a folder: move it away",
    errno.EISDIR: "; a folder is in the place of the file: move it away",
    errno.ENOENT: "; its folder is gone: run again",
}


def cannot_write(path: Path, error: OSError) -> StorageError:
    """Return the failure to write a file, in words: which file, why, and what to do."""
    if error.errno in FULL:
        return StorageError(f"no space left to write {path.name}; make room in {path.parent} and run again")
    hint = _HINTS.get(error.errno or 0, "")
    return StorageError(f"{path} cannot be written: {error.strerror or error}{hint}")


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
