"""Pictures decoded once: uint8 arrays on disk, named by what they were made of, mapped into memory.

Each is two files of one name: `.npy` (the pictures) and `.json` (their digest, and facts from the making). Both are
written to temporary names and renamed, the array last; an array without its facts, or of another size, is made again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from gdl_core.data.dataset import fingerprint
from gdl_core.errors import StorageError
from gdl_core.files import PART, cache_folder, write_atomically

FOLDER = "pictures"
_VERSION = 1


@dataclass(frozen=True)
class Cached:
    """Pictures from the cache: a read-only memory map (n, channels, height, width), their digest, and kept facts."""

    pictures: NDArray[np.uint8]
    digest: str
    facts: Mapping[str, Any] = field(default_factory=dict)


Fill = Callable[[Callable[[NDArray[np.uint8]], None]], Mapping[str, Any]]
"""Makes the pictures: calls its argument with each one, (channels, height, width), and returns facts to keep (JSON)."""


def cached_pictures(kind: str, key: object, fill: Fill) -> Cached:
    """Return the pictures of this key, calling `fill` only where they are not on disk yet.

    Several processes may ask at once: one makes them and the others wait.

    Args:
        kind: first part of the file name, e.g. "images".
        key: everything that the pictures depend on (plain values).
        fill: makes them.

    Raises:
        StorageError: the cache folder may not be written, or the disk is full.
    """
    path = cache_folder() / FOLDER / f"{kind}-{fingerprint(_VERSION, kind, key)}.npy"
    found = _open(path)
    if found is not None:
        return found
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            found = _open(path)
            if found is None:
                _sweep(path)
                _make(path, fill)
                found = _open(path)
    except OSError as error:
        raise StorageError(
            f"{path.parent}: the cache cannot be written ({error.strerror or error}); "
            "free some space, or set GDL_CACHE to another folder"
        ) from error
    assert found is not None, "a cache file that was just written must open"
    return found


@dataclass(frozen=True)
class PictureSet:
    """A set of pictures in the cache: what made it, its size in bytes, when it was last used, in seconds since 1970."""

    path: Path
    kind: str
    size: int
    used: float

    def remove(self) -> bool:
        """Take it away; who has it open keeps it, who wants it next makes it again."""
        try:
            self.path.unlink()
        except OSError:  # another process has it open, where that forbids it
            return False
        for left in (self.path.with_suffix(".json"), self.path.with_suffix(".lock")):
            with suppress(OSError):
                left.unlink()
        return True


def picture_sets() -> list[PictureSet]:
    """Return what lies in the cache, the most recently used first."""
    found = []
    for path in (cache_folder() / FOLDER).glob("*.npy"):
        with suppress(OSError):
            facts = path.with_suffix(".json")
            used = (facts if facts.is_file() else path).stat().st_mtime
            found.append(PictureSet(path, path.stem.rpartition("-")[0], path.stat().st_size, used))
    return sorted(found, key=lambda one: -one.used)


def _open(path: Path) -> Cached | None:
    """Return the cached pictures, or None where a file is missing, cut short or not what it should be."""
    try:
        facts = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        pictures = np.load(path, mmap_mode="r", allow_pickle=False)
        if pictures.dtype == np.uint8 and list(pictures.shape) == facts["shape"]:
            with suppress(OSError):
                os.utime(path.with_suffix(".json"))  # when it was last used
            return Cached(pictures, str(facts["digest"]), facts["facts"])
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        pass
    return None


def _sweep(path: Path) -> None:
    """Remove what an interrupted maker of this file left; the lock is held, so nobody is writing it."""
    for orphan in path.parent.glob(f"{path.stem}.*{PART}"):
        with suppress(OSError):
            orphan.unlink()


def _make(path: Path, fill: Fill) -> None:
    kept: dict[str, Any] = {}

    def write(stream: IO[bytes]) -> None:
        digest = hashlib.blake2b(digest_size=16)
        shapes: list[tuple[int, ...]] = []

        def add(picture: NDArray[np.uint8]) -> None:
            if picture.dtype != np.uint8 or picture.ndim != 3 or (shapes and picture.shape != shapes[0]):
                raise ValueError(f"pictures of one uint8 shape are wanted, got {picture.dtype} {picture.shape}")
            if not shapes:
                # numpy leaves room for the count to grow, so the header has the same length when it is written again.
                _header(stream, (0, *picture.shape))
            shapes.append(picture.shape)
            content = np.ascontiguousarray(picture).tobytes()
            digest.update(content)
            stream.write(content)

        facts = fill(add)
        if not shapes:
            raise ValueError("nothing was made to be cached")
        shape = (len(shapes), *shapes[0])
        stream.seek(0)
        _header(stream, shape)
        kept.update(shape=list(shape), digest=digest.hexdigest(), facts=dict(facts))
        write_atomically(path.with_suffix(".json"), lambda other: other.write(json.dumps(kept).encode()))

    write_atomically(path, write)


def _header(stream: IO[bytes], shape: Iterable[int]) -> None:
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": tuple(shape)})
