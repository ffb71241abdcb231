"""WebP, still and moving: without loss while the film is of tiny pictures. The record is XMP."""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from gdl_core.media.atomic import write_bytes
from gdl_core.media.film import big_frames, durations
from gdl_core.media.raster import alike, opened, read_raster, still, to_image, to_pixels
from gdl_core.media.record import Record, from_xmp, to_xmp, with_content
from gdl_core.media.sheet import flatten
from gdl_core.values import Frames, Images

LOSSLESS_UP_TO = 64_000_000
"""A film of more pixels than this (before enlargement) is written at quality 90, for its size."""


def write(value: Any, path: Path, record: Record | None) -> list[Path]:
    """Write a film as an animation, everything else as PNG would."""
    options: dict[str, Any] = {"lossless": True, "exact": True, "quality": 25, "method": 2}
    if isinstance(value, Frames):
        if value.pixels[..., 0].size > LOSSLESS_UP_TO:
            options = {"quality": 90, "method": 4}
        frames = flatten(big_frames(value))
        first, *others = [to_image(frame).convert("RGB") for frame in frames]
        times = durations(len(others) + 1, value.fps, 1000)
        options |= {"save_all": True, "append_images": others, "duration": times, "loop": 0 if value.loop else 1}
    else:
        first = to_image(still(value))
    if record is not None:
        # Only what is read back may be vouched for: of a film with losses, that is known once it has been written.
        if not isinstance(value, Frames):
            seen: Images | Frames = Images(alike([to_pixels(first)]))
        elif "lossless" in options:
            seen = Frames(alike(list(frames)))
        else:
            seen = read_raster(_encode(first, options), limit=sys.maxsize)  # our own
        options["xmp"] = to_xmp(with_content(record, seen) or {})
    write_bytes(path, _encode(first, options))
    return [path]


def _encode(image: Image.Image, options: dict[str, Any]) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "WEBP", **options)
    return buffer.getvalue()


def read_record(path: Path) -> dict[str, Any] | None:
    """Return the record of a WebP, None where it has none."""
    with opened(path) as image:
        return from_xmp(image.info.get("xmp"))
