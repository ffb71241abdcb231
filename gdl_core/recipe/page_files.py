"""Files of a run inside its page: pictures and films as `data:` addresses up to a bound, others as relative links."""

from __future__ import annotations

import io
import re
import warnings
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import quote

from gdl_core.media import ITEM
from gdl_core.recipe.words import size

MOST_OF_A_FILE = 8_000_000
MOST_OF_A_PAGE = 60_000_000
"""Bytes of the files; in the page they are a third more."""
MOST_ITEMS = 24

_PICTURES = {
    ".png": "image/png",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
}
_FILMS = {".mp4": "video/mp4"}
_SMALL = 128  # pixels; what is smaller is shown larger
_LARGEST = 8


@dataclass(frozen=True)
class ShownFile:
    """A file as a page shows it.

    Attributes:
        href: relative, and empty where the file does not lie in the run folder.
        kind: how it is shown.
        data: the `data:` address of a picture or film.
        shape: width and height in pixels, where known.
        told: its size, and why it is not shown where it might have been.
    """

    name: str
    href: str
    kind: Literal["picture", "film", "file"]
    data: str = ""
    shape: tuple[int, int] | None = None
    told: str = ""

    @property
    def scale(self) -> int:
        """How many times a small picture is enlarged, so that its pixels can be seen."""
        return 1 if not self.shape else min(_LARGEST, max(1, _SMALL // max(1, *self.shape)))

    @property
    def is_large(self) -> bool:
        """Whether it asks for more room than a small tile."""
        return self.kind == "film" or bool(self.shape and self.shape[0] * self.scale > _SMALL)

    @property
    def short(self) -> str:
        """The name without its folders."""
        return PurePosixPath(self.name).name


@dataclass(frozen=True)
class ShownFiles:
    """What a step saved: pictures and films, groups of items with how many more there are, and links."""

    shown: list[ShownFile] = field(default_factory=list)
    items: list[tuple[list[ShownFile], int]] = field(default_factory=list)
    links: list[ShownFile] = field(default_factory=list)


class Files:
    """Takes files of a run folder into a page until that is full."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.room = MOST_OF_A_PAGE

    def of_step(self, outputs: Iterable[str], saves: Sequence[str]) -> ShownFiles:
        """Return how the outputs of a step are shown; `saves` tells which are items of one `{i}`.

        A step gives one value: of several formats under one name the first is shown and the others are links.
        """
        found = ShownFiles()
        rest = [output for output in outputs if not output.endswith(".gdl.json")]
        for save in saves:
            if ITEM in save and _is_shown(save):
                pattern = re.compile(re.escape(save).replace(re.escape(ITEM), r"\d+"))
                items = [output for output in rest if pattern.fullmatch(output)]
                rest = [output for output in rest if output not in set(items)]
                if items:
                    found.items.append(([self.show(item) for item in items[:MOST_ITEMS]], len(items[MOST_ITEMS:])))
        stems: set[str] = set()
        for output in rest:
            stem = PurePosixPath(output).with_suffix("").as_posix()
            file = self.link(output) if stem in stems else self.show(output)
            if file.data:
                stems.add(stem)
            (found.shown if file.data else found.links).append(file)
        return found

    def link(self, output: str, why: str = "") -> ShownFile:
        """Return a link to a file, with its size and a word on why it is no more than that."""
        try:
            told = size((self.folder / output).stat().st_size)
        except (OSError, ValueError):
            told = "not there"
        return ShownFile(output, _href(output), "file", told=f"{told}, {why}" if why else told)

    def show(self, output: str) -> ShownFile:
        """Return a picture or a film with its bytes where they fit, otherwise a link."""
        suffix = PurePosixPath(output).suffix.lower()
        mime = (_PICTURES | _FILMS).get(suffix)
        if mime is None or not _href(output):
            return self.link(output)
        try:
            path = self.folder / output
            if not path.resolve().is_relative_to(self.folder.resolve()):
                return self.link(output, "outside of the run folder")
            length = path.stat().st_size
            if length > MOST_OF_A_FILE:
                return self.link(output, f"too large for this page, which takes files up to {size(MOST_OF_A_FILE)}")
            if length > self.room:
                return self.link(output, f"not in this page, which is full with {size(MOST_OF_A_PAGE)} of files")
            data = path.read_bytes()
        except (OSError, ValueError):
            return self.link(output)
        self.room -= len(data)
        coded = f"data:{mime};base64,{b64encode(data).decode()}"
        told = size(len(data))
        if suffix in _FILMS:
            return ShownFile(output, _href(output), "film", coded, told=told)
        return ShownFile(output, _href(output), "picture", coded, _shape(data), told)


def _is_shown(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in _PICTURES | _FILMS


def _href(output: str) -> str:
    """Return a relative address; empty for a path that leads out of the folder."""
    path = PurePosixPath(output)
    if path.is_absolute() or ".." in path.parts or "\\" in output:
        return ""
    return quote(path.as_posix(), safe="/", errors="replace")


def _shape(data: bytes) -> tuple[int, int] | None:
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of bombs: nothing is decoded here
            with Image.open(io.BytesIO(data)) as picture:
                return int(picture.width), int(picture.height)
    except Exception:  # Pillow raises of every kind on damaged files; without a size the page is as good
        return None
