"""Find the recipe that a word on the command line means: a file, or a recipe of a plugin."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

from gdl_core.errors import InputError, PluginError, UnknownNameError
from gdl_core.recipe import Recipe, check_file, check_text
from gdl_core.registry import Registry
from gdl_core.specs import RecipeSpec


def read_shipped(spec: RecipeSpec) -> str:
    """Return the text of a recipe that a plugin ships.

    Raises:
        PluginError: the plugin does not have the file that it names.
    """
    package, _, path = spec.resource.partition(":")
    try:
        return files(package).joinpath(path).read_text("utf-8")
    except (OSError, ModuleNotFoundError, UnicodeDecodeError) as error:
        raise PluginError(f"plugin '{spec.plugin}' is broken: recipe '{spec.name}': {error}") from error


def check_named(word: str, registry: Registry, overrides: Iterable[str] = ()) -> Recipe:
    """Check the recipe that a word means. A shipped recipe's relative paths start from the current folder.

    Raises:
        InputError: there is no such recipe. RecipeError: with every fault of it.
    """
    path = Path(word)
    if path.suffix.lower() in (".yaml", ".yml") or path.is_file():
        if not path.is_file():
            raise InputError(f"no such file: {word}")
        return check_file(path, registry, overrides)
    try:
        spec = registry.find("recipe", word)
    except UnknownNameError as error:
        raise UnknownNameError(f"{error}, or give a .yaml file") from None
    return check_text(read_shipped(spec), registry, file=word, name=spec.name, base=Path.cwd(), overrides=overrides)
