"""Give each step its key: the hash of all that its result depends on. Equal key, equal result.

A key holds the step's name (it names the noise), what it does with versions, settings with defaults filled in, the keys
of its inputs, the contents of the files it reads, and the seed. It does not hold paths, the device, or where the result
is saved, so a moved folder, another machine or one more file to write trains nothing again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, to_jsonable_python

from gdl_core.arguments import Promise
from gdl_core.errors import GdlError, PluginError
from gdl_core.recipe.check import CheckedStep, Recipe
from gdl_core.recipe.hashes import FileHashes
from gdl_core.registry import Registry
from gdl_core.specs import DatasetSpec


@dataclass(frozen=True)
class PlannedStep:
    """A step with its key, a hex SHA-256."""

    step: CheckedStep
    key: str


def make_plan(recipe: Recipe, registry: Registry, files: FileHashes | None = None) -> tuple[PlannedStep, ...]:
    """Return the steps in their order, each with its key.

    Raises:
        InputError: a file to hash cannot be read. PluginError: a setting cannot be part of a key.
    """
    files = files or FileHashes()
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
        packages = step.spec.packages if isinstance(step.spec, DatasetSpec) else ()
        if packages:
            made_of["packages"] = {name: _installed(name) for name in packages}
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


def _installed(package: str) -> str:
    """Return the version of a distribution; nothing where there is none, or it does not tell."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


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
