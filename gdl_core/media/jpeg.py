"""JPEG: for showing pictures elsewhere; it loses a little. The record is the comment."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

from gdl_core.media.atomic import write_bytes
from gdl_core.media.raster import opened, read_raster, still, to_image
from gdl_core.media.record import Record, from_text, to_text, with_content, write_sidecar
from gdl_core.media.sheet import flatten

_LONGEST_COMMENT = 65_000


def write(value: Any, path: Path, record: Record | None) -> list[Path]:
    """Write what a PNG would show, at quality 95 with full colour resolution."""
    image = to_image(flatten(still(value)))
    plain = BytesIO()
    image.save(plain, "JPEG", quality=95, subsampling=0)
    if record is None:
        write_bytes(path, plain.getvalue())
        return [path]
    record = with_content(record, read_raster(plain.getvalue()))
    comment = to_text(record or {}).encode()
    if len(comment) > _LONGEST_COMMENT:
        write_bytes(path, plain.getvalue())
        return [path, write_sidecar(path, record or {})]
    told = BytesIO()
    image.save(told, "JPEG", quality=95, subsampling=0, comment=comment)
    write_bytes(path, told.getvalue())
    return [path]


def read_record(path: Path) -> dict[str, Any] | None:
    """Return the record of a JPEG, None where it has none."""
    with opened(path) as image:
        return from_text(image.info.get("comment"))
