"""Plain text in UTF-8. Several samples are set apart by a line that holds a form feed, the sign for a new page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gdl_core.errors import MediaError
from gdl_core.media.atomic import write_bytes
from gdl_core.media.record import Record, with_content, write_sidecar
from gdl_core.values import Text

_BETWEEN = "\n\f\n"


def write(value: Any, path: Path, record: Record | None) -> list[Path]:
    """Write texts; the record goes beside them.

    Raises:
        MediaError: there is none, or one holds a line with nothing but a form feed.
    """
    if not isinstance(value, Text) or not value.samples:
        raise MediaError("there is no text to write")
    if any(_BETWEEN in f"\n{sample}\n" for sample in value.samples):
        raise MediaError(f"{path.name}: a text holds a line with a form feed alone, which separates texts in a file")
    write_bytes(path, f"{_BETWEEN.join(value.samples)}\n".encode())
    told = with_content(record, value)
    return [path] if told is None else [path, write_sidecar(path, told)]


def read(path: Path) -> Text:
    """Read texts as `write` wrote them; a file of another program is one text.

    Raises:
        MediaError: it cannot be read or is not UTF-8.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise MediaError(f"{path.name} is not UTF-8 text (byte {error.start})") from error
    except OSError as error:
        raise MediaError(f"{path.name} cannot be read: {error.strerror or error}") from error
    return Text(tuple(text.removesuffix("\n").split(_BETWEEN)))
