"""A folder of pictures, whatever is in it: find the files, know them by their contents, decode each one once."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import PIL
from numpy.typing import NDArray

from gdl_core.data.below import is_run
from gdl_core.data.cache import Cached, cached_pictures
from gdl_core.data.pictures import SUFFIXES, Framing, is_grey, quiet, read_picture
from gdl_core.errors import DataError
from gdl_core.files import cache_folder, write_atomically

Progress = Callable[..., None]

_CHUNK = 64
# A file changed within this time of being hashed could change again without its time of change showing it.
_SETTLED_NS = 2_000_000_000


@dataclass(frozen=True)
class Scan:
    """Names of files relative to the folder, with '/', sorted; and what was passed over, with the reason."""

    names: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Loaded:
    """Pictures of a folder with the names of their files, in the order that was asked for, and what was left out."""

    pictures: NDArray[np.uint8]
    names: tuple[str, ...]
    digest: str
    notes: tuple[str, ...]


def scan(root: Path) -> Scan:
    """Find the files in a folder and its subfolders whose names are those of pictures. Hidden files, and
    folders of runs, are passed over.

    Links to folders are followed, each folder is visited once.

    Raises:
        DataError: it is not a folder, or cannot be listed.
    """
    if not root.is_dir():
        raise DataError(f"{root} is not a folder; give the folder that the pictures are in")
    names: list[str] = []
    notes: list[str] = []
    others: Counter[str] = Counter()
    seen: set[tuple[int, int]] = set()

    def failed(error: OSError) -> None:
        if Path(error.filename) == root:
            raise DataError(f"{root}: the folder cannot be listed ({error.strerror})") from error
        notes.append(f"left out {_relative(root, Path(error.filename))}: {error.strerror}")

    for at, folders, files in os.walk(root, onerror=failed, followlinks=True):
        status = Path(at).stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith(".") and not is_run(Path(at, name)))
        for file in files:
            path = Path(at, file)
            if file.startswith("."):
                continue
            if path.suffix.lower() not in SUFFIXES:
                others[path.suffix.lower() or "no suffix"] += 1
                continue
            try:
                regular = stat.S_ISREG(path.stat().st_mode)
            except OSError as error:
                notes.append(f"left out {_relative(root, path)}: {error.strerror}")
                continue
            if regular:
                names.append(_relative(root, path))
            else:
                notes.append(f"left out {_relative(root, path)}: not a regular file")
    if others:
        kinds = ", ".join(f"{count} {suffix}" for suffix, count in others.most_common(5))
        notes.append(f"passed over {others.total()} files that are not pictures by their names ({kinds})")
    return Scan(tuple(sorted(names)), tuple(sorted(notes)))


def hash_files(root: Path, names: Sequence[str], progress: Progress) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the SHA-256 of each file, and notes about those that cannot be read.

    A hash is remembered with the file's size and time of change, so a file is read again only when one of them differs.
    """
    index_path = cache_folder() / "folders" / f"{hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:32]}.json"
    index = _read_index(index_path)
    hashes: dict[str, str] = {}
    notes: list[str] = []
    changed = False
    for done, name in enumerate(names):
        try:
            status = (root / name).stat()
            known = index.get(name)
            if known is not None and known[:2] == [status.st_size, status.st_mtime_ns]:
                hashes[name] = str(known[2])
                continue
            with (root / name).open("rb") as stream:
                hashes[name] = _sha256(stream)
            changed = True
            index.pop(name, None)
            if time.time_ns() - status.st_mtime_ns > _SETTLED_NS:
                index[name] = [status.st_size, status.st_mtime_ns, hashes[name]]
        except OSError as error:
            notes.append(f"left out {name}: {error.strerror}")
        if done % _CHUNK == 0:
            progress(done, len(names))
    if changed:
        with suppress(OSError):
            index_path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(index_path, lambda stream: stream.write(json.dumps(index).encode()))
    return hashes, tuple(notes)


def load_pictures(
    kind: str,
    root: Path,
    names: Sequence[str],
    hashes: Mapping[str, str],
    framing: Framing,
    progress: Progress,
    limit: int | None = None,
) -> Loaded:
    """Return the pictures of these files in this order, from the cache or decoded now by several threads.

    Args:
        kind: first part of the cache file's name.
        root: folder that the names start from.
        names: files to decode.
        hashes: SHA-256 of each file.
        framing: how pictures become squares; `channels` 0 means grey if every picture is stored so, RGB otherwise.
        progress: called as progress(done, total).
        limit: take the first so many that can be read.

    Raises:
        DataError: there are no files, or none of them can be read.
    """
    if not names:
        raise DataError(f"{root} holds no pictures (looked for {', '.join(SUFFIXES)})")

    def fill(add: Callable[[NDArray[np.uint8]], None]) -> Mapping[str, Any]:
        with quiet(), ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
            final = framing if framing.channels else replace(framing, channels=_channels(pool, root, names))
            used: list[int] = []
            skipped: list[tuple[int, str]] = []
            for position, result in enumerate(_decoded(pool, [root / name for name in names], final, progress)):
                if limit is not None and len(used) >= limit:
                    break
                if isinstance(result, DataError):
                    skipped.append((position, str(result)))
                else:
                    used.append(position)
                    add(result)
        if not used:
            some = "; ".join(f"{names[position]}: {reason}" for position, reason in skipped[:3])
            raise DataError(f"{root}: none of the {len(names)} pictures can be used ({some})")
        return {"used": used, "skipped": skipped}

    key = [PIL.__version__, framing.facts(), limit, [hashes[name] for name in names]]
    cached: Cached = cached_pictures(kind, key, fill)
    notes = tuple(f"left out {names[position]}: {reason}" for position, reason in cached.facts["skipped"])
    return Loaded(cached.pictures, tuple(names[position] for position in cached.facts["used"]), cached.digest, notes)


def _decoded(
    pool: ThreadPoolExecutor, paths: Sequence[Path], framing: Framing, progress: Progress
) -> Iterator[NDArray[np.uint8] | DataError]:
    def attempt(path: Path) -> NDArray[np.uint8] | DataError:
        try:
            return read_picture(path, framing)
        except DataError as error:
            return error

    for start in range(0, len(paths), _CHUNK):
        progress(start, len(paths))
        yield from pool.map(attempt, paths[start : start + _CHUNK])
    progress(len(paths), len(paths))


def _channels(pool: ThreadPoolExecutor, root: Path, names: Sequence[str]) -> int:
    def grey(name: str) -> bool:
        try:
            return is_grey(root / name)
        except DataError:
            return True

    return 1 if all(pool.map(grey, names)) else 3


def _sha256(stream: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while block := stream.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()


def _relative(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()


def _read_index(path: Path) -> dict[str, list[Any]]:
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(index, dict):
        return {}
    return {name: known for name, known in index.items() if isinstance(known, list) and len(known) == 3}
