"""Ask a plugin what it offers, and check the answers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any

import pluggy

from gdl_core.errors import PluginError
from gdl_core.specs import (
    KINDS,
    ROLES,
    DatasetSpec,
    FormatSpec,
    MeasureSpec,
    ModelSpec,
    RecipeSpec,
    Spec,
    StepSpec,
)

_TARGET = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*\Z")
_RESOURCE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[^/\\].*\Z")
_CODE = ("target", "config", "arguments", "write", "read", "read_record")


@dataclass(frozen=True)
class Contents:
    """The specs of one plugin, or of all."""

    models: tuple[ModelSpec, ...] = ()
    steps: tuple[StepSpec, ...] = ()
    datasets: tuple[DatasetSpec, ...] = ()
    formats: tuple[FormatSpec, ...] = ()
    measures: tuple[MeasureSpec, ...] = ()
    recipes: tuple[RecipeSpec, ...] = ()

    def __add__(self, other: Contents) -> Contents:
        return Contents(**{part.name: getattr(self, part.name) + getattr(other, part.name) for part in fields(self)})


SPEC_HOOKS: dict[str, type[Spec]] = {
    "models": ModelSpec,
    "steps": StepSpec,
    "datasets": DatasetSpec,
    "formats": FormatSpec,
    "measures": MeasureSpec,
    "recipes": RecipeSpec,
}


def collect(manager: pluggy.PluginManager, plugin: Any, name: str) -> Contents:
    """Return what one registered plugin offers, each spec bearing the plugin's name.

    Raises:
        PluginError: a hook gives something other than good specs. Whatever a hook raises passes through.
    """
    found: dict[str, tuple[Any, ...]] = {}
    for part, spec_class in SPEC_HOOKS.items():
        hook = f"gdl_{part}"
        for implementation in getattr(manager.hook, hook).get_hookimpls():
            if implementation.plugin is plugin:
                found[part] = _checked(implementation.function(), hook, spec_class, name)
    return Contents(**found)


def _checked(result: Any, hook: str, spec_class: type[Spec], plugin: str) -> tuple[Spec, ...]:
    if result is None or isinstance(result, str | bytes | Spec) or not isinstance(result, Iterable):
        raise PluginError(f"{hook} should yield or return a list of {spec_class.__name__}, got {result!r:.60}")
    specs: dict[str, Spec] = {}
    for item in result:
        if not isinstance(item, spec_class):
            raise PluginError(f"{hook} should give {spec_class.__name__}, got {item!r:.60}")
        if item.name in specs:
            raise PluginError(f"{hook} gives the name '{item.name}' twice")
        _check_fields(item, hook)
        specs[item.name] = replace(item, plugin=plugin)
    return tuple(specs.values())


def _check_fields(spec: Spec, hook: str) -> None:
    if not isinstance(spec.summary, str) or not spec.summary.strip():
        raise PluginError(f"{hook}: '{spec.name}' lacks a summary")
    for field_name in _CODE:
        target = getattr(spec, field_name, "")
        required = field_name in ("target", "config", "arguments", "write")
        if (
            hasattr(spec, field_name)
            and (required or target)
            and not (isinstance(target, str) and _TARGET.match(target))
        ):
            raise PluginError(
                f"{hook}: {field_name} of '{spec.name}' should be package.module:attribute, got {target!r:.60}"
            )
    if isinstance(spec, RecipeSpec) and not _RESOURCE.match(spec.resource):
        raise PluginError(
            f"{hook}: resource of '{spec.name}' should be package:path/in/package.yaml, got {spec.resource!r:.60}"
        )
    if isinstance(spec, ModelSpec | MeasureSpec):
        _check_words(spec, hook, "role", spec.roles, ROLES)
    if isinstance(spec, ModelSpec | DatasetSpec):
        _check_words(spec, hook, "kind", (spec.makes,), KINDS)
    if isinstance(spec, MeasureSpec):
        _check_words(spec, hook, "kind", spec.kinds, KINDS)
    if isinstance(spec, StepSpec):
        _check_words(spec, hook, "kind", (spec.gives,), KINDS)
    if isinstance(spec, FormatSpec):
        _check_words(spec, hook, "kind", spec.kinds, KINDS)
        for suffix in spec.suffixes:
            if not re.fullmatch(r"(\.[a-z0-9]+)+", suffix):
                raise PluginError(f"{hook}: a suffix of '{spec.name}' should be like '.png', got {suffix!r:.40}")


def _check_words(spec: Spec, hook: str, what: str, words: Iterable[str], known: tuple[str, ...]) -> None:
    for word in words:
        if word not in known:
            raise PluginError(f"{hook}: '{spec.name}' names the {what} {word!r:.40}; {what}s are {', '.join(known)}")
