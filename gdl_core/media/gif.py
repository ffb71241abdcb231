"""GIF: every program shows it, in 256 colours, with times in hundredths of a second. The record is the comment."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gdl_core.media.atomic import write_bytes
from gdl_core.media.film import Pixels, big_frames, durations
from gdl_core.media.raster import alike, opened, still, to_image, to_pixels
from gdl_core.media.record import Record, from_text, to_text, with_content
from gdl_core.media.sheet import flatten
from gdl_core.values import Frames, Images

_SAMPLE = 1 << 20


def write(value: Any, path: Path, record: Record | None) -> list[Path]:
    """Write a film as an animation (at most 50 frames a second, as browsers show it), else what PNG would show."""
    film = isinstance(value, Frames)
    frames = flatten(big_frames(value) if film else still(value)[None])
    first, *others = pictures = _with_palette(frames)
    options: dict[str, Any] = {"optimize": False, "disposal": 1}
    if film:
        times = [10 * hundredths for hundredths in durations(len(frames), value.fps, 100, least=2)]
        options |= {"save_all": True, "append_images": others, "duration": times}
        if value.loop:
            options["loop"] = 0
    if record is not None:
        shown = alike([to_pixels(picture if picture.mode == "L" else picture.convert("RGB")) for picture in pictures])
        seen = Frames(shown) if len(shown) > 1 else Images(shown)
        options["comment"] = to_text(with_content(record, seen) or {}).encode()
    buffer = BytesIO()
    first.save(buffer, "GIF", **options)
    write_bytes(path, buffer.getvalue())
    return [path]


def _with_palette(frames: Pixels) -> list[Image.Image]:
    """Give all frames one palette, so that nothing flickers: exact where 256 colours are enough, else by median cut."""
    if frames.shape[-1] == 1:
        return [to_image(frame) for frame in frames]
    used = np.zeros(1 << 24, dtype=bool)
    for frame in frames:
        used[_codes(frame)] = True
    table = colours = _unpack(np.flatnonzero(used))
    if len(colours) > 256:
        few = frames.reshape(-1, 3)[:: max(1, frames.size // (3 * _SAMPLE))]  # so that common colours count for more
        cut = Image.fromarray(few[None]).quantize(256, method=Image.Quantize.MEDIANCUT, kmeans=2)
        table = np.array(cut.getpalette(), dtype=np.uint8).reshape(-1, 3)
    places = np.zeros(1 << 24, dtype=np.uint8)
    places[used] = _nearest(colours, table)
    pictures = []
    for frame in frames:
        picture = Image.fromarray(places[_codes(frame)])
        picture.putpalette(table.tobytes())
        pictures.append(picture)
    return pictures


def _codes(frame: Pixels) -> NDArray[np.uint32]:
    """Return each colour as one number, (height, width)."""
    wide = frame.astype(np.uint32)
    codes: NDArray[np.uint32] = wide[..., 0] << np.uint32(16) | wide[..., 1] << np.uint32(8) | wide[..., 2]
    return codes


def _unpack(codes: NDArray[Any]) -> Pixels:
    return np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=-1).astype(np.uint8)


def _nearest(colours: Pixels, table: Pixels) -> NDArray[np.uint8]:
    """Return the index of the nearest colour of a table for each colour, (n,)."""
    # |c − t|² without |c|², which is the same for all t; whole numbers below 2²⁴, so exact in float32.
    wide = table.astype(np.float32)
    sizes = (wide**2).sum(axis=1)
    parts = np.array_split(colours, len(colours) // 4096 + 1)
    found = [(sizes - 2 * part.astype(np.float32) @ wide.T).argmin(axis=1) for part in parts]
    return np.concatenate(found).astype(np.uint8)


def read_record(path: Path) -> dict[str, Any] | None:
    """Return the record of a GIF, None where it has none."""
    with opened(path) as image:
        return from_text(image.info.get("comment"))
