"""Tunes as piano rolls: time from left to right, pitch upwards, a colour for each voice."""

from __future__ import annotations

from math import ceil, floor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from gdl_core.errors import MediaError
from gdl_core.media import png
from gdl_core.media.lettering import line_height, text_width
from gdl_core.media.lettering import write as letter
from gdl_core.media.record import Record
from gdl_core.values import Images, Notes, Tune

COLOURS = ((204, 76, 60), (222, 158, 54), (72, 148, 96), (62, 98, 178), (140, 86, 168), (92, 92, 92))
"""Of the voices, over and over."""

MOST_PIXELS = 1 << 26

_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_BLACK = (1, 3, 6, 8, 10)  # keys of an octave
_PAPER, _SHADE, _LINE, _BAR, _INK = (255, 255, 255), (243, 243, 246), (226, 226, 230), (178, 178, 186), (34, 34, 34)
_ROW, _BEAT = 9, 44  # pixels of a semitone, and of a quarter note
_NARROW = 8000  # pixels that no roll is wider than, if its beats can be drawn narrower
_MARGIN, _GAP, _SIZE = 12, 20, 15
_LEAST = 12  # semitones that are shown


def write_png(value: Any, path: Path, record: Record | None) -> list[Path]:
    """Write tunes one below the other.

    Raises:
        MediaError: there are none, or they are too long to be drawn.
    """
    if not isinstance(value, Notes) or not value.samples:
        raise MediaError("there are no notes to draw")
    return png.write(Images(draw(value)[None]), path, record)


def draw(value: Notes) -> NDArray[np.uint8]:
    """Return tunes as a picture, uint8 (height, width, 3); all have the same scale, and names of voices stand below."""
    pitches = np.concatenate([tune.notes[:, 2] for tune in value.samples])
    low, high = (int(pitches.min()), int(pitches.max())) if len(pitches) else (60, 72)
    low, high = low - 1, max(high + 1, low - 1 + _LEAST)
    beats = max(tune.beats for tune in value.samples)
    beat = min(_BEAT, max(2, floor(_NARROW / max(beats, 1.0))))
    tall, wide = (high - low + 1) * _ROW, ceil(beats * beat) + 1
    left = _MARGIN + max(text_width(_name(pitch), _SIZE) for pitch in range(low, high + 1)) + 8
    below = line_height(_SIZE) + 6 if len(value.samples[0].voices) > 1 else 0
    above = line_height(_SIZE) if any(tune.title for tune in value.samples) else 0
    each = above + tall + _GAP
    legend = sum(38 + text_width(name, _SIZE) for name in value.samples[0].voices) if below else 0
    width, height = left + max(wide, legend) + _MARGIN, _MARGIN + len(value.samples) * each - _GAP + below + _MARGIN
    if width * height > MOST_PIXELS:
        told = f"{len(value.samples)} tunes of {beats:g} quarter notes"
        raise MediaError(f"{told} are too much for one picture; save them one by one, with {{i}} in the name")
    image = Image.new("RGB", (width, height), _PAPER)
    pen = ImageDraw.Draw(image)
    for number, tune in enumerate(value.samples):
        top = _MARGIN + number * each
        letter(pen, (left, top), tune.title, _SIZE, _INK, "la")
        _roll(pen, tune, left, top + above, low, high, beat)
    if below:
        across = left
        for voice, name in enumerate(value.samples[0].voices):
            pen.rectangle((across, height - _MARGIN - _SIZE, across + 12, height - _MARGIN - 3), fill=_colour(voice))
            letter(pen, (across + 18, height - _MARGIN - _SIZE // 2 - 1), name, _SIZE, _INK, "lm")
            across += 18 + text_width(name, _SIZE) + 20
    return np.asarray(image)


def _roll(pen: ImageDraw.ImageDraw, tune: Tune, left: int, top: int, low: int, high: int, beat: int) -> None:
    right, below = left + ceil(tune.beats * beat), top + (high - low + 1) * _ROW
    for pitch in range(low, high + 1):
        upper = top + (high - pitch) * _ROW
        if pitch % 12 in _BLACK:
            pen.rectangle((left, upper, right, upper + _ROW - 1), fill=_SHADE)
        if pitch % 12 == 0:
            pen.line((left, upper + _ROW - 1, right, upper + _ROW - 1), fill=_BAR)
            letter(pen, (left - 8, upper + _ROW // 2), _name(pitch), _SIZE, _INK, "rm")
    for number in range(floor(tune.beats) + 1):
        pen.line((left + number * beat, top, left + number * beat, below - 1), fill=_BAR if number % 4 == 0 else _LINE)
    pen.rectangle((left, top, right, below - 1), outline=_BAR)
    for start, length, pitch, _, voice in tune.notes.tolist():
        upper = top + (high - int(pitch)) * _ROW
        begin, end = left + round(start * beat), left + round((start + length) * beat)
        place = (begin + 1, upper + 1, max(end - 2, begin + 3), upper + _ROW - 2)
        pen.rounded_rectangle(place, 2, fill=_colour(int(voice)))


def _colour(voice: int) -> tuple[int, int, int]:
    return COLOURS[voice % len(COLOURS)]


def _name(pitch: int) -> str:
    return f"{_NAMES[pitch % 12]}{pitch // 12 - 1}"
