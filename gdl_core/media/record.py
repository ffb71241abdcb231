"""The record inside a file: what made it, as JSON, with a hash of the content so that a changed pixel is noticed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gdl_core.errors import MediaError
from gdl_core.media.atomic import write_bytes
from gdl_core.values import Audio, Column, Figure, Frames, Images, Latents, Notes, Table, Text, Vector

Record = Mapping[str, Any]

MAX_DEPTH = 64
"""Levels of JSON in a record; ours have four."""

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_SPACE = "urn:gdl:record"


def to_text(record: Record) -> str:
    """Return a record as one line of JSON with sorted keys, the same for the same record."""
    return json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def from_text(text: str | bytes | None) -> dict[str, Any] | None:
    """Read a record; None where the text is not one (a comment that some other program left)."""
    if not text:
        return None
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) and _sound(record) else None


def _sound(value: Any) -> bool:
    """Return whether JSON can be written again: no deeper than any record of ours, no half of a letter in a text."""
    level = [value]
    for _ in range(MAX_DEPTH):
        parts: list[Any] = []
        for entry in level:
            if isinstance(entry, dict):
                parts += [*entry, *entry.values()]
            elif isinstance(entry, list):
                parts += entry
            elif isinstance(entry, str) and not entry.isascii():
                try:
                    entry.encode()
                except UnicodeEncodeError:
                    return False
        level = parts
        if not level:
            return True
    return False


def to_xmp(record: Record) -> bytes:
    """Return a record as an XMP packet, the form that WebP carries."""
    from xml.sax.saxutils import quoteattr  # imports a web client, which checking a recipe can do without

    text = to_text(record)
    for mark in "\ufffe\uffff":  # of all that JSON leaves as it is, the two that XML cannot hold
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF xmlns:rdf="{_RDF}"><rdf:Description rdf:about="" xmlns:gdl="{_SPACE}" '
        f"gdl:record={quoteattr(text)}/></rdf:RDF></x:xmpmeta>"
    ).encode()


def from_xmp(packet: bytes | None) -> dict[str, Any] | None:
    """Read a record from an XMP packet; None where there is none."""
    from xml.etree import ElementTree

    try:
        text = packet.rstrip(b"\0").decode("utf-8-sig") if packet else ""
        if "<!" in text:  # no document types: an entity bomb has no business in a picture
            return None
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError):
        return None
    for node in root.iter(f"{{{_RDF}}}Description"):
        if told := node.get(f"{{{_SPACE}}}record"):
            return from_text(told)
    return None


def sidecar(path: Path) -> Path:
    """Return the name of the file beside `path` that has its record, for formats that cannot carry one."""
    return path.with_name(path.name + ".gdl.json")


def write_sidecar(path: Path, record: Record) -> Path:
    """Write a record beside a file and return the path of the record."""
    beside = sidecar(path)
    write_bytes(beside, (json.dumps(record, ensure_ascii=False, sort_keys=True, indent=1) + "\n").encode())
    return beside


def read_sidecar(path: Path) -> dict[str, Any] | None:
    """Read the record beside a file; None where there is none."""
    try:
        return from_text(sidecar(path).read_text(encoding="utf-8"))
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    except OSError as error:
        raise MediaError(f"{sidecar(path)} cannot be read: {error.strerror or error}") from error


def with_content(record: Record | None, value: Any) -> dict[str, Any] | None:
    """Return the record with `content`, the digest of the value as it will be read back."""
    return None if record is None else {**record, "content": digest(value)}


def digest(value: Any) -> str:
    """Return a SHA-256 of everything that a person can see of a value: numbers, shapes, names of columns."""
    sha = hashlib.sha256()

    def add(part: Any) -> None:
        if isinstance(part, np.ndarray):
            little = part.astype(part.dtype.newbyteorder("<"), copy=False)
            sha.update(f"{little.dtype.str}{little.shape}".encode())
            sha.update(np.ascontiguousarray(little).tobytes())
        else:
            sha.update(json.dumps(part, sort_keys=True, default=str).encode() + b"\0")

    def add_columns(columns: Mapping[str, Column]) -> None:
        for name, column in columns.items():
            add([name, column.names])
            add(column.values)

    if isinstance(value, Images):
        add(value.pixels)
    elif isinstance(value, Frames):
        # A frame that only repeats the one before is left out: films are stored with longer times instead.
        moved = [
            index for index in range(1, len(value.pixels)) if (value.pixels[index] != value.pixels[index - 1]).any()
        ]
        add(value.pixels[[0, *moved]])
    elif isinstance(value, Latents):
        add(value.mean)
        if value.log_var is not None:
            add(value.log_var)
        add_columns(value.columns)
    elif isinstance(value, Vector):
        add(value.direction)
    elif isinstance(value, Table):
        add([value.header, value.rows])
    elif isinstance(value, Text):
        add(list(value.samples))
    elif isinstance(value, Notes):
        for tune in value.samples:
            add([tune.beats, tune.tempo, tune.voices, tune.programs, tune.title])
            add(tune.notes)
    elif isinstance(value, Audio):
        add([value.rate])
        add(value.waves)
    elif isinstance(value, Figure):
        add(value.pixels)
    else:
        raise MediaError(f"a {getattr(value, 'kind', type(value).__name__)} has no digest")
    return f"sha256:{sha.hexdigest()}"
