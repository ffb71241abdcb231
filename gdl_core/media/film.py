"""What the writers of films share: enlargement, names beside the parts, and times that add up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gdl_core.errors import MediaError
from gdl_core.media.sheet import Grid, draw, enlarge
from gdl_core.values import Frames

SIDE = 512
"""Films of tiny pictures are enlarged by a whole number up to this many pixels."""

Pixels = NDArray[np.uint8]


def film_factor(film: Frames) -> int:
    """Return the whole number by which frames are enlarged."""
    longest: int = max(film.pixels.shape[1], film.pixels.shape[2])
    return max(1, SIDE // longest)


def big_frames(film: Frames) -> Pixels:
    """Return the frames as a film shows them, uint8 (time, height, width, channels), enlarged and with their names.

    Raises:
        MediaError: there are no frames, or their speed is no positive number.
    """
    if not len(film.pixels):
        raise MediaError("the film has no frames")
    if not 0 < film.fps <= 1000:
        raise MediaError(f"a film cannot run at {film.fps} frames a second; use a number up to 1000")
    if not film.rows:
        return enlarge(film.pixels, film_factor(film))
    parts = len(film.rows)
    if film.pixels.shape[1] % parts:
        raise MediaError(f"the film has {parts} rows, which are no equal parts of its {film.pixels.shape[1]} lines")
    time, height, width, channels = film.pixels.shape
    cells = film.pixels.reshape(time, parts, height // parts, width, channels)
    cells = enlarge(cells, film_factor(film))
    return np.stack([draw([Grid(frame, columns=1, rows=film.rows)]) for frame in cells])


def durations(count: int, fps: float, unit: int, least: int = 1) -> list[int]:
    """Return how long each frame is shown, in whole `unit`ths of a second, so that the film's length is exact.

    >>> durations(4, 24, 1000)
    [42, 41, 42, 42]
    """
    ends = [round(unit * (index + 1) / fps) for index in range(count)]
    return [max(least, end - start) for start, end in zip([0, *ends[:-1]], ends, strict=True)]
