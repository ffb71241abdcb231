"""GIF: every program shows it, in 256 colours, with times in hundredths of a second. The record is the comment."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gdl_core.media.atomic import write_bytes
from gdl_core.media.film import Pixels, big_frames, durations
from gdl_core.media.raster import opened, read_raster, still, to_image
from gdl_core.media.record import Record, from_text, to_text, with_content
from gdl_core.media.sheet import flatten
from gdl_core.values import Frames

_SAMPLE = 1 << 20


def write(value: Any, path: Path, record: Record | None) -> list[Path]:
    """Write a film as an animation (at most 50 frames a second, as browsers show it), else what PNG would show."""
    film = isinstance(value, Frames)
    frames = big_frames(value) if film else still(value)[None]
    first, *others = _with_palette(flatten(frames))
    options: dict[str, Any] = {"optimize": False, "disposal": 1}
    if film:
        times = [10 * hundredths for hundredths in durations(len(frames), value.fps, 100, least=2)]
        options |= {"save_all": True, "append_images": others, "duration": times}
        if value.loop:
            options["loop"] = 0
    data = _encode(first, options)
    if record is not None:
        record = with_content(record, read_raster(data))
        data = _encode(first, options | {"comment": to_text(record or {}).encode()})
    write_bytes(path, data)
    return [path]


def _with_palette(frames: Pixels) -> list[Image.Image]:
    """Give all frames one palette, so that nothing flickers: exact where 256 colours are enough, else by median cut."""
    if frames.shape[-1] == 1:
        return [to_image(frame) for frame in frames]
    colours = frames.reshape(-1, 3)
    codes = np.unique(colours.astype(np.uint32) @ np.array([65536, 256, 1], dtype=np.uint32))
    if len(codes) <= 256:
        exact = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=-1).astype(np.uint8)
        palette = Image.new("P", (1, 1))
        palette.putpalette(exact.tobytes())
    else:
        few = colours[:: max(1, len(colours) // _SAMPLE)]
        palette = Image.fromarray(few[None]).quantize(256, method=Image.Quantize.MEDIANCUT, kmeans=2)
    return [to_image(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]


def _encode(image: Image.Image, options: dict[str, Any]) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "GIF", **options)
    return buffer.getvalue()


def read_record(path: Path) -> dict[str, Any] | None:
    """Return the record of a GIF, None where it has none."""
    with opened(path) as image:
        return from_text(image.info.get("comment"))
