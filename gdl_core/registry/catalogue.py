"""The registry: looks up what plugins offer by name, and loads the code behind it."""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Iterable, Mapping
from functools import lru_cache, partial
from typing import Any, Literal, TypeVar, overload

import pluggy

from gdl_core.errors import AmbiguousNameError, GdlError, PluginError, UnknownNameError, did_you_mean
from gdl_core.hooks import implementations
from gdl_core.registry.contents import Contents
from gdl_core.registry.extras import lacking_packages
from gdl_core.registry.loading import Candidate, PluginInfo, candidates, load_all, new_manager, one_line
from gdl_core.specs import DatasetSpec, FormatSpec, MeasureSpec, ModelSpec, RecipeSpec, Spec, StepSpec, load_target

_log = logging.getLogger("gdl.plugins")
_SpecT = TypeVar("_SpecT", bound=Spec)


def _plain(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_")


class Registry:
    """All plugins, good and failed, and what the good ones offer, sorted by name.

    Attributes:
        plugins: one PluginInfo for each plugin found.
        models, steps, datasets, formats, measures, recipes: specs.
    """

    def __init__(self, manager: pluggy.PluginManager, plugins: tuple[PluginInfo, ...], contents: Contents) -> None:
        def ordered(specs: Iterable[_SpecT]) -> tuple[_SpecT, ...]:
            return tuple(sorted(specs, key=lambda spec: (spec.name, spec.plugin)))

        self.plugins = plugins
        self.models: tuple[ModelSpec, ...] = ordered(contents.models)
        self.steps: tuple[StepSpec, ...] = ordered(contents.steps)
        self.datasets: tuple[DatasetSpec, ...] = ordered(contents.datasets)
        self.formats: tuple[FormatSpec, ...] = ordered(contents.formats)
        self.measures: tuple[MeasureSpec, ...] = ordered(contents.measures)
        self.recipes: tuple[RecipeSpec, ...] = ordered(contents.recipes)
        self._manager = manager

    @classmethod
    def from_plugins(cls, plugins: Iterable[Any] | Mapping[str, Any]) -> Registry:
        """Return a registry of these modules or objects, for tests and embedding.

        Names are the mapping's keys; otherwise the last part of a module's name without `gdl_`.
        """
        if not isinstance(plugins, Mapping):
            plugins = {_guessed_name(plugin): plugin for plugin in plugins}
        manager = new_manager()
        found = [Candidate(name, partial(_itself, plugin)) for name, plugin in sorted(plugins.items())]
        return cls(manager, *load_all(manager, found))

    @overload
    def find(self, kind: Literal["model"], name: str) -> ModelSpec: ...
    @overload
    def find(self, kind: Literal["step"], name: str) -> StepSpec: ...
    @overload
    def find(self, kind: Literal["dataset"], name: str) -> DatasetSpec: ...
    @overload
    def find(self, kind: Literal["format"], name: str) -> FormatSpec: ...
    @overload
    def find(self, kind: Literal["measure"], name: str) -> MeasureSpec: ...
    @overload
    def find(self, kind: Literal["recipe"], name: str) -> RecipeSpec: ...
    def find(self, kind: str, name: str) -> Spec:
        """Return the spec of a name: bare while it is unique, `plugin/name` always.

        Raises:
            UnknownNameError: nobody offers it. AmbiguousNameError: more than one plugin does.
            PluginError: the plugin that is named could not be loaded.
        """
        specs: tuple[Spec, ...] = getattr(self, f"{kind}s")
        return self._find(kind, specs, name)

    def find_step(self, name: str) -> StepSpec | DatasetSpec:
        """Return what `do: name` means: a step, or a dataset used as one. Raises as `find` does."""
        both: tuple[StepSpec | DatasetSpec, ...] = (*self.steps, *self.datasets)
        return self._find("step", both, name)

    def _find(self, kind: str, specs: tuple[_SpecT, ...], name: str) -> _SpecT:
        plugin, _, bare = name.rpartition("/")
        found = [spec for spec in specs if spec.name == bare and plugin in ("", spec.plugin)]
        if len(found) == 1:
            return found[0]
        if found:
            names = " and ".join(spec.full_name for spec in found)
            raise AmbiguousNameError(f"the {kind} '{name}' is offered more than once; say which: {names}")
        failed = self._failed(plugin or bare)
        if failed is not None:
            raise PluginError(
                f"{kind} '{name}' belongs to plugin '{failed.name}', which could not be loaded: {failed.error}"
            )
        known = [word for spec in specs for word in ((spec.full_name,) if plugin else (spec.name,))]
        plugins = {info.name for info in self.plugins}
        if plugin and plugin not in plugins:
            hint = f"; there is no plugin '{plugin}'{did_you_mean(plugin, plugins)}"
        else:
            hint = did_you_mean(name, known)
        broken = sum(not info.ok for info in self.plugins)
        if broken and not hint:
            hint = f"; {broken} plugin{'s' * (broken > 1)} could not be loaded, see: gdl plugins"
        raise UnknownNameError(f"unknown {kind} '{name}'{hint or f'; see: gdl {kind}s'}")

    def _failed(self, plugin: str) -> PluginInfo | None:
        """Return the failed plugin of a name, unless another package's plugin of that name was loaded."""
        matching = [info for info in self.plugins if info.name == plugin]
        return matching[0] if matching and not any(info.ok for info in matching) else None

    def plugin(self, name: str) -> PluginInfo:
        """Return what is known of a good plugin, by its own name or its package's (`gdl_swirl` or `gdl-swirl`).

        Raises:
            PluginError: it could not be loaded, or it is not installed.
        """
        matching = [info for info in self.plugins if _plain(name) in (_plain(info.name), _plain(info.package))]
        for info in sorted(matching, key=lambda info: not info.ok):
            if info.ok:
                return info
            raise PluginError(f"plugin '{name}' could not be loaded: {info.error}")
        hint = did_you_mean(name, [word for info in self.plugins for word in (info.name, info.package) if word])
        pip_name = name.replace("_", "-")
        raise PluginError(f"plugin '{name}' is not installed{hint or f'; if you trust it: pip install {pip_name}'}")

    def load(self, spec: Spec, field: str) -> Any:
        """Import the code that a field of a spec names, for example `load(spec, "target")`.

        Raises:
            PluginError: it cannot be imported; the message names the plugin and the cause.
        """
        try:
            return load_target(getattr(spec, field))
        except GdlError as error:
            raise PluginError(f"plugin '{spec.plugin}' is broken ('{spec.name}'): {error}") from error
        except Exception as error:
            raise PluginError(
                f"plugin '{spec.plugin}' is broken ('{spec.name}'): {getattr(spec, field)}: {one_line(error)}"
            ) from error

    def lacking(self, spec: DatasetSpec | FormatSpec | MeasureSpec) -> str:
        """Return the pip line that brings the optional packages a spec needs, or an empty string if they are there."""
        if not spec.extra:
            return ""
        package = next((info.package for info in self.plugins if info.name == spec.plugin and info.ok), "")
        return f"pip install '{package}[{spec.extra}]'" if lacking_packages(package, spec.extra) else ""

    def blame(self, error: BaseException) -> str:
        """Return the plugin whose code raised, the innermost outside the core; empty if there is none."""
        coded: tuple[ModelSpec | StepSpec | DatasetSpec | MeasureSpec, ...]
        coded = (*self.models, *self.steps, *self.datasets, *self.measures)
        owners = {spec.target.partition(":")[0].partition(".")[0]: spec.plugin for spec in coded}
        modules = [frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__)]
        roots = [module.partition(".")[0] for module in modules]
        return next((owners[root] for root in reversed(roots) if root in owners and root != "gdl_core"), "")

    def notify(self, hook: str, **arguments: Any) -> None:
        """Call an observer's hook in each plugin; what one raises is logged with its name, and the others go on."""
        for implementation in sorted(
            getattr(self._manager.hook, hook).get_hookimpls(), key=lambda impl: impl.plugin_name
        ):
            try:
                implementation.function(*(arguments[name] for name in implementation.argnames))
            except (Exception, SystemExit) as error:
                _log.warning("plugin '%s' failed in %s: %s", implementation.plugin_name, hook, one_line(error))

    def implementations(self, hook: str) -> list[tuple[str, Any]]:
        """Return (plugin name, function) of each implementation of a hook, in the order of the plugins' names."""
        return implementations(self._manager, hook)


def _itself(plugin: Any) -> Any:
    return plugin


def _guessed_name(plugin: Any) -> str:
    full = getattr(plugin, "__name__", type(plugin).__name__)
    return "core" if full == "gdl_core.builtin" else full.rpartition(".")[2].removeprefix("gdl_").lower()


@lru_cache(maxsize=1)
def get_registry() -> Registry:
    """Return the registry of everything installed; it is made once."""
    manager = new_manager()
    return Registry(manager, *load_all(manager, *candidates(os.environ)))
