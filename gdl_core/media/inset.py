"""The plane beside a walk: where the dot is now, the path it takes, and where the data lie."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from gdl_core.media.lettering import write
from gdl_core.media.sheet import enlarge, flatten

SIDE = 448
_GAP = 12
_SMOOTH = 3  # lines are drawn this much larger and made smaller again, because Pillow does not smooth them

Pixels = NDArray[np.uint8]
Places = NDArray[np.floating[Any]]


def beside(
    pixels: Pixels, places: Places, names: tuple[str, str], known: Places | None = None, loop: bool = True
) -> Pixels:
    """Put the plane at the right of each picture.

    Args:
        pixels: (time, height, width, channels).
        places: (time, 2), the place of each picture in the plane; x to the right, y upwards.
        names: of the two axes.
        known: (n, 2), places of data, drawn faintly.
        loop: the path closes.

    Returns:
        (time, height, width, 3), pictures enlarged to about 448 pixels.
    """
    factor = max(1, SIDE // max(pixels.shape[1:3]))
    pictures = enlarge(flatten(pixels), factor)
    if pictures.shape[-1] == 1:
        pictures = pictures.repeat(3, axis=-1)
    time, height, width, _ = pictures.shape
    side = max(240, height)
    plane, where = _plane(np.asarray(places, np.float64), names, known, loop, side)
    tall = max(height, side)
    film = np.full((time, tall, width + _GAP + side, 3), 255, dtype=np.uint8)
    top = (tall - height) // 2
    film[:, top : top + height, :width] = pictures
    film[:, (tall - side) // 2 : (tall - side) // 2 + side, width + _GAP :] = plane
    dot, reach = _dot(max(5, side // 50))
    for frame, (x, y) in zip(film, where, strict=True):
        left, up = round(x) + width + _GAP - reach, round(y) + (tall - side) // 2 - reach
        patch = frame[up : up + 2 * reach + 1, left : left + 2 * reach + 1]
        alpha = dot[..., 3:].astype(np.uint16)
        patch[:] = (dot[..., :3] * alpha + patch * (255 - alpha) + 127) // 255
    return film


def _plane(
    places: NDArray[np.float64], names: tuple[str, str], known: Places | None, loop: bool, side: int
) -> tuple[Pixels, NDArray[np.float64]]:
    """Draw everything that does not move; return it with the place of the dot in each frame, in pixels."""
    reach = max(3.0, 1.15 * float(np.abs(places).max(initial=0.0)))
    edge = side * 0.06
    scale = (side - 2 * edge) / (2 * reach)

    def at(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack([side / 2 + points[:, 0] * scale, side / 2 - points[:, 1] * scale], axis=1)

    big = _SMOOTH * side
    canvas = Image.new("RGB", (big, big), (250, 250, 250))
    pen = ImageDraw.Draw(canvas)
    pen.rectangle((0, 0, big - 1, big - 1), outline=(214, 214, 214), width=_SMOOTH)
    for axis in ((0, big / 2, big, big / 2), (big / 2, 0, big / 2, big)):
        pen.line(axis, fill=(214, 214, 214), width=_SMOOTH)
    for radius in range(1, int(reach) + 1 if reach <= 12 else 1):
        circle = [_SMOOTH * (side / 2 + sign * radius * scale) for sign in (-1, -1, 1, 1)]
        pen.ellipse(circle, outline=(228, 228, 228), width=_SMOOTH)
    if known is not None:
        size = _SMOOTH * 1.3
        for x, y in at(np.asarray(known, np.float64)[:4000]) * _SMOOTH:
            pen.ellipse((x - size, y - size, x + size, y + size), fill=(168, 190, 214))
    where = at(places)
    track = [tuple(point) for point in where * _SMOOTH]
    pen.line(track + track[:1] * loop, fill=(120, 120, 120), width=_SMOOTH * 2, joint="curve")
    plane = canvas.resize((side, side), Image.Resampling.BOX)
    pen, size = ImageDraw.Draw(plane), max(12, side // 30)
    write(pen, (side - 6, side / 2 - 3), names[0], size, (110, 110, 110), "rd")
    write(pen, (side / 2 + 6, 5), names[1], size, (110, 110, 110), "la")
    return np.asarray(plane), where


def _dot(radius: int) -> tuple[NDArray[np.uint16], int]:
    """Return a smooth red dot with a white rim as RGBA, (2 · reach + 1)² pixels, and its reach."""
    reach = radius + 2
    size = (2 * reach + 1) * 4
    image = Image.new("RGBA", (size, size), (255, 255, 255, 0))
    pen = ImageDraw.Draw(image)
    for extent, fill in ((radius + 1.5, (255, 255, 255, 255)), (radius, (214, 39, 40, 255))):
        low, high = size / 2 - 4 * extent, size / 2 + 4 * extent
        pen.ellipse((low, low, high, high), fill=fill)
    return np.asarray(image.resize((2 * reach + 1,) * 2, Image.Resampling.BOX)).astype(np.uint16), reach
