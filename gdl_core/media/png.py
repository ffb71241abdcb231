"""PNG: the record is an iTXt chunk named `gdl`. Pixels are read back equal."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

from PIL.PngImagePlugin import PngInfo

from gdl_core.media.atomic import write_bytes
from gdl_core.media.raster import opened, still, to_image
from gdl_core.media.record import Record, from_text, to_text, with_content
from gdl_core.values import Images


def write(value: Any, path: Path, record: Record | None) -> list[Path]:
    """Write one picture as it is, several as a contact sheet, a film as a strip, a figure as drawn."""
    pixels = still(value)
    info = PngInfo()
    record = with_content(record, Images(pixels[None]))
    if record is not None:
        info.add_itxt("gdl", to_text(record))
    buffer = BytesIO()
    to_image(pixels).save(buffer, "PNG", pnginfo=info, compress_level=6)
    write_bytes(path, buffer.getvalue())
    return [path]


def read_record(path: Path) -> dict[str, Any] | None:
    """Return the record of a PNG, None where it has none."""
    with opened(path) as image:
        return from_text(image.info.get("gdl"))
