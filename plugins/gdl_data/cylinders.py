"""Drawn cylinders, of which everything is known: two factors, height and width, make the whole picture."""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from gdl_core.data.building import BuildContext, finish
from gdl_core.data.dataset import Dataset
from gdl_core.values import Column
from gdl_data.config import CylindersConfig

HEIGHT = (0.15, 0.70)
WIDTH = (0.20, 0.80)
"""Ranges of the factors, as shares of the picture's side."""

_TILT = 0.32  # Short over long axis of the lid: how far we look down on it.
_LIGHT = (-0.55, sqrt(1.0 - 0.55**2))  # From the front left: across, towards us.
_AMBIENT, _LID = 0.22, 0.95
_FINER = 8  # Columns drawn for each column of pixels.
_CHUNK = 1024


def build(config: CylindersConfig, context: BuildContext) -> Dataset:
    """Return cylinders, uint8 (n, 1, size, size), light grey on black; columns `height` and `width`.

    Both are shares of the picture's side, uniform and independent. Cylinder i is the same for any n.
    """
    drawn = context.noise.stream("cylinders").uniform(config.n, (2,)).numpy()
    height = (HEIGHT[0] + (HEIGHT[1] - HEIGHT[0]) * drawn[:, 0]).astype(np.float32)
    width = (WIDTH[0] + (WIDTH[1] - WIDTH[0]) * drawn[:, 1]).astype(np.float32)
    data = np.empty((config.n, 1, config.size, config.size), dtype=np.uint8)
    for start in range(0, config.n, _CHUNK):
        rows = slice(start, start + _CHUNK)
        data[rows, 0] = draw(height[rows], width[rows], config.size)
        context.progress(min(start + _CHUNK, config.n), config.n)
    columns = {"height": Column(height), "width": Column(width)}
    return finish("cylinders", data, columns, context, held_out=config.held_out)


def draw(height: NDArray[np.floating], width: NDArray[np.floating], size: int) -> NDArray[np.uint8]:
    """Draw cylinders of these heights and widths (shares of the side), uint8 (n, size, size).

    Along each of several columns a pixel, lid and body are intervals, whose overlap with the pixels is exact.
    """
    tall = np.asarray(height, dtype=np.float32)[:, None] * size
    radius = np.asarray(width, dtype=np.float32)[:, None] * (size / 2)
    fine = size * _FINER
    across = ((np.arange(fine, dtype=np.float32) + 0.5) / _FINER - size / 2) / radius
    toward = np.sqrt(np.clip(1.0 - across**2, 0.0, None))
    bulge = toward * radius * _TILT
    middle = size / 2 - tall / 2
    hit = (np.abs(across) < 1.0).astype(np.float32)
    shade = hit * (_AMBIENT + (0.9 - _AMBIENT) * np.clip(across * _LIGHT[0] + toward * _LIGHT[1], 0.0, None))
    pixel = np.arange(size, dtype=np.float32)[:, None]
    lid = _overlap(pixel, middle - bulge, middle + bulge) * (hit * _LID)[:, None]
    body = _overlap(pixel, middle + bulge, middle + bulge + tall) * shade[:, None]
    light = (lid + body).reshape(len(tall), size, size, _FINER).mean(axis=-1)
    pixels: NDArray[np.uint8] = np.rint(light * 255.0).astype(np.uint8)
    return pixels


def _overlap(pixel: NDArray[np.float32], top: NDArray[np.float32], bottom: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how much of each pixel lies between top and bottom, (n, size, columns), in [0, 1]."""
    overlap: NDArray[np.float32] = np.clip(
        np.minimum(pixel + 1.0, bottom[:, None]) - np.maximum(pixel, top[:, None]), 0.0, None
    )
    return overlap
