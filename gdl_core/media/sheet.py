"""Contact sheets: pictures in a grid, enlarged by whole numbers, with names that are never cut.

Tiny pictures are enlarged pixel by pixel, so a sheet shows exactly what the model made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from gdl_core.media.lettering import Shade, line_height, text_width, wrap, write

WIDTH = 1180
"""A sheet is made as wide as whole-number enlargement allows up to this many pixels, names not counted."""

WIDE = 1640
HEIGHT = 1600
CELL = 260
"""A picture is not enlarged beyond this many pixels."""

_PAPER, _INK, _FAINT = 255, 34, 110
_MARGIN = 12
_SIZE = 17

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Grid:
    """One block of a sheet.

    Attributes:
        pixels: (n, height, width, channels), in reading order.
        columns: pictures to a row, 0 for a shape near a square.
        rows: a name for each row, drawn at its left.
        heads: a name for each column, drawn above the first row.
        captions: a line for each picture, drawn below it.
        title: a line above the block.
        gap: pixels between pictures, -1 for a gap that fits their size.
    """

    pixels: Pixels
    columns: int = 0
    rows: Sequence[str] = ()
    heads: Sequence[str] = ()
    captions: Sequence[str] = ()
    title: str = ""
    gap: int = -1

    @property
    def across(self) -> int:
        """Pictures to a row."""
        return self.columns or nice_columns(len(self.pixels))

    @property
    def down(self) -> int:
        """Rows."""
        return ceil(len(self.pixels) / self.across)


def nice_columns(n: int) -> int:
    """Return a number of columns near the square root of n that leaves the fewest holes."""
    least = max(1, ceil(sqrt(n)))
    return min(range(least, least + 3), key=lambda columns: (-n % columns, columns)) if n > 3 else max(1, n)


def enlargement(width: int, height: int, across: int, down: int) -> int:
    """Return the whole number by which pictures of a grid are enlarged."""
    room = min(WIDTH / (width * across), HEIGHT / (height * down), CELL / max(width, height))
    if room < 2 and max(width * across, height * down) <= WIDE / 2 and max(width, height) <= CELL / 4:
        return 2  # rather a wide sheet than one of stamps
    return max(1, int(room))


def enlarge(pixels: Pixels, factor: int) -> Pixels:
    """Repeat each pixel `factor` times along height and width, (…, height, width, channels)."""
    return pixels if factor == 1 else pixels.repeat(factor, axis=-3).repeat(factor, axis=-2)


def flatten(pixels: Pixels) -> Pixels:
    """Lay pictures with alpha on white paper; others are returned as they are."""
    if pixels.shape[-1] != 4:
        return pixels
    alpha = pixels[..., 3:].astype(np.uint16)
    mixed = pixels[..., :3].astype(np.uint16) * alpha + _PAPER * (255 - alpha)
    return ((mixed + 127) // 255).astype(np.uint8)


@dataclass(frozen=True)
class _Block:
    """A grid measured at its enlargement: sizes in pixels of the finished sheet."""

    grid: Grid
    factor: int
    gap: int
    cell: int
    picture: tuple[int, int]
    left: int
    head: int
    foot: int
    size: int
    captions: tuple[str, ...]

    @property
    def width(self) -> int:
        return self.left + self.grid.across * self.cell + (self.grid.across - 1) * self.gap

    @property
    def title_height(self) -> int:
        return line_height(_SIZE + 2) + 6 if self.grid.title else 0

    @property
    def height(self) -> int:
        rows = self.grid.down * (self.picture[1] + self.foot) + (self.grid.down - 1) * self.gap
        return self.title_height + self.head + rows


def _measure(grid: Grid, factor: int, left: int) -> _Block:
    high, wide = grid.pixels.shape[1] * factor, grid.pixels.shape[2] * factor
    gap = grid.gap if grid.gap >= 0 else max(1, min(8, wide // 24))
    size = _SIZE if wide >= 100 else _SIZE - 3
    captions = tuple(wrap(caption, wide, size) for caption in grid.captions)
    heads = tuple(wrap(head, wide, size) for head in grid.heads)
    widest = max((text_width(text, size) for text in (*captions, *heads)), default=0)
    head = max((text.count("\n") + 1 for text in heads), default=0) * line_height(size)
    foot = max((text.count("\n") + 1 for text in captions), default=0) * line_height(size)
    return _Block(
        grid, factor, gap, cell=max(wide, widest), picture=(wide, high), left=left,
        head=head + 4 if head else 0, foot=foot + 6 if foot else 0, size=size, captions=captions,
    )  # fmt: skip


def draw(grids: Sequence[Grid], title: str = "") -> Pixels:
    """Draw blocks under one another, all at one enlargement, as (height, width, 1 or 3)."""
    factor = min(enlargement(g.pixels.shape[2], g.pixels.shape[1], g.across, min(g.down, 12)) for g in grids)
    left = max((text_width(name, _SIZE) for grid in grids for name in grid.rows), default=-_MARGIN) + _MARGIN
    blocks = [_measure(grid, factor, left) for grid in grids]
    between = blocks[0].gap if not any(grid.title or grid.heads for grid in grids) else 18
    if any(grid.rows for grid in grids) and len(grids) > 1:
        between = max(between, 14)
    top = _MARGIN + (line_height(_SIZE + 5) + 8 if title else 0)
    titles = [text_width(title, _SIZE + 5), *(text_width(grid.title, _SIZE + 2) for grid in grids)]
    width = 2 * _MARGIN + max(*(block.width for block in blocks), *titles)
    height = top + sum(block.height for block in blocks) + between * (len(blocks) - 1) + _MARGIN
    colour = any(grid.pixels.shape[-1] > 1 for grid in grids)
    canvas = Image.new("RGB" if colour else "L", (width, height), (_PAPER,) * 3 if colour else _PAPER)
    pen = ImageDraw.Draw(canvas)
    ink: Shade = (_INK,) * 3 if colour else _INK
    faint: Shade = (_FAINT,) * 3 if colour else _FAINT
    if title:
        write(pen, (_MARGIN, _MARGIN), title, _SIZE + 5, ink, "la")
    for block in blocks:
        _draw_block(canvas, block, top, ink, faint)
        top += block.height + between
    array = np.asarray(canvas)
    return array if colour else array[..., None]


def _draw_block(canvas: Image.Image, block: _Block, top: int, ink: Shade, faint: Shade) -> None:
    pen = ImageDraw.Draw(canvas)
    grid = block.grid
    if grid.title:
        write(pen, (_MARGIN, top), grid.title, _SIZE + 2, ink, "la")
        top += block.title_height
    x0 = _MARGIN + block.left
    for column, head in enumerate(grid.heads):
        middle = x0 + column * (block.cell + block.gap) + block.cell / 2
        text = wrap(head, block.picture[0], block.size)
        write(pen, (middle, top + block.head - 4), text, block.size, faint, "md")
    top += block.head
    wide, high = block.picture
    pictures = enlarge(flatten(grid.pixels), block.factor)
    if canvas.mode == "RGB" and pictures.shape[-1] == 1:
        pictures = pictures.repeat(3, axis=-1)
    for index, picture in enumerate(pictures):
        row, column = divmod(index, grid.across)
        x = x0 + column * (block.cell + block.gap)
        y = top + row * (high + block.foot + block.gap)
        image = Image.fromarray(picture[..., 0] if canvas.mode == "L" else picture)
        canvas.paste(image, (x + (block.cell - wide) // 2, y))
        if index < len(block.captions):
            write(pen, (x + block.cell / 2, y + high + 3), block.captions[index], block.size, ink, "ma")
    for row, name in enumerate(grid.rows):
        middle = top + row * (high + block.foot + block.gap) + high / 2
        write(pen, (x0 - _MARGIN, middle), name, _SIZE, ink, "rm")
