"""Between Pillow's pictures and our arrays."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

from gdl_core.errors import GdlError, MediaError, printable
from gdl_core.media.sheet import Grid, draw
from gdl_core.values import Figure, Frames, Images

MAX_PIXELS = 1 << 26
"""A picture of more pixels than this is refused: reading it would fill the memory of a small machine."""

MAX_FILM = 1 << 28
"""A film of more pixels than this, all frames together, is refused: some bytes of a GIF can ask for any number."""

_FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "AVIF")
"""What is read, whatever a file is called. Pillow knows more, but some of it runs other programs (EPS)."""

Pixels = NDArray[np.uint8]


def to_image(pixels: Pixels) -> Image.Image:
    """Turn (height, width, 1, 3 or 4 channels) into a Pillow picture of mode L, RGB or RGBA."""
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else np.ascontiguousarray(pixels))


def to_pixels(image: Image.Image) -> Pixels:
    """Turn a Pillow picture of any mode into uint8 (height, width, 1, 3 or 4 channels); of 16 bits the high 8 stay."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        values = np.asarray(image).astype(np.float64)
        top = 65535.0 if values.size and values.max() > 255 else 255.0
        grey: Pixels = np.round(np.clip(values / top, 0, 1) * 255).astype(np.uint8)
        return grey[..., None]
    see_through = "A" in image.mode or "a" in image.mode or "transparency" in image.info
    if see_through:
        mode = "RGBA"
    elif image.mode in ("1", "L"):
        mode = "L"
    else:
        mode = "RGB"
    array: Pixels = np.array(image.convert(mode), dtype=np.uint8)
    return array[..., None] if mode == "L" else array


def still(value: Any) -> Pixels:
    """Return what a still file shows of a value: one picture as it is, several as a sheet, a film as a strip."""
    if isinstance(value, Figure):
        return value.pixels
    if isinstance(value, Frames):
        return strip(value)
    if not isinstance(value, Images) or not len(value.pixels):
        raise MediaError("there is no picture to write")
    if len(value.pixels) == 1 and not (value.captions or value.rows):
        single: Pixels = value.pixels[0]
        return single
    return draw([Grid(value.pixels, columns=value.columns, captions=value.captions, rows=value.rows)])


def strip(film: Frames, across: int = 16) -> Pixels:
    """Lay out every frame of a film, `across` to a line, in reading order; wide frames are made smaller."""
    pixels = film.pixels
    if pixels.shape[2] > 160:
        size = (160, max(1, round(pixels.shape[1] * 160 / pixels.shape[2])))
        small = [to_pixels(to_image(frame).resize(size, Image.Resampling.BOX)) for frame in pixels]
        pixels = np.stack(small)
    parts = max(1, len(film.rows))
    n, height = len(pixels), pixels.shape[1] // parts
    if not height:
        raise MediaError(f"the film has {parts} rows and only {pixels.shape[1]} lines")
    columns = min(n, across)
    grids = []
    for start in range(0, n, columns):
        line = pixels[start : start + columns]
        cells = [line[:, part * height : (part + 1) * height] for part in range(parts)]
        blank = np.full((columns - len(line), *cells[0].shape[1:]), 255, dtype=np.uint8)
        cells = [np.concatenate([cell, blank]) for cell in cells]
        grids.append(Grid(np.concatenate(cells), columns=columns, rows=film.rows))
    return draw(grids)


@contextmanager
def opened(source: Path | bytes) -> Iterator[Image.Image]:
    """Open a picture file safely.

    Raises:
        MediaError: it is no picture, is damaged, or is too large to be taken in.
    """
    name = source.name if isinstance(source, Path) else "picture"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of sizes that we refuse ourselves below
            file = BytesIO(source) if isinstance(source, bytes) else source
            with Image.open(file, formats=_FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise MediaError(f"{name} is too large ({image.width} × {image.height}); make it smaller first")
                yield image
    except GdlError:
        raise
    except FileNotFoundError as error:
        raise MediaError(f"no such file: {source!s}") from error
    except UnidentifiedImageError as error:
        raise MediaError(f"{name} is not a picture that can be read") from error
    except Image.DecompressionBombError as error:
        raise MediaError(f"{name} is too large; make it smaller first") from error
    except Exception as error:  # decoders meet damaged files with nearly every kind of exception
        told = printable((str(error).splitlines() or [type(error).__name__])[0][:200])
        raise MediaError(f"{name} is damaged or cannot be read ({told})") from error


def read_raster(source: Path | bytes, limit: int = 0) -> Images | Frames:
    """Read a picture, turned upright, or a film from an animated GIF or WebP of at most `limit` pixels in all.

    Raises:
        MediaError: see `opened`; or the film is too large. `limit` 0 is MAX_FILM.
    """
    limit = limit or MAX_FILM
    with opened(source) as image:
        count = getattr(image, "n_frames", 1)
        _check_film(source, count, image.size, limit)
        if count == 1:
            pixels = to_pixels(ImageOps.exif_transpose(image))
            return Images(alike([pixels]) if image.format == "WEBP" else pixels[None])  # WebP knows no grey
        frames: list[Pixels] = []
        lengths: list[int] = []
        for index, frame in enumerate(ImageSequence.Iterator(image)):
            _check_film(source, index + 1, frame.size, limit)  # a frame may be larger than the first one
            frames.append(to_pixels(frame.convert("RGBA") if frame.mode in ("P", "PA") else frame))
            lengths.append(int(frame.info.get("duration", 100)) or 100)
        loop = "loop" in image.info and image.info["loop"] == 0
    # Encoders merge equal neighbours into one longer frame; the shortest frame is the beat.
    repeats = [max(1, round(length / min(lengths))) for length in lengths]
    _check_film(source, sum(repeats), frames[0].shape[:2], limit)
    pixels = np.repeat(alike(frames), repeats, axis=0)
    return Frames(pixels, fps=len(pixels) * 1000 / sum(lengths), loop=loop)


def _check_film(source: Path | bytes, frames: int, size: tuple[int, ...], limit: int) -> None:
    if frames * size[0] * size[1] > max(limit, MAX_PIXELS if frames == 1 else 0):
        name = source.name if isinstance(source, Path) else "film"
        raise MediaError(f"{name} is too large ({frames:,} × {size[0]} × {size[1]}); make it shorter or smaller first")


def alike(frames: list[Pixels]) -> Pixels:
    """Stack frames, dropping what none of them uses: an alpha that is always opaque, colour that is always grey."""
    channels = max(frame.shape[-1] for frame in frames)
    if channels > 1:
        frames = [np.repeat(frame, 3, axis=-1) if frame.shape[-1] == 1 else frame for frame in frames]
        if channels == 4:
            opaque = [np.full((*frame.shape[:2], 1), 255, dtype=np.uint8) for frame in frames]
            frames = [
                frame if frame.shape[-1] == 4 else np.concatenate([frame, alpha], axis=-1)
                for frame, alpha in zip(frames, opaque, strict=True)
            ]
    stacked = np.stack(frames)
    if stacked.shape[-1] == 4 and all((frame[..., 3] == 255).all() for frame in stacked):
        stacked = stacked[..., :3]
    if stacked.shape[-1] == 3 and all((frame[..., :1] == frame).all() for frame in stacked):
        stacked = stacked[..., :1]
    return np.ascontiguousarray(stacked)
