"""Read YAML 1.2 into plain nodes that know where they stand.

Only what a recipe needs is let in: no tags, no anchors (so nothing can multiply), no duplicate keys, and limits on size
and depth. Reading events instead of objects means that nothing of a stranger's file is ever constructed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from gdl_core.errors import Fault, RecipeError
from gdl_core.explain import printable

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32
_MAX_DIGITS = 400

Scalar = str | int | float | bool | None


@dataclass(frozen=True)
class Mark:
    """Where a node stands; lines and columns count from 1. Without a line, `file` says it all (an option, say)."""

    file: str = ""
    line: int | None = None
    column: int | None = None


@dataclass(frozen=True)
class Node:
    """A scalar, a list of nodes or a mapping of nodes; `key_marks` says where a mapping's keys stand."""

    value: Scalar | list[Node] | dict[str, Node]
    mark: Mark = field(default_factory=Mark)
    key_marks: dict[str, Mark] = field(default_factory=dict)

    @property
    def mapping(self) -> dict[str, Node]:
        """The entries of a mapping; empty for anything else."""
        return self.value if isinstance(self.value, dict) else {}

    def plain(self) -> Any:
        """Return the node as plain Python data."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def at(self, path: tuple[str | int, ...]) -> Node:
        """Return the node at a path of keys, or the deepest one on the way there."""
        place = self
        for part in path:
            entries: Any = place.value
            is_item = isinstance(entries, list) and isinstance(part, int) and part < len(entries)
            if not is_item and not (isinstance(entries, dict) and part in entries):
                break
            place = entries[part]
        return place

    def key_mark(self, path: tuple[str | int, ...]) -> Mark:
        """Return where the last key of a path stands, or the deepest node on the way there."""
        parent = self.at(path[:-1])
        return parent.key_marks.get(str(path[-1]), parent.mark) if path else self.mark


class Source:
    """A recipe's text with its name, to make faults that show the line."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self._lines = text.splitlines()

    def fault(self, message: str, mark: Mark | None = None) -> Fault:
        """Return a fault at a mark, with the line it stands on where that helps."""
        message = printable(message)
        if mark is None or mark.line is None or mark.column is None:
            return Fault(message, mark.file if mark is not None and mark.file else self.file)
        line = self._lines[mark.line - 1] if mark.line <= len(self._lines) else ""
        if mark.column > 160 or not line.isprintable():
            line = ""
        return Fault(message, self.file, mark.line, mark.column, line[:200])


def parse(source: Source) -> Node:
    """Return the root node of a recipe.

    Raises:
        RecipeError: it is not YAML, or uses what recipes do without.
    """
    if len(source.text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise RecipeError([source.fault(f"a recipe may have {MAX_BYTES // 1024} KiB; this file is larger")])
    reader = _Reader(source)
    try:
        return reader.document(YAML(typ="safe", pure=True).parse(source.text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Mark(source.file, mark.line + 1, mark.column + 1) if mark is not None else None
        problem = " ".join(str(part) for part in (error.context, error.problem) if part)
        raise RecipeError([source.fault(f"not YAML: {problem}{_yaml_hint(problem)}", place)]) from None
    except ReaderError as error:
        line = source.text.count("\n", 0, error.position) + 1
        column = error.position - (source.text.rfind("\n", 0, error.position) + 1) + 1
        code = error.character if isinstance(error.character, int) else ord(error.character)
        message = f"not a text: character #x{code:04x} is not allowed in YAML"
        raise RecipeError([source.fault(message, Mark(source.file, line, column))]) from None
    except (YAMLError, ValueError, RecursionError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise RecipeError([source.fault(f"not YAML: {first}")]) from None


def _yaml_hint(problem: str) -> str:
    if "'\\t'" in problem or "tab" in problem:
        return "; indent with spaces"
    if "mapping values are not allowed" in problem:
        return "; put quotes around a text that holds ': '"
    return ""


class _Reader:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.faults: list[Fault] = []

    def mark(self, event: Event) -> Mark:
        return Mark(self.source.file, event.start_mark.line + 1, event.start_mark.column + 1)

    def document(self, events: Iterator[Event]) -> Node:
        documents = 0
        root: Node | None = None
        for event in events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise RecipeError(
                        [self.source.fault("a recipe is one YAML document, without '---'", self.mark(event))]
                    )
                if event.version not in (None, (1, 2)) or event.tags:
                    raise RecipeError([self.source.fault("a recipe has no %-directives", self.mark(event))])
            elif isinstance(event, ScalarEvent | CollectionStartEvent | AliasEvent):
                root = self.node(event, events, 1)
        if self.faults:
            raise RecipeError(self.faults)
        return root if root is not None else Node(None, Mark(self.source.file, 1, 1))

    def node(self, event: Event, events: Iterator[Event], depth: int) -> Node:
        mark = self.mark(event)
        if depth > MAX_DEPTH:
            raise RecipeError([*self.faults, self.source.fault(f"nested deeper than {MAX_DEPTH} levels", mark)])
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
            self.faults.append(self.source.fault("anchors (&, *) are not used in recipes; write a var and $name", mark))
        tag = getattr(event, "tag", None)
        if tag is not None:
            self.faults.append(self.source.fault(f"tags ({tag}) are not used in recipes", mark))
        if isinstance(event, ScalarEvent):
            return Node(self.scalar(event, mark), mark)
        if isinstance(event, SequenceStartEvent):
            items: list[Node] = []
            while not isinstance(event := next(events), SequenceEndEvent):
                items.append(self.node(event, events, depth + 1))
            return Node(items, mark)
        if isinstance(event, MappingStartEvent):
            return self.mapping(events, mark, depth)
        return Node(None, mark)

    def mapping(self, events: Iterator[Event], mark: Mark, depth: int) -> Node:
        entries: dict[str, Node] = {}
        key_marks: dict[str, Mark] = {}
        while not isinstance(event := next(events), MappingEndEvent):
            key_node = self.node(event, events, depth + 1)
            value = self.node(next(events), events, depth + 1)
            if isinstance(key_node.value, list | dict) or not isinstance(event, ScalarEvent):
                self.faults.append(self.source.fault("a key should be a plain word", key_node.mark))
                continue
            key = event.value
            if key in entries:
                first = key_marks[key].line
                self.faults.append(
                    self.source.fault(f"key '{key}' is here twice; first on line {first}", key_node.mark)
                )
            entries[key] = value
            key_marks[key] = key_node.mark
        return Node(entries, mark, key_marks)

    def scalar(self, event: ScalarEvent, mark: Mark) -> Scalar:
        text: str = event.value
        if not event.implicit[0]:  # quoted, so a text whatever it looks like
            return text
        if len(text) > _MAX_DIGITS and re.fullmatch(r"[-+.\dxoa-fA-FeE]+", text):
            self.faults.append(self.source.fault(f"a number of {len(text)} digits is too long", mark))
            return None
        return plain_scalar(text)


_NUMBERS = (
    (re.compile(r"[-+]?[0-9]+\Z"), int),
    (re.compile(r"0o[0-7]+\Z"), lambda text: int(text[2:], 8)),
    (re.compile(r"0x[0-9a-fA-F]+\Z"), lambda text: int(text, 16)),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z"), float),
    (re.compile(r"[-+]?\.(inf|Inf|INF)\Z"), lambda text: -math.inf if text[0] == "-" else math.inf),
    (re.compile(r"\.(nan|NaN|NAN)\Z"), lambda text: math.nan),
)


def plain_scalar(text: str) -> Scalar:
    """Return what an unquoted word means by the core schema of YAML 1.2.2, section 10.3.2.

    >>> plain_scalar("1e-3"), plain_scalar("no"), plain_scalar("12:30"), plain_scalar("0x1F"), plain_scalar("~")
    (0.001, 'no', '12:30', 31, None)
    """
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return text.lower() == "true"
    for pattern, convert in _NUMBERS:
        if pattern.match(text):
            return convert(text)
    return text
