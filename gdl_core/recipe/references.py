"""Resolve `$name`: a var, or the result of an earlier step. A recipe reads from top to bottom, so it has no cycles."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gdl_core.errors import Fault, did_you_mean
from gdl_core.recipe.document import Document
from gdl_core.recipe.load import Mark, Node, Source

_WHOLE = re.compile(r"\$(?:([A-Za-z_][\w-]*)|\{([^{}]*)\})\Z")
_INSIDE = re.compile(r"\$\$|\$\{([^{}]*)\}")
_BARE = re.compile(r"\$([A-Za-z_][\w-]*)")


@dataclass(frozen=True)
class Ref:
    """Stands in a step's arguments for the result of an earlier step."""

    step: str


def fill(data: Any, values: Mapping[str, Any] | Callable[[str], Any]) -> Any:
    """Return arguments with each Ref replaced by what `values` has for its step."""
    look_up = values.__getitem__ if isinstance(values, Mapping) else values
    if isinstance(data, Ref):
        return look_up(data.step)
    if isinstance(data, dict):
        return {key: fill(value, look_up) for key, value in data.items()}
    if isinstance(data, list):
        return [fill(value, look_up) for value in data]
    return data


def refs_in(data: Any) -> tuple[str, ...]:
    """Return the steps that arguments refer to, each once, in the order in which they come."""
    if isinstance(data, Ref):
        return (data.step,)
    children = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    return tuple(dict.fromkeys(name for child in children for name in refs_in(child)))


class Resolver:
    """Replaces references, step by step, and collects what is wrong with them.

    Attributes:
        vars: the values of the vars; those without a usable value are missing.
        unsure: marks of references that are faults already, so that nothing more is said about them.
    """

    def __init__(self, document: Document, source: Source) -> None:
        self.source = source
        self.faults: list[Fault] = []
        self.vars: dict[str, Any] = {}
        self.unsure: set[Mark] = set()
        self._var_names = list(document.vars)
        self._steps = [step.name for step in document.steps]
        self._earlier: list[str] = []
        for name, node in document.vars.items():
            if node.value is None:
                message = f"var '{name}' has no value; give one: -s {name}=…"
                self.faults.append(source.fault(message, document.var_marks.get(name, node.mark)))
                continue
            before = len(self.faults)
            value = self.resolve(node, "vars", steps=False)
            if len(self.faults) == before:
                self.vars[name] = value

    def enter(self, step: str) -> None:
        """Let the steps that follow refer to this one."""
        self._earlier.append(step)

    def resolve(self, node: Node, step: str, steps: bool = True) -> Any:
        """Return a node as plain data with vars put in and a Ref for each result of a step."""
        if isinstance(node.value, dict):
            return {key: self.resolve(value, step, steps) for key, value in node.value.items()}
        if isinstance(node.value, list):
            return [self.resolve(value, step, steps) for value in node.value]
        if not isinstance(node.value, str) or "$" not in node.value:
            return node.value
        whole = _WHOLE.match(node.value)
        if whole:
            return self._whole(whole[1] or whole[2], node, step, steps)
        return self._inside(node)

    def _fault(self, message: str, node: Node) -> None:
        self.faults.append(self.source.fault(message, node.mark))
        self.unsure.add(node.mark)

    def _whole(self, name: str, node: Node, step: str, steps: bool) -> Any:
        if name in self.vars:
            return self.vars[name]
        if steps and name in self._earlier:
            return Ref(name)
        if name in self._var_names:
            if step == "vars":
                self._fault(f"'${name}' is a var that comes later, or has no value", node)
            self.unsure.add(node.mark)
        elif name in self._steps and not steps:
            self._fault(f"'${name}' is a step; a var cannot take its result", node)
        elif name == step:
            self._fault(f"step '{name}' refers to itself", node)
        elif name in self._steps:
            self._fault(f"'${name}' is a later step; a step can use earlier ones only, so move '{name}' above", node)
        else:
            self._fault(f"'${name}' is neither a var nor an earlier step{self._hint(name, steps)}", node)
        return None

    def _hint(self, name: str, steps: bool = True) -> str:
        return did_you_mean(name, [*self._var_names, *(self._earlier if steps else ())])

    def _inside(self, node: Node) -> str:
        text = str(node.value)
        bare = _BARE.match(text)
        if bare and bare[1] in (*self._var_names, *self._steps):
            self._fault(f"inside a text a var is written ${{{bare[1]}}}", node)
        return _INSIDE.sub(lambda match: "$" if match[0] == "$$" else self._text(match[1], node), text)

    def _text(self, name: str, node: Node) -> str:
        value = self.vars.get(name)
        if value is None:
            if name in self._steps:
                self._fault(f"'{name}' is a step; inside a text there can be vars only", node)
            elif name not in self._var_names:
                self._fault(f"there is no var '{name}'{did_you_mean(name, self._var_names)}", node)
            self.unsure.add(node.mark)
            return ""
        if isinstance(value, dict | list):
            self._fault(f"var '{name}' is a {'list' if isinstance(value, list) else 'set of keys'}, not a text", node)
            return ""
        return ("true" if value else "false") if isinstance(value, bool) else str(value)
