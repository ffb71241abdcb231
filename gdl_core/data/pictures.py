"""Decode one picture file of any kind into a square uint8 array, small in memory and safe against hostile files."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, UnidentifiedImageError

from gdl_core.errors import DataError

PIXEL_CAP = 40_000_000
"""Pictures with more pixels are refused before decoding: a small file may claim any size."""

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "TGA", "AVIF")
"""What is decoded. Pillow knows more, but some of it runs other programs (EPS) or nests files within files (ICO)."""

SUFFIXES = (
    *(".avif", ".bmp", ".dib", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm"),
    *(".tga", ".tif", ".tiff", ".webp"),
)
"""File names that are tried; others are passed over."""

# Pictures above this are decoded one at a time, so that several at once do not fill the memory.
_LARGE = 8_000_000
_one_large = threading.Lock()

_GREY_MODES = frozenset({"1", "L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"})
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION = 0x0112


@dataclass(frozen=True)
class Framing:
    """How a picture becomes a square.

    Attributes:
        size: height and width of the result in pixels.
        channels: 1 (grey) or 3 (RGB).
        fit: "crop" cuts the middle square out, "pad" adds borders.
        background: colour behind transparent pixels and of borders, as Pillow reads it.
        min_size: pictures with a shorter side than this are refused.
        window: side of a middle square, in pixels of the file, that is cut out before anything else; 0 for none.
    """

    size: int
    channels: int = 3
    fit: Literal["crop", "pad"] = "crop"
    background: str = "white"
    min_size: int = 1
    window: int = 0

    def facts(self) -> dict[str, Any]:
        """Return the settings as plain values, for keys of caches."""
        return asdict(self)


@contextmanager
def quiet() -> Iterator[None]:
    """Silence Pillow's warnings about files; what matters in them becomes an error here. Not for use in threads."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def read_picture(source: Path | bytes, framing: Framing) -> NDArray[np.uint8]:
    """Return the first frame of a picture, upright and framed: uint8 (channels, size, size).

    Raises:
        DataError: it cannot be read, is larger than 40 megapixels or smaller than `framing.min_size`; the message is
            the reason alone, without the file's name.
    """
    with _guarded(source) as image:
        _check_size(image, framing.min_size)
        with _one_large if image.width * image.height > _LARGE else nullcontext():
            return _decode(image, framing)


def is_grey(source: Path | bytes) -> bool:
    """Return whether a picture is stored without colour, from its header alone; raises DataError as `read_picture`."""
    with _guarded(source) as image:
        return image.mode in _GREY_MODES


@contextmanager
def _guarded(source: Path | bytes) -> Iterator[Image.Image]:
    try:
        with Image.open(BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS) as image:
            yield image
    except DataError:
        raise
    except UnidentifiedImageError as error:
        size = len(source) if isinstance(source, bytes) else source.stat().st_size
        raise DataError("not a picture" if size else "the file is empty") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(f"more than {PIXEL_CAP // 1_000_000} megapixels") from error
    except OSError as error:
        raise DataError(error.strerror or str(error)) from error
    except Exception as error:  # Decoders meet damaged files with nearly every kind of exception.
        raise DataError(f"damaged ({type(error).__name__}: {error})") from error


def _check_size(image: Image.Image, least: int) -> None:
    pixels = image.width * image.height
    if pixels > PIXEL_CAP:
        raise DataError(
            f"{image.width} x {image.height} pixels are more than {PIXEL_CAP // 1_000_000} megapixels; make it smaller"
        )
    if min(image.size) < least:
        raise DataError(f"{image.width} x {image.height} pixels are smaller than min_size {least}")


def _decode(image: Image.Image, framing: Framing) -> NDArray[np.uint8]:
    size = framing.size
    box, target = _boxes(image.size, framing)
    if image.format in ("JPEG", "MPO"):
        # JPEG can decode at 1/2, 1/4 or 1/8; twice the wanted size leaves the resampling something to average.
        shrink = min((box[2] - box[0]) / target[0], (box[3] - box[1]) / target[1])
        wanted = (int(2 * image.width / shrink), int(2 * image.height / shrink))
        full = image.size
        drafted = image.draft("L" if framing.channels == 1 else image.mode, wanted)
        if drafted is not None:
            across, down = drafted[1][2] / full[0], drafted[1][3] / full[1]
            box = (box[0] * across, box[1] * down, box[2] * across, box[3] * down)
    # Before anything else that decodes: asking for the orientation may, and would hide that the content is damaged.
    image.load()
    orientation = _orientation(image)
    small = _plain(image).resize(target, Image.Resampling.BICUBIC, box=box, reducing_gap=2.0)
    if small.mode in ("I", "F"):
        small = Image.fromarray(_eight_bits(np.asarray(small), whole=small.mode == "I"))
    if orientation in _TRANSPOSE:
        small = small.transpose(_TRANSPOSE[orientation])
    mode = "L" if framing.channels == 1 else "RGB"
    if small.mode == "RGBA" or small.size != (size, size):
        canvas = Image.new("RGB", (size, size), ImageColor.getrgb(framing.background)[:3])
        corner = ((size - small.width) // 2, (size - small.height) // 2)
        canvas.paste(small, corner, small if small.mode == "RGBA" else None)
        small = canvas
    array = np.asarray(small.convert(mode), dtype=np.uint8)
    return np.ascontiguousarray(array[None] if array.ndim == 2 else array.transpose(2, 0, 1))


def _boxes(size: tuple[int, int], framing: Framing) -> tuple[tuple[float, float, float, float], tuple[int, int]]:
    """Return the part of the picture to use, and the (width, height) to resample it to."""
    width, height = size
    across, down = (min(framing.window, width), min(framing.window, height)) if framing.window else (width, height)
    if framing.fit == "crop":
        across = down = min(across, down)
        target = (framing.size, framing.size)
    else:
        scale = framing.size / max(across, down)
        target = (max(1, round(across * scale)), max(1, round(down * scale)))
    left, top = (width - across) / 2, (height - down) / 2
    return (left, top, left + across, top + down), target


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # A damaged note about the camera does not make the picture unreadable.
        return 1


def _plain(image: Image.Image) -> Image.Image:
    """Return the picture as L, RGB or RGBA with 8 bits a channel; I and F stay, as resampling can do them."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        return image
    if image.mode in ("RGBA", "LA", "La", "RGBa", "PA") or "transparency" in image.info:
        return image.convert("RGBA")
    if image.mode in ("L", "RGB"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _eight_bits(levels: NDArray[Any], whole: bool) -> NDArray[np.uint8]:
    """Scale deep grey levels to 0 … 255: whole ones by 65535, floats in [0, 1] by 1, larger ones by their maximum."""
    finite = np.nan_to_num(levels.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    top = float(finite.max(initial=0.0))
    # Resampling overshoots a little.
    ceiling = next((limit for limit in ((65535.0,) if whole else (1.0, 255.0, 65535.0)) if top <= 1.02 * limit), top)
    scaled: NDArray[np.uint8] = np.clip(finite * (255.0 / ceiling), 0.0, 255.0).astype(np.uint8)
    return scaled
