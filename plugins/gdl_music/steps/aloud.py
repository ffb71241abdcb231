"""A tune told aloud while it is written: a line for each bar, with the notes that begin."""

from __future__ import annotations

from collections.abc import Callable

from gdl_music.grid import FIRST, PITCHES, Grid
from gdl_music.midi_reading import BEATS


class Aloud:
    """Says codes as names of notes; those that begin together, the highest voice first, are one word.

    Args:
        grid: what the codes stand for.
        say: told what there is to say.
        missing: steps at the beginning of which nothing is said.
    """

    def __init__(self, grid: Grid, say: Callable[[str], None], missing: int = 0) -> None:
        self.grid, self._say, self.missing = grid, say, missing
        self._begun: list[str] = []
        self._codes = 0

    def __call__(self, code: int) -> None:
        """Take the next code: of the first step each voice's, then of the second, and so on."""
        voices, bar = len(self.grid.voices), round(BEATS * self.grid.steps)
        if code >= FIRST:
            self._begun.append(name_of(self.grid.low + code - FIRST))
        self._codes += 1
        if self._codes % voices:
            return
        step = self._codes // voices
        words = "+".join(self._begun) if step > self.missing else ""
        self._begun.clear()
        if words:
            self._say(f"{words} ")
        if step % bar == 0 and step > self.missing:
            self._say("\n")


def name_of(pitch: int) -> str:
    """Return the name of a note by its MIDI number, 0 to 127; middle C, 60, is C4.

    >>> [name_of(pitch) for pitch in (60, 70, 21)]
    ['C4', 'Bb4', 'A0']
    """
    return f"{PITCHES[pitch % 12]}{pitch // 12 - 1}"
