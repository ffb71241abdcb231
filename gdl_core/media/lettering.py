"""Letters on pictures: Pillow's own font, and matplotlib's for what that lacks (é, ü, other scripts)."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from math import ceil
from pathlib import Path

from PIL import ImageDraw, ImageFont

from gdl_core.media.extras import has_extra

Shade = int | tuple[int, int, int]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@lru_cache(maxsize=32)
def _own(size: int) -> Font:
    return ImageFont.load_default(size)


@lru_cache(maxsize=1)
def _wide_file() -> Path | None:
    """Return the file of a font with more letters, None where there is none."""
    if not has_extra("plots"):
        return None
    from matplotlib import get_data_path

    file = Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return file if file.is_file() else None


@lru_cache(maxsize=32)
def _wide(size: int) -> Font:
    file = _wide_file()
    return _own(size) if file is None else ImageFont.truetype(file, round(size * 0.92))


@lru_cache(maxsize=4096)
def _has(letter: str) -> bool:
    return bytes(_own(16).getmask(letter)) != bytes(_own(16).getmask("\uffff"))


def set_text(text: str, size: int) -> tuple[str, Font]:
    """Return a text as it can be shown, and the font to show it in at a size in pixels.

    Where no font has a letter, it loses its accents, or else becomes a question mark.
    """
    if all(letter == "\n" or _has(letter) for letter in text):
        return text, _own(size)
    if _wide_file() is not None:
        return text, _wide(size)
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return "".join(letter if letter == "\n" or _has(letter) else "?" for letter in plain), _own(size)


def text_width(text: str, size: int) -> int:
    """Return the width of the widest line of a text, in pixels."""
    shown, font = set_text(text, size)
    return max(ceil(font.getlength(line)) for line in shown.split("\n"))


def line_height(size: int) -> int:
    """Return the distance of lines, in pixels."""
    return round(size * 1.3)


def wrap(text: str, width: int, size: int) -> str:
    """Break a text at its spaces so that lines fit a width where they can; words are never broken."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}".strip()
            if line and text_width(longer, size) > width:
                lines.append(line)
                line = word
            else:
                line = longer
        lines.append(line)
    return "\n".join(lines)


def write(pen: ImageDraw.ImageDraw, at: tuple[float, float], text: str, size: int, shade: Shade, anchor: str) -> None:
    """Write a text at a place; `anchor` says which of its own points lies there, as Pillow does ("la": top left).

    Lines are `line_height` apart, which Pillow leaves to the letters in them; several are centred about each other.
    """
    shown, font = set_text(text, size)
    lines = shown.split("\n")
    x, y = at
    step = line_height(size)
    if anchor[1] == "d":
        y -= step * (len(lines) - 1)
    for number, line in enumerate(lines):
        pen.text((x, y + number * step), line, fill=shade, font=font, anchor=anchor)
