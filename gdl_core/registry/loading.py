"""Find plugins and register them one at a time, so that a broken one harms only itself.

pluggy's own loader stops at the first import that fails, keeps half-registered plugins and takes one of two plugins of
a name by the order of the path; hence this one.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy

from gdl_core import hooks
from gdl_core.errors import PluginError, did_you_mean
from gdl_core.registry.contents import Contents, collect
from gdl_core.specs import GDL_API

GROUP = "gdl"
OWN_PACKAGE = "gdl-toolkit"
HOOKS: tuple[str, ...] = tuple(sorted(name for name in vars(hooks) if name.startswith("gdl_")))


@dataclass(frozen=True)
class PluginInfo:
    """What is known of one plugin: the package and version it comes from, and why it was refused, if it was.

    `seconds` is the time that loading took.
    """

    name: str
    package: str = ""
    version: str = ""
    ok: bool = True
    error: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Candidate:
    """A plugin before it is loaded."""

    name: str
    load: Callable[[], Any]
    package: str = ""
    version: str = ""

    def info(self, **changes: Any) -> PluginInfo:
        """Return what is known of it so far."""
        return PluginInfo(self.name, self.package, self.version, **changes)


def one_line(error: BaseException) -> str:
    """Return an exception as one short line: its class and the first line of its message."""
    lines = str(error).strip().splitlines()
    if isinstance(error, PluginError):
        return " ".join(str(error).split())
    return f"{type(error).__name__}: {lines[0].strip()[:300]}" if lines else type(error).__name__


def new_manager() -> pluggy.PluginManager:
    """Return a plugin manager that knows gdl's hooks."""
    manager = pluggy.PluginManager("gdl")
    manager.add_hookspecs(hooks)
    return manager


def _names(text: str) -> frozenset[str]:
    return frozenset(filter(None, (part.strip() for part in text.split(","))))


def candidates(
    environment: os._Environ[str] | dict[str, str], found: Iterable[EntryPoint] | None = None
) -> tuple[list[Candidate], list[PluginInfo]]:
    """Return the plugins to load, sorted by name, and those refused because another package has the same name.

    `GDL_PLUGINS` (names parted by commas) lets in only these and `core`; `GDL_NO_PLUGIN` leaves some out.
    """
    by_name: dict[str, list[Candidate]] = defaultdict(list)
    for entry in entry_points(group=GROUP) if found is None else found:
        dist = entry.dist
        package, version = (dist.name, dist.version) if dist is not None else ("", "")
        by_name[entry.name].append(Candidate(entry.name, entry.load, package or "", version or ""))
    if "GDL_PLUGINS" in environment:
        wanted = _names(environment["GDL_PLUGINS"]) | {"core"}
        by_name = defaultdict(list, {name: group for name, group in by_name.items() if name in wanted})
    unwanted = _names(environment.get("GDL_NO_PLUGIN", "")) - {"core"}
    kept: list[Candidate] = []
    refused: list[PluginInfo] = []
    for name in sorted(by_name.keys() - unwanted):
        group = sorted(by_name[name], key=lambda candidate: candidate.package)
        own = [candidate for candidate in group if candidate.package == OWN_PACKAGE]
        if len(group) == 1:
            kept.append(group[0])
        elif own:
            kept.append(own[0])
            cause = f"the name '{name}' belongs to {OWN_PACKAGE} itself; the plugin needs another name"
            refused += [other.info(ok=False, error=cause) for other in group if other is not own[0]]
        else:
            packages = " and ".join(candidate.package for candidate in group)
            cause = f"{packages} both offer a plugin named '{name}'; uninstall all but one"
            refused += [candidate.info(ok=False, error=cause) for candidate in group]
    return kept, refused


def _check_contract(plugin: Any) -> None:
    needed = getattr(plugin, "GDL_API", 1)
    if not isinstance(needed, int):
        raise PluginError(f"GDL_API should be a whole number, got {needed!r:.40}")
    if needed > GDL_API:
        raise PluginError(
            f"it needs version {needed} of the plugin contract, and this gdl has {GDL_API}; upgrade gdl-toolkit"
        )


def _check_hooks(manager: pluggy.PluginManager, plugin: Any) -> None:
    callers = manager.get_hookcallers(plugin) or []
    offered = {caller.name for caller in callers}
    for name in sorted(offered - set(HOOKS)):
        raise PluginError(f"there is no hook '{name}'{did_you_mean(name, HOOKS)}")
    manager.check_pending()
    for name in HOOKS:
        if name not in offered and callable(getattr(plugin, name, None)):
            raise PluginError(f"{name} lacks the mark @hookimpl (from gdl_core import hookimpl)")
    if not offered:
        raise PluginError("it has no function marked @hookimpl, so it offers nothing")
    for caller in callers:
        for implementation in caller.get_hookimpls():
            if implementation.plugin is plugin and (implementation.wrapper or implementation.hookwrapper):
                raise PluginError(f"{caller.name} is a wrapper; gdl's hooks are called one by one, without wrappers")


def load_one(manager: pluggy.PluginManager, candidate: Candidate) -> tuple[PluginInfo, Contents]:
    """Load, register and ask one plugin; whatever it raises is kept in its info, and nothing of it stays registered."""
    started = time.perf_counter()
    plugin: Any = None
    try:
        plugin = candidate.load()
        _check_contract(plugin)
        if manager.is_registered(plugin):
            plugin, twin = None, manager.get_name(plugin)
            raise PluginError(f"it is the same module as plugin '{twin}'")
        manager.register(plugin, name=candidate.name)
        _check_hooks(manager, plugin)
        contents = collect(manager, plugin, candidate.name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit and worse from a stranger's module must not end the program
        if plugin is not None and manager.is_registered(plugin):
            manager.unregister(plugin)
        return candidate.info(ok=False, error=one_line(error), seconds=time.perf_counter() - started), Contents()
    info = candidate.info()
    return replace(info, seconds=time.perf_counter() - started), contents


def load_all(
    manager: pluggy.PluginManager, found: Iterable[Candidate], refused: Collection[PluginInfo] = ()
) -> tuple[tuple[PluginInfo, ...], Contents]:
    """Load each candidate; return all that is known of each, and what the good ones offer."""
    infos = list(refused)
    everything = Contents()
    for candidate in found:
        info, contents = load_one(manager, candidate)
        infos.append(info)
        everything = everything + contents
    return tuple(sorted(infos, key=lambda info: (info.name, info.package))), everything
