"""Results that runs share: what one run has trained, another of the same key need not train again.

An entry is a folder named by the step's key and by what else decides bits (torch, the device). It holds the files that
a step keeps for later steps, with their hashes. It is made under another name and renamed, so it is whole or not there;
files are linked where the file system can, so that an entry costs no room while a run folder has it.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol, TypeVar

from gdl_core.errors import GdlError, InputError
from gdl_core.files import cache_folder
from gdl_core.media.atomic import replacing, write_bytes
from gdl_core.processes import processes
from gdl_core.recipe.hashes import file_digest
from gdl_core.recipe.keep import FACTS, RESULTS

FOLDER = "results"
LIMIT = "GDL_CACHE_SIZE"
DEFAULT_LIMIT = "10 GB"
WORTH_SECONDS = 1.0
"""A step that took less is done again sooner than it is looked after."""

_ABOUT = "entry.json"
_FORMAT = 1
_HALF_MADE_SECONDS = 3600
_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}


@dataclass(frozen=True)
class Entry:
    """One result: the step that made it, its size in bytes, and when it was last used, in seconds since 1970."""

    folder: Path
    step: str
    do: str
    seconds: float
    size: int
    used: float


class Used(Protocol):
    """What lies in a cache."""

    @property
    def size(self) -> int:
        """Bytes."""

    @property
    def used(self) -> float:
        """When it was last used, in seconds since 1970."""


Thing = TypeVar("Thing", bound=Used)


def beyond(things: Iterable[Thing], limit: int, days: float | None = None) -> list[Thing]:
    """Return what has to go so that the others take `limit` bytes at most: the least recently used.

    What was not used for so many days goes too.
    """
    oldest = time.time() - days * 86400 if days is not None else 0.0
    gone, room = [], limit
    for thing in sorted(things, key=lambda thing: -thing.used):
        room -= thing.size
        if room < 0 or thing.used < oldest:
            gone.append(thing)
    return gone


def parse_size(text: str) -> int:
    """Return a number of bytes.

    Raises:
        InputError: it is no size.

    >>> parse_size("10 GB"), parse_size("250mb"), parse_size("0")
    (10000000000, 250000000, 0)
    """
    number = text.strip().lower().rstrip("abcdefghijklmnopqrstuvwxyz ")
    unit = text.strip().lower()[len(number) :].strip()
    try:
        size = float(number) * _UNITS[unit]
        return int(size) if size >= 0 else _no_size(text)
    except (ValueError, KeyError, OverflowError):
        return _no_size(text)


def _no_size(text: str) -> int:
    raise InputError(f"'{text}' is no size; write one like 500 MB or 20 GB, 0 for nothing")


class SharedResults:
    """The results in the user's cache folder.

    Args:
        folder: where they lie.
        limit: bytes that they may take; the least recently used go first. 0 keeps and finds nothing.
        device: of the run; another gives other bits.
    """

    def __init__(self, folder: Path, limit: int, device: str = "auto") -> None:
        self.folder = folder
        self.limit = limit
        self.device = device

    @classmethod
    def of_user(cls, device: str = "auto") -> SharedResults:
        """Return the user's results for a device; GDL_CACHE_SIZE bounds them.

        Raises:
            InputError: GDL_CACHE_SIZE is no size.
        """
        return cls(cache_folder() / FOLDER, parse_size(os.environ.get(LIMIT) or DEFAULT_LIMIT), device)

    def has(self, key: str) -> bool:
        """Return whether there is a result for a step's key."""
        return self.limit > 0 and self.folder.is_dir() and (self._place(key) / _ABOUT).is_file()

    def take(self, key: str, state: Path) -> bool:
        """Put a result's files into a step's state folder; return whether there was one, whole and unchanged."""
        if not self.has(key):
            return False
        place = self._place(key)
        try:
            about = json.loads((place / _ABOUT).read_bytes())
            files = {str(name): str(digest) for name, digest in about["files"].items()}
            if about["gdl"] != _FORMAT or not files.keys() <= set(RESULTS):
                raise ValueError
            for name, digest in files.items():
                _link(place / name, state / name)
                if file_digest(state / name) != digest:
                    raise ValueError
            os.utime(place / _ABOUT)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, GdlError):
            for name in RESULTS:
                (state / name).unlink(missing_ok=True)
            self.remove(place)
            return False
        return True

    def put(self, key: str, state: Path, step: str, do: str, seconds: float) -> None:
        """Share what a step has kept in its state folder, if that took long enough; old results make room."""
        files = [state / name for name in RESULTS if (state / name).is_file()]
        kept = any(file.name != FACTS for file in files)
        if seconds < WORTH_SECONDS or not kept or self.limit <= 0:
            return
        size = sum(file.stat().st_size for file in files)
        place = self._place(key)
        if size > self.limit or (place / _ABOUT).is_file():
            return
        making = self.folder / f".{secrets.token_hex(8)}"
        try:
            making.mkdir(parents=True)
            for file in files:
                _link(file, making / file.name)
            about = {
                "gdl": _FORMAT, "step": step, "do": do, "seconds": seconds,
                "files": {file.name: file_digest(making / file.name) for file in files},
            }  # fmt: skip
            write_bytes(making / _ABOUT, json.dumps(about).encode())
            making.rename(place)
        except (OSError, GdlError):  # a full disk or another run's entry of the same key: the run itself lacks nothing
            shutil.rmtree(making, ignore_errors=True)
            return
        self.prune(self.limit)

    def entries(self) -> list[Entry]:
        """Return all results, the most recently used first; damaged ones as of no step."""
        found = []
        for place in self.folder.iterdir() if self.folder.is_dir() else ():
            if place.name.startswith(".") or not place.is_dir():
                continue
            with suppress(OSError):
                size = sum(file.stat().st_size for file in place.iterdir())
                found.append(_entry(place, size))
        return sorted(found, key=lambda entry: -entry.used)

    def prune(self, limit: int) -> None:
        """Remove the least recently used results until the others fit, and what a dead process left half made."""
        for entry in beyond(self.entries(), limit):
            self.remove(entry.folder)
        for left in self.folder.glob(".*"):
            with suppress(OSError):
                if time.time() - left.stat().st_mtime > _HALF_MADE_SECONDS:
                    shutil.rmtree(left, ignore_errors=True)

    def _place(self, key: str) -> Path:
        return self.folder / hashlib.sha256(f"{key} {self._surroundings}".encode()).hexdigest()

    @cached_property
    def _surroundings(self) -> str:
        """What decides bits besides the key: the noise, torch, and what it calculates on."""
        import torch

        from gdl_core.kernels import RNG_VERSION
        from gdl_core.training.build import choose_device

        device = choose_device(self.device)
        on = torch.cuda.get_device_name(device) if device.type == "cuda" else torch.backends.cpu.get_cpu_capability()
        threads = f"{torch.get_num_threads()} threads" + (f" {processes()[1]} processes" if processes()[1] > 1 else "")
        return f"noise {RNG_VERSION} torch {torch.__version__} {device.type} {on} {threads}"

    def remove(self, place: Path) -> bool:
        """Take an entry's folder away; under another name first, so that nobody finds half of it."""
        going = self.folder / f".{secrets.token_hex(8)}"
        try:
            place.rename(going)
        except OSError:
            return False
        shutil.rmtree(going, ignore_errors=True)
        return True


def _entry(place: Path, size: int) -> Entry:
    about = place / _ABOUT
    used = (about if about.is_file() else place).stat().st_mtime
    try:
        facts = json.loads(about.read_bytes())
        return Entry(place, str(facts["step"]), str(facts["do"]), float(facts["seconds"]), size, used)
    except (OSError, ValueError, KeyError, TypeError):
        return Entry(place, "", "", 0.0, size, used)


def _link(file: Path, to: Path) -> None:
    """Give a file a second name, or copy it where the file system cannot."""
    to.unlink(missing_ok=True)
    try:
        os.link(file, to)
    except OSError:
        with replacing(to) as temporary:
            shutil.copyfile(file, temporary)
