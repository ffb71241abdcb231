"""The hooks that a plugin may implement. None of them may import torch; specs name their code as strings.

A plugin is a module (or object) behind an entry point of the group `gdl`:

    # pyproject.toml
    [project.entry-points.gdl]
    swirl = "gdl_swirl"

    # gdl_swirl/__init__.py
    from gdl_core import ModelSpec, hookimpl

    @hookimpl
    def gdl_models():
        yield ModelSpec("swirl", "Swirls.", target="gdl_swirl.model:Swirl", config="gdl_swirl.config:SwirlConfig",
                        roles=("samples",))
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

from gdl_core.specs import DatasetSpec, FormatSpec, MeasureSpec, ModelSpec, RecipeSpec, StepSpec

if TYPE_CHECKING:
    import click

hookspec = pluggy.HookspecMarker("gdl")
hookimpl = pluggy.HookimplMarker("gdl")


@hookspec
def gdl_models() -> Iterable[ModelSpec]:  # type: ignore[empty-body]
    """Return the models that this plugin offers."""


@hookspec
def gdl_steps() -> Iterable[StepSpec]:  # type: ignore[empty-body]
    """Return the steps that a recipe may name."""


@hookspec
def gdl_datasets() -> Iterable[DatasetSpec]:  # type: ignore[empty-body]
    """Return the datasets that a recipe may name."""


@hookspec
def gdl_formats() -> Iterable[FormatSpec]:  # type: ignore[empty-body]
    """Return the file formats that values can be written to and read from."""


@hookspec
def gdl_measures() -> Iterable[MeasureSpec]:  # type: ignore[empty-body]
    """Return the measures that the step `measure` may name."""


@hookspec
def gdl_recipes() -> Iterable[RecipeSpec]:  # type: ignore[empty-body]
    """Return the recipes that `gdl run NAME` finds."""


@hookspec
def gdl_commands(cli: click.Group) -> None:
    """Add commands to the command line, under a group of the plugin's own; a built-in command is never replaced."""


# Observers: a raise is logged with the plugin's name and the run goes on.


@hookspec
def gdl_run_start(folder: Path, recipe: str) -> None:
    """A run begins in this folder."""


@hookspec
def gdl_step_start(folder: Path, step: str, do: str) -> None:
    """A step begins."""


@hookspec
def gdl_progress(step: str, done: int, total: int, parts: dict[str, float]) -> None:
    """A step has done `done` of `total` units; `parts` are the losses of a training."""


@hookspec
def gdl_step_end(folder: Path, step: str, outputs: list[Path], cached: bool, error: BaseException | None) -> None:
    """A step ended, was found unchanged (`cached`), or failed."""


@hookspec
def gdl_run_end(folder: Path, error: BaseException | None) -> None:
    """A run ended."""


def implementations(manager: pluggy.PluginManager, hook: str) -> list[tuple[str, Any]]:
    """Return (plugin name, function) of each implementation of a hook, in the order of the plugins' names."""
    caller = getattr(manager.hook, hook)
    return sorted(((impl.plugin_name, impl.function) for impl in caller.get_hookimpls()), key=lambda pair: str(pair[0]))
