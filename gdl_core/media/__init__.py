"""Reading and writing files, and the record inside them: which model, seed and recipe made this picture.

A format is a `FormatSpec` of some plugin, chosen by the suffix of the path and the kind of the value. Every file is
written to a temporary name in its folder and renamed, and the same value gives the same bytes. This room imports
`errors`, `specs` and `values` and no torch. Begin with `write`; contact sheets are drawn in `sheet`, charts in `plots`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from gdl_core.errors import MediaError, did_you_mean
from gdl_core.media.extras import require_extra
from gdl_core.media.record import digest, read_sidecar, sidecar
from gdl_core.specs import FormatSpec, a_kind, load_target
from gdl_core.values import Frames, Images, Notes, Text

__all__ = ["can_write", "find_format", "may_carry_record", "read", "read_record", "verify", "write"]

ITEM = "{i}"
"""Stands in a path for the number of a picture: one file each, counted from 0."""


class HasFormats(Protocol):
    """What is needed of a registry."""

    @property
    def formats(self) -> Iterable[FormatSpec]:
        """Every format that a plugin offers."""


def can_write(kind: str, path: Path | str, registry: HasFormats) -> FormatSpec:
    """Return the format that would write a value of this kind to this path; ask before the work that makes the value.

    Raises:
        MediaError: no format has the suffix, or none that has it takes the kind.
        MissingExtraError: the format needs a library that is not installed.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    named = [spec for spec in registry.formats if suffix in spec.suffixes]
    fitting = [spec for spec in named if kind in spec.kinds]
    others = sorted({suffix for spec in registry.formats if kind in spec.kinds for suffix in spec.suffixes})
    choice = f"{a_kind(kind)} can be saved as {', '.join(others)}" if others else f"no format takes {a_kind(kind)}"
    if not named:
        what = f"no format is called '{suffix}'" if suffix else f"'{path}' has no suffix to tell the format by"
        raise MediaError(f"{what}{did_you_mean(suffix, others)}; {choice}")
    if not fitting:
        raise MediaError(f"{a_kind(kind)} cannot be saved as {suffix}; {choice}")
    if ITEM in path.name and kind not in (Images.kind, Frames.kind, Text.kind, Notes.kind):
        raise MediaError(f"'{ITEM}' makes one file for each picture, text or tune; {a_kind(kind)} is saved as one file")
    if fitting[0].extra:
        require_extra(f"saving {suffix}", fitting[0].extra)
    return fitting[0]


def find_format(path: Path | str, registry: HasFormats) -> FormatSpec:
    """Return the format that reads files of this suffix.

    Raises:
        MediaError: no format does.
    """
    suffix = Path(path).suffix.lower()
    readers = [spec for spec in registry.formats if spec.read]
    for spec in readers:
        if suffix in spec.suffixes:
            return spec
    known = sorted({suffix for spec in readers for suffix in spec.suffixes})
    raise MediaError(f"no format reads '{Path(path).name}'{did_you_mean(suffix, known)}; known are {', '.join(known)}")


def may_carry_record(path: Path | str, registry: HasFormats) -> bool:
    """Return whether a file is of a format that we write, or has a record beside it."""
    path = Path(path)
    return any(path.suffix.lower() in spec.suffixes for spec in registry.formats) or sidecar(path).is_file()


def write(value: Any, path: Path | str, record: Mapping[str, Any] | None, registry: HasFormats) -> list[Path]:
    """Write a value in the format that the suffix names and return the files, the record's own file included.

    With `{i}` in the path each picture or text goes to a file of its own, and its record says which `item` it is.

    Raises:
        MediaError: no format writes such a value to such a path.
        StorageError: the disk is full or may not be written.
    """
    path = Path(path)
    spec = can_write(value.kind, path, registry)
    writer = load_target(spec.write)
    if ITEM not in path.name:
        return list(writer(value, path, record))
    files: list[Path] = []
    several = isinstance(value, Text | Notes)
    items = [type(value)((one,)) for one in value.samples] if several else [Images(one[None]) for one in value.pixels]
    for item, one in enumerate(items):
        told = None if record is None else {**record, "item": item}
        files += writer(one, path.with_name(path.name.replace(ITEM, str(item))), told)
    return files


def remark(kind: str, path: Path | str, registry: HasFormats) -> str:
    """Return what is to be told of files of this kind and suffix that are written here; mostly nothing."""
    spec = can_write(kind, path, registry)
    return str(load_target(spec.remark)()) if spec.remark else ""


def read(path: Path | str, registry: HasFormats) -> Any:
    """Read a file as the value that its format makes of it.

    Raises:
        MediaError: there is no such file, no format reads it, or it is damaged.
    """
    path = Path(path)
    spec = find_format(path, registry)
    if not path.is_file():
        raise MediaError(f"no such file: {path}")
    return load_target(spec.read)(path)


def read_record(path: Path | str, registry: HasFormats) -> dict[str, Any] | None:
    """Return the record of a file, from inside it or from `FILE.gdl.json`; None where there is none.

    Raises:
        MediaError: there is no such file, or it is damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise MediaError(f"no such file: {path}")
    for spec in registry.formats:
        if spec.read_record and path.suffix.lower() in spec.suffixes:
            record: dict[str, Any] | None = load_target(spec.read_record)(path)
            if record is not None:
                return record
    return read_sidecar(path) if sidecar(path).is_file() else None


def verify(path: Path | str, registry: HasFormats) -> bool | None:
    """Return whether a file still holds what its record vouches for; None where the record says nothing of it.

    Raises:
        MediaError: there is no such file, or it is so damaged that it cannot be read.
    """
    path = Path(path)
    record = read_record(path, registry)
    for spec in registry.formats:
        if record is not None and spec.verify and path.suffix.lower() in spec.suffixes:
            answer: bool | None = load_target(spec.verify)(path, record)
            return answer
    content = (record or {}).get("content")
    return None if content is None else bool(digest(read(path, registry)) == content)
