"""Give each step its key: the hash of all that its result depends on. Equal key, equal result.

A key holds the step's name (it names the noise), what it does with versions, settings with defaults filled in, the keys
of its inputs, the contents of the files it reads, and the seed. It does not hold paths, the device, or where the result
is saved, so a moved folder, another machine or one more file to write trains nothing again.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, to_jsonable_python

from gdl_core.errors import GdlError, InputError, PluginError
from gdl_core.recipe.check import CheckedStep, Recipe
from gdl_core.registry import Registry
from gdl_core.steps.arguments import Promise

_CHUNK = 1 << 20
_RACE_NS = 2_000_000_000


@dataclass(frozen=True)
class PlannedStep:
    """A step with its key, a hex SHA-256."""

    step: CheckedStep
    key: str


@dataclass
class FileHashes:
    """SHA-256 of files, remembered by size and time of change so that a second run need not read them again.

    Attributes:
        base: folder that remembered names start from.
        leave_out: a folder inside an input folder that does not count, the run's own.
        memory: name -> (size, time of change in ns, digest).
    """

    base: Path
    leave_out: Path | None = None
    memory: dict[str, tuple[int, int, str]] = field(default_factory=dict)

    def digest(self, path: Path) -> str:
        """Return the hash of a file, or of the names and contents of a folder's files (hidden ones left out)."""
        try:
            return self._folder(path) if path.is_dir() else self._file(path)
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None

    def _folder(self, folder: Path) -> str:
        sha = hashlib.sha256(b"folder")
        for root, folders, files in os.walk(folder):
            place = Path(root)
            folders[:] = sorted(name for name in folders if not name.startswith(".") and not self._own(place / name))
            for name in sorted(files):
                file = place / name
                if not name.startswith(".") and file.is_file():
                    sha.update(f"{file.relative_to(folder).as_posix()}\0{self._file(file)}\0".encode())
        return sha.hexdigest()

    def _own(self, folder: Path) -> bool:
        return self.leave_out is not None and folder.resolve() == self.leave_out.resolve()

    def _file(self, file: Path) -> str:
        state = file.stat()
        name = os.path.relpath(file, self.base) if file.anchor == self.base.anchor else str(file)
        known = self.memory.get(name)
        if known is not None and tuple(known[:2]) == (state.st_size, state.st_mtime_ns):
            return known[2]
        sha = hashlib.sha256()
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                sha.update(chunk)
        if time.time_ns() - state.st_mtime_ns > _RACE_NS:  # a file changed just now may change again in the same tick
            self.memory[name] = (state.st_size, state.st_mtime_ns, sha.hexdigest())
        return sha.hexdigest()


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    return FileHashes(path.parent).digest(path)


def make_plan(recipe: Recipe, registry: Registry, files: FileHashes | None = None) -> tuple[PlannedStep, ...]:
    """Return the steps in their order, each with its key.

    Raises:
        InputError: a file to hash cannot be read. PluginError: a setting cannot be part of a key.
    """
    files = files or FileHashes(recipe.base)
    versions = {info.name: info.version for info in registry.plugins if info.ok}
    keys: dict[str, str] = {}
    planned = []
    for step in recipe.steps:
        made_of = {
            "name": step.name,
            "do": step.spec.full_name,
            "version": step.spec.version,
            "plugins": {name: versions.get(name, "") for name in _plugins(step, registry)},
            "arguments": _canonical(step.arguments, keys, files),
            "seed": step.seed,
        }
        text = json.dumps(made_of, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        keys[step.name] = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        planned.append(PlannedStep(step, keys[step.name]))
    return tuple(planned)


def _plugins(step: CheckedStep, registry: Registry) -> list[str]:
    """Return the plugins whose version decides the result: the step's own, and that of a model it names."""
    names = [step.spec.plugin]
    model = getattr(step.arguments, "model", None)
    if isinstance(model, str):
        with suppress(GdlError):  # a field of that name may have another meaning
            names.append(registry.find("model", model).plugin)
    return names


def _canonical(value: Any, keys: Mapping[str, str], files: FileHashes) -> Any:
    """Return a setting as JSON that depends on nothing but its meaning."""
    if isinstance(value, Promise):
        return {"$step": keys[value.step]}
    if isinstance(value, Path):
        return {"$file": files.digest(value)}
    if isinstance(value, BaseModel):
        return {name: _canonical(getattr(value, name), keys, files) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        return {str(key): _canonical(item, keys, files) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(item, keys, files) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((_canonical(item, keys, files) for item in value), key=repr)
    try:
        return to_jsonable_python(value)
    except PydanticSerializationError as error:
        raise PluginError(f"a setting of type {type(value).__name__} cannot be part of a step's key: {error}") from None
