"""The recipe as run: overrides put into the text, absolute paths taken out. Comments and order stay."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import StringIO
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from ruamel.yaml import YAML

from gdl_core.recipe.document import Override
from gdl_core.recipe.load import Node

Steps = tuple[str | int, ...]


def as_run(text: str, root: Node, overrides: Iterable[Override]) -> str:
    """Return a recipe's text with the overrides in and each absolute path cut to its last name.

    The text is returned as it is where nothing has to change. Records leave the machine that made them, so they say
    nothing about its folders.
    """
    changes: list[tuple[Steps, Any]] = [(override.path, override.node.plain()) for override in overrides]
    changes += [(path, _last_name(value)) for path, value in _absolute_paths(root, ())]
    if not changes:
        return text
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    tree = yaml.load(text)
    for path, value in changes:
        _set(tree, path, value)
    out = StringIO()
    yaml.dump(tree, out)
    return out.getvalue()


def is_absolute(text: str) -> bool:
    """Return whether a text is a path that begins at a root, a drive or a home folder."""
    return PurePosixPath(text).is_absolute() or bool(PureWindowsPath(text).drive) or text.startswith(("~/", "~\\"))


def _last_name(text: str) -> str:
    return PureWindowsPath(text).name or "."


def _absolute_paths(node: Node, path: Steps) -> Iterator[tuple[Steps, str]]:
    if isinstance(node.value, dict):
        for key, value in node.value.items():
            yield from _absolute_paths(value, (*path, key))
    elif isinstance(node.value, list):
        for index, value in enumerate(node.value):
            yield from _absolute_paths(value, (*path, index))
    elif isinstance(node.value, str) and path != ("title",) and is_absolute(node.value):
        yield path, node.value


def _set(tree: Any, path: Steps, value: Any) -> None:
    for index, part in enumerate(path):
        last = index == len(path) - 1
        key: Any = int(part) if isinstance(tree, list) else part
        if isinstance(tree, dict):
            key = next((known for known in tree if str(known) == str(part)), part)
            if not last and tree.get(key) is None:
                tree[key] = {}
        if last:
            tree[key] = value
        else:
            tree = tree[key]
