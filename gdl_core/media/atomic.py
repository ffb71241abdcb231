"""Files appear whole or not at all: a temporary name in the same folder, fsync, rename."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gdl_core.files import cannot_write

PART = ".gdl-part-"
"""How the temporary names begin; they end with the suffix of the file, which some encoders ask for."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path to write to, in the folder of `path` and with its suffix; rename it in the end.

    Raises:
        StorageError: the disk is full, or the folder may not be written.
    """
    temporary = path.with_name(f"{PART}{secrets.token_hex(4)}-{path.stem[:40]}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file in one go, see `replacing`."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def sweep(folder: Path, other: str) -> None:
    """Remove the temporary files that killed processes left in a folder and in those below it.

    Nobody else may be writing there; a folder below that has an entry called `other` is somebody else's.
    """
    for root, folders, files in os.walk(folder):
        place = Path(root)
        folders[:] = [name for name in folders if not (place / name / other).exists()]
        for name in files:
            if name.startswith(PART):
                with suppress(OSError):
                    (place / name).unlink()


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
