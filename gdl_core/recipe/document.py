"""Split a recipe's nodes into its head, vars and steps, and put overrides of the command line in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gdl_core.errors import Fault, RecipeError, did_you_mean
from gdl_core.explain import printable
from gdl_core.recipe.load import Mark, Node, Source, parse
from gdl_core.recipe.saving import DEVICES

FORMAT = 1
"""Version of the recipe format. A newer one is refused with a sentence."""

TOP_KEYS = ("gdl", "title", "needs", "seed", "device", "vars", "steps")
STEP_KEYS = ("do", "seed", "save", "cache")
MAX_SEED = 2**63 - 1

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}\Z")
_DEVICE = re.compile(r"(auto|cpu|mps|cuda(:\d+)?)\Z")


@dataclass(frozen=True)
class Override:
    """A value given on the command line: `path` leads to it in the recipe, `text` is the option as typed."""

    path: tuple[str, ...]
    node: Node
    text: str


@dataclass(frozen=True)
class StepNodes:
    """A step as written: its name, what it does, its own arguments and the keys that all steps share."""

    name: str
    mark: Mark
    do: Node
    arguments: Node
    seed: Node | None = None
    save: Node | None = None
    cache: Node | None = None


@dataclass(frozen=True)
class Document:
    """A recipe as written, with overrides in."""

    title: str = ""
    seed: int = 0
    device: str = "auto"
    needs: tuple[Node, ...] = ()
    vars: dict[str, Node] = field(default_factory=dict)
    steps: tuple[StepNodes, ...] = ()
    var_marks: dict[str, Mark] = field(default_factory=dict)


def read_overrides(root: Node, options: Iterable[str]) -> list[Override]:
    """Return what `-s name=value` and `-s step.key=value` mean for this recipe.

    Raises:
        RecipeError: an option is malformed, or names something that the recipe does not have.
    """
    faults: list[Fault] = []
    found: list[Override] = []
    names = list(root.at(("vars",)).mapping) if "vars" in root.mapping else []
    steps = list(root.mapping["steps"].mapping) if "steps" in root.mapping else []
    for option in options:
        name, equals, text = option.partition("=")
        where = f"-s {printable(option)}"
        parts = tuple(name.strip().split("."))
        if len(parts) > 1 and parts[0] in ("vars", "steps") and parts[0] not in steps:
            parts = parts[1:]
        if not equals or not all(parts):
            faults.append(Fault("should be name=value, or step.key=value", where))
            continue
        try:
            node = _unmarked(parse(Source(text, where)), where)
        except RecipeError as error:
            faults += [replace(fault, file=where, line=None, column=None, source="") for fault in error.faults]
            continue
        if len(parts) == 1:
            if parts[0] in names:
                found.append(Override(("vars", *parts), node, option))
            elif parts[0] in ("seed", "device", "title"):
                found.append(Override(parts, node, option))
            elif parts[0] in steps:
                faults.append(Fault(f"'{parts[0]}' is a step; set one of its keys: {parts[0]}.key=value", where))
            else:
                known = f"; it has: {', '.join(names)}" if names else "; it has none"
                hint = did_you_mean(parts[0], [*names, "seed", "device"]) or known
                faults.append(Fault(f"the recipe has no var '{parts[0]}'{hint}", where))
        elif parts[0] in steps:
            found.append(Override(("steps", *parts), node, option))
        else:
            hint = did_you_mean(parts[0], steps) or f"; it has: {', '.join(steps)}"
            faults.append(Fault(f"the recipe has no step '{parts[0]}'{hint}", where))
    if faults:
        raise RecipeError(faults)
    return found


def _unmarked(node: Node, file: str) -> Node:
    mark = Mark(file)
    value: Any = node.value
    if isinstance(value, dict):
        value = {key: _unmarked(entry, file) for key, entry in value.items()}
    elif isinstance(value, list):
        value = [_unmarked(entry, file) for entry in value]
    return Node(value, mark, dict.fromkeys(node.key_marks, mark))


def put(root: Node, path: Sequence[str], new: Node) -> Node:
    """Return the tree with one node replaced or added; missing mappings on the way are made.

    Raises:
        RecipeError: the path leads through something that has no such entry.
    """
    if not path:
        return new
    key = path[0]
    if isinstance(root.value, list):
        if not key.isdigit() or int(key) >= len(root.value):
            raise RecipeError([Fault(f"there is no item {key}: the list has {len(root.value)}", new.mark.file)])
        items = list(root.value)
        items[int(key)] = put(items[int(key)], path[1:], new)
        return replace(root, value=items)
    if not isinstance(root.value, dict) and root.value is not None:
        raise RecipeError([Fault(f"'{key}' cannot be set inside {root.value!r:.40}", new.mark.file)])
    entries = dict(root.mapping)
    entries[key] = put(entries.get(key, Node({}, new.mark)), path[1:], new)
    return replace(root, value=entries, key_marks={**root.key_marks, key: root.key_marks.get(key, new.mark)})


def read_document(root: Node, source: Source) -> tuple[Document, list[Fault]]:
    """Return the parts of a recipe and the faults of its frame.

    Raises:
        RecipeError: the file is no recipe at all, or is of a newer format.
    """
    if not isinstance(root.value, dict):
        raise RecipeError([source.fault("a recipe is a set of keys: gdl, title, seed, vars, steps", root.mark)])
    faults: list[Fault] = []
    entries = root.value
    _check_format(root, source, faults)
    for key in entries:
        if key not in TOP_KEYS:
            hint = did_you_mean(key, TOP_KEYS) or f"; a recipe has: {', '.join(TOP_KEYS)}"
            faults.append(source.fault(f"unknown key '{key}' for a recipe{hint}", root.key_marks[key]))
    title = entries.get("title", Node(""))
    if not isinstance(title.value, str) or not title.value.isprintable():
        faults.append(source.fault("'title' should be a line of text", title.mark))
    device = entries.get("device", Node("auto"))
    if not isinstance(device.value, str) or not _DEVICE.match(device.value):
        faults.append(source.fault("'device' should be auto, cpu, cuda, cuda:0 or mps", device.mark))
    variables = _named(entries.get("vars"), "vars", source, faults)
    document = Document(
        title=title.value if isinstance(title.value, str) else "",
        seed=read_seed(entries.get("seed"), source, faults),
        device=str(device.value),
        needs=_needs(entries.get("needs"), source, faults),
        vars=variables,
        var_marks=dict(entries["vars"].key_marks) if variables else {},
        steps=_steps(root, source, faults),
    )
    for step in document.steps:
        if step.name in variables:
            faults.append(source.fault(f"'{step.name}' is a var and a step; rename one of them", step.mark))
    return document, faults


def _check_format(root: Node, source: Source, faults: list[Fault]) -> None:
    version = root.mapping.get("gdl")
    if version is None:
        faults.append(
            source.fault(f"a recipe begins with the format's number: 'gdl: {FORMAT}'", Mark(source.file, 1, 1))
        )
    elif type(version.value) is not int or version.value < 1:
        faults.append(source.fault(f"'gdl' is the number of the recipe format; write 'gdl: {FORMAT}'", version.mark))
    elif version.value > FORMAT:
        message = f"recipe format {version.value} is newer than this gdl, which reads {FORMAT}; upgrade gdl-toolkit"
        raise RecipeError([source.fault(message, version.mark)])


def read_seed(node: Node | None, source: Source, faults: list[Fault]) -> int:
    """Return a seed; anything but a whole number from 0 on is a fault."""
    if node is None:
        return 0
    if type(node.value) is int and 0 <= node.value <= MAX_SEED:
        return node.value
    faults.append(source.fault(f"'seed' should be a whole number from 0 to {MAX_SEED}", node.mark))
    return 0


def _needs(node: Node | None, source: Source, faults: list[Fault]) -> tuple[Node, ...]:
    if node is None:
        return ()
    items = node.value if isinstance(node.value, list) else [node]
    for item in items:
        if not isinstance(item.value, str) or not re.fullmatch(r"[A-Za-z0-9][\w.-]*", item.value):
            faults.append(source.fault("'needs' should be a list of plugins' names", item.mark))
    return tuple(item for item in items if isinstance(item.value, str))


def _named(node: Node | None, what: str, source: Source, faults: list[Fault]) -> dict[str, Node]:
    if node is None or node.value is None:
        return {}
    if not isinstance(node.value, dict):
        faults.append(source.fault(f"'{what}' should be a set of names and values", node.mark))
        return {}
    for name in node.value:
        if not _NAME.match(name):
            rule = "lower-case letters, digits, '-' and '_', beginning with a letter"
            faults.append(source.fault(f"'{name}' cannot be a name: use {rule}", node.key_marks[name]))
        elif DEVICES.match(name):
            why = "Windows keeps it for itself, and the recipe should run everywhere"
            faults.append(source.fault(f"'{name}' cannot be a name: {why}", node.key_marks[name]))
    return {name: value for name, value in node.value.items() if _NAME.match(name)}


def _steps(root: Node, source: Source, faults: list[Fault]) -> tuple[StepNodes, ...]:
    if "steps" not in root.mapping:
        faults.append(source.fault("a recipe needs 'steps'", Mark(source.file, 1, 1)))
        return ()
    node = root.mapping["steps"]
    named = _named(node, "steps", source, faults)
    if not named and not node.mapping:
        faults.append(source.fault("'steps' is empty", root.key_marks["steps"]))
    steps = []
    for name, step in named.items():
        mark = node.key_marks[name]
        do = step.mapping.get("do")
        if do is None or not isinstance(do.value, str):
            what = (
                "a step is a set of keys, like {do: sample, ...}" if not step.mapping else f"step '{name}' needs 'do'"
            )
            faults.append(source.fault(what, do.mark if do is not None else mark))
            do = Node(None, mark)
        own = {key: value for key, value in step.mapping.items() if key not in STEP_KEYS}
        arguments = Node(own, step.mark, step.key_marks)
        shared = {key: step.mapping.get(key) for key in STEP_KEYS[1:]}
        steps.append(StepNodes(name, mark, do, arguments, **shared))
    return tuple(steps)
