"""Hashes of files, remembered between runs: a folder of many pictures is read once, then only looked over.

The memory is one small database in the user's cache folder, shared by all runs. A file is read again when its size,
time of change, inode or place differs. Losing the memory costs time and nothing else.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

from gdl_core.data.below import is_run
from gdl_core.errors import InputError
from gdl_core.files import cache_folder

MEMORY = "hashes.sqlite"
_CHUNK = 1 << 20
_RACE_NS = 2_000_000_000
_TABLE = """create table if not exists files (
    path blob primary key, size integer, changed integer, inode integer, digest text, hashed integer
) without rowid"""

_State = tuple[int, int, int]


class FileHashes:
    """SHA-256 of files and folders.

    Args:
        leave_out: a folder inside an input folder that does not count, the run's own.
        memory: the database; None remembers nothing.
    """

    def __init__(self, leave_out: Path | None = None, memory: Path | None = None) -> None:
        self.leave_out = leave_out.resolve() if leave_out is not None else None
        self.memory = memory
        self._known: dict[str, tuple[_State, str]] = {}
        self._new: dict[str, tuple[_State, str]] = {}

    @classmethod
    def remembered(cls, leave_out: Path | None = None) -> FileHashes:
        """Return hashes that are remembered in the user's cache folder."""
        return cls(leave_out, cache_folder() / MEMORY)

    def digest(self, path: Path) -> str:
        """Return the hash of a file, or of the names and contents of a folder's files (hidden ones, and those of runs,
        left out).

        Raises:
            InputError: it cannot be read.
        """
        try:
            path = path.resolve()
            files = list(self._files(path)) if path.is_dir() else [path]
            self._recall(path, files)
            if not path.is_dir():
                return self._file(path)
            sha = hashlib.sha256(b"folder")
            for file in files:
                sha.update(
                    f"{file.relative_to(path).as_posix()}\0{self._file(file)}\0".encode("utf-8", "surrogateescape")
                )
            return sha.hexdigest()
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
        finally:
            self._remember()

    def _files(self, folder: Path) -> Iterator[Path]:
        for root, folders, files in os.walk(folder):
            place = Path(root)
            folders[:] = sorted(name for name in folders if not name.startswith(".") and self._counts(place / name))
            for name in sorted(files):
                if not name.startswith(".") and (place / name).is_file():
                    yield place / name

    def _counts(self, folder: Path) -> bool:
        """Return whether a folder is none of a run, this one or another."""
        return not is_run(folder) and folder.resolve() != self.leave_out

    def _file(self, file: Path) -> str:
        about = file.stat()
        state = (about.st_size, about.st_mtime_ns, about.st_ino)
        known = self._known.get(str(file))
        if known is not None and known[0] == state:
            return known[1]
        sha = hashlib.sha256()
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                sha.update(chunk)
        digest = sha.hexdigest()
        if time.time_ns() - about.st_mtime_ns > _RACE_NS:  # one changed just now may change again in the same tick
            self._known[str(file)] = self._new[str(file)] = (state, digest)
        return digest

    def _recall(self, path: Path, files: list[Path]) -> None:
        if self.memory is None or not self.memory.is_file():
            return
        if files == [path]:
            query, names = "path = ?", [os.fsencode(path)]
        else:
            below = os.fsencode(path) + os.sep.encode()
            query, names = "path >= ? and path < ?", [below, below[:-1] + bytes([below[-1] + 1])]
        self._ask(
            lambda database: self._known.update(
                (os.fsdecode(name), ((size, changed, inode), digest))
                for name, size, changed, inode, digest in database.execute(
                    f"select path, size, changed, inode, digest from files where {query}", names
                )
            )
        )

    def _remember(self) -> None:
        if self.memory is None or not self._new:
            return
        now = int(time.time())
        rows = [(os.fsencode(name), *state, digest, now) for name, (state, digest) in self._new.items()]
        self._new = {}

        def write(database: sqlite3.Connection) -> None:
            database.execute(_TABLE)
            database.executemany("insert or replace into files values (?, ?, ?, ?, ?, ?)", rows)

        with suppress(OSError):
            self.memory.parent.mkdir(parents=True, exist_ok=True)
            self._ask(write)

    def _ask(self, what: Callable[[sqlite3.Connection], None]) -> None:
        """Use the memory; what it cannot do is not done, and one that is damaged is begun anew."""
        assert self.memory is not None
        try:
            with closing(sqlite3.connect(self.memory, timeout=5)) as database, database:
                what(database)
        except sqlite3.OperationalError:  # busy, full, or of no table yet
            return
        except sqlite3.DatabaseError:
            with suppress(OSError):
                self.memory.unlink()


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, read now.

    Raises:
        InputError: it cannot be read.
    """
    return FileHashes().digest(path)


def forget_old(memory: Path, days: float) -> int:
    """Forget files that were hashed longer ago than this; return how many. They are hashed again when they are met."""
    if not memory.is_file():
        return 0
    with suppress(sqlite3.Error), closing(sqlite3.connect(memory, timeout=5)) as database, database:
        gone: int = database.execute("delete from files where hashed < ?", (time.time() - days * 86400,)).rowcount
        return gone
    return 0
