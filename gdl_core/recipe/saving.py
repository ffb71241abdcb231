"""Check where a step's result goes: inside the run folder, each file once, in a format that can hold it."""

from __future__ import annotations

import re
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from gdl_core.errors import GdlError
from gdl_core.media import ITEM, can_write
from gdl_core.registry import Registry
from gdl_core.specs import Kind

DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])\s*(\.|\Z)", re.IGNORECASE)
RESERVED = ("recipe.yaml", "report.md", "report.json", "report.html", "run.lock.json", "error.log")


class SavePlan:
    """The files that the steps so far will write."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._taken: dict[str, str] = {}

    def add(self, path: Any, step: str, kind: Kind | None) -> str:
        """Take a path for a step; return what is wrong with it, or an empty string. `kind` None: not known."""
        if not isinstance(path, str) or not path.strip():
            return "'save' should be a file name, or a list of them"
        wrong = _wrong_place(path)
        if wrong:
            return wrong
        key = str(PurePosixPath(path)).casefold()
        for taken, owner in self._taken.items():
            if _overlap(key, taken):
                return f"'{path}' is written by step '{owner}' already" if owner != step else f"'{path}' is here twice"
        self._taken[key] = step
        return self._wrong_format(path, kind)

    def _wrong_format(self, path: str, kind: Kind | None) -> str:
        if kind is None:
            return ""
        try:
            spec = can_write(kind, PurePosixPath(path).name, self.registry)
        except GdlError as error:
            return str(error)
        pip = self.registry.lacking(spec)
        return f"'{path}' needs the extra '{spec.extra}': {pip}" if pip else ""


def _wrong_place(path: str) -> str:
    pure = PurePosixPath(path)
    if "\\" in path or not path.isprintable():
        return "'save' should be a plain path with '/' between folders"
    if pure.is_absolute() or PureWindowsPath(path).drive or path.startswith("~"):
        return f"'{path}' leads out of the run folder; results are saved inside it, so write a relative path"
    if ".." in pure.parts:
        return f"'{path}' leads out of the run folder; leave '..' out"
    folded = str(pure).casefold()
    if folded.split("/")[0] == ".gdl" or folded in RESERVED or folded.endswith(".gdl.json"):
        return f"'{path}' is a name that the run itself uses; choose another"
    if (wrong := _wrong_on_windows(pure)) is not None:
        return f"'{path}': '{wrong}' cannot be a name on Windows; choose another, so that the recipe runs everywhere"
    if re.search(r"[{}]", path.replace(ITEM, "")) or ITEM in str(pure.parent):
        return f"'{path}': the only braces can be {ITEM} in the file's name, for the number of the item"
    return ""


def _wrong_on_windows(path: PurePosixPath) -> str | None:
    """Return the part of a path that Windows would refuse or write under another name, or None."""
    for part in path.parts:
        if DEVICES.match(part) or re.search(r'[<>:"|?*]', part) or part.endswith((".", " ")):
            return part
    return None


def _overlap(one: str, other: str) -> bool:
    if one == other:
        return True
    for pattern, name in ((one, other), (other, one)):
        if ITEM in pattern and re.fullmatch(re.escape(pattern).replace(re.escape(ITEM), r"(\d+|\{i\})"), name):
            return True
    return False
