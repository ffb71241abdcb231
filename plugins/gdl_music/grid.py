"""Music as a grid: a row of codes for each voice, a code for each step of time, a sixteenth note as a rule.

A code of 0 is a rest, 1 goes on with the note before, and 2, 3, … begin a note, the lowest first. So a repeated note is
another thing than a held one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gdl_core.data.dataset import Dataset
from gdl_core.errors import DataError
from gdl_core.specs import Kind
from gdl_core.values import Notes, Tune
from gdl_music.midi_reading import sorted_notes

REST, HOLD, FIRST = 0, 1, 2
PITCHES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
"""Names of the pitch classes, from C on."""

VELOCITY = 80.0
"""Of the notes of a grid, which knows none."""

Codes = NDArray[np.int16]


@dataclass(frozen=True)
class Grid:
    """How rows of codes are read.

    Attributes:
        low: the pitch of the lowest note.
        high: the pitch of the highest.
        length: steps in a sample.
        voices: a name for each voice.
        programs: the instrument of each, numbered as in General MIDI from 0 on.
        steps: of a quarter note.
        tempo: quarter notes a minute.
        transpose: semitones up and down by which what is trained on is transposed besides.
    """

    low: int
    high: int
    length: int
    voices: tuple[str, ...] = ("melody",)
    programs: tuple[int, ...] = (0,)
    steps: int = 4
    tempo: float = 100.0
    transpose: int = 0
    kind: Kind = "notes"

    @property
    def size(self) -> int:
        """How many codes there are."""
        return FIRST + self.high - self.low + 1

    def told(self) -> dict[str, Any]:
        """Return what `read_grid` makes it of again: plain JSON."""
        return {
            "low": self.low, "high": self.high, "length": self.length, "voices": list(self.voices),
            "programs": list(self.programs), "steps": self.steps, "tempo": self.tempo,
            "transpose": self.transpose,
        }  # fmt: skip

    def of_length(self, length: int) -> Grid:
        """Return the same for samples of another length."""
        return replace(self, length=length)

    def show(self, samples: NDArray[np.float32]) -> Notes:
        """Return the tunes of codes (n, voices, length); a note is held as long as codes say, rests end it."""
        return Notes(tuple(self._tune(sample) for sample in samples.astype(np.int64)))

    def read(self, value: Any) -> NDArray[np.float32]:
        """Return the codes of tunes, float32 (n, voices, length); what is missing at their ends are rests.

        Raises:
            DataError: a tune has more voices, is longer, or has notes that are too low or too high.
        """
        rows = np.zeros((len(value.samples), len(self.voices), self.length), dtype=np.float32)
        for row, tune in zip(rows, value.samples, strict=True):
            steps = round(tune.beats * self.steps)
            if steps > self.length:
                fits = f"{self.length / self.steps:g}"
                raise DataError(f"a tune of {tune.beats:g} quarter notes was given, but no more than {fits} fit")
            voices = tune.notes[:, 4].max(initial=0) + 1
            if voices > len(self.voices):
                raise DataError(f"a tune of {voices:g} voices was given, but there are {len(self.voices)}")
            for voice in range(len(self.voices)):
                mine = tune.notes[tune.notes[:, 4] == voice, :3]
                row[voice] = self.codes(mine, self.length)
        return rows

    def codes(self, notes: NDArray[np.float64], length: int, start: float = 0.0) -> Codes:
        """Return the codes of one voice, int16 (length,), from `start` (in quarter notes) on.

        Notes are moved to the nearest step; one that begins while another sounds ends it.

        Args:
            notes: (n, 3), start and length in quarter notes, and pitch.
            length: steps.
            start: where it begins; a note that sounds there already begins there.

        Raises:
            DataError: a note is too low or too high.
        """
        result = np.zeros(length, dtype=np.int16)
        notes = notes[(notes[:, 0] + notes[:, 1] > start) & (notes[:, 0] < start + length / self.steps)]
        for begin, lasts, pitch in notes[np.argsort(notes[:, 0], kind="stable")].tolist():
            first, end = round((begin - start) * self.steps), round((begin + lasts - start) * self.steps)
            first, end = max(first, 0), min(max(end, first + 1), length)
            if first >= length:
                continue
            if not self.low <= pitch <= self.high:
                raise DataError(f"a note of pitch {pitch:g} is outside {self.low} to {self.high}")
            result[first] = FIRST + int(pitch) - self.low
            result[first + 1 : end] = HOLD
            after = result[end:]
            after[: np.argmax(after != HOLD) if (after != HOLD).any() else len(after)] = REST
        return result

    def beside(self, rows: Sequence[Any], names: Sequence[str]) -> Notes:
        """Return tunes one after another: the same sample of all rows in turn, called by the row's name."""
        samples = zip(*(row.samples for row in rows), strict=True)
        named = (zip(names, tunes, strict=True) for tunes in samples)
        return Notes(tuple(replace(tune, title=name) for pairs in named for name, tune in pairs))

    def _tune(self, codes: NDArray[np.int64]) -> Tune:
        notes = []
        for voice, row in enumerate(codes):
            begin = -1
            for step, code in enumerate([*row.tolist(), REST]):
                if begin >= 0 and code != HOLD:
                    pitch = self.low + int(row[begin]) - FIRST
                    notes.append((begin / self.steps, (step - begin) / self.steps, pitch, VELOCITY, voice))
                    begin = -1
                if code >= FIRST:
                    begin = step
        beats = codes.shape[1] / self.steps
        return Tune(sorted_notes(notes), beats, self.tempo, self.voices, self.programs)


def read_grid(told: Mapping[str, Any]) -> Grid:
    """Return what `told` of a grid was.

    Raises:
        DataError: it is none of that.
    """
    try:
        grid = Grid(
            int(told["low"]), int(told["high"]), int(told["length"]), tuple(map(str, told["voices"])),
            tuple(map(int, told["programs"])), int(told["steps"]), float(told["tempo"]),
            int(told.get("transpose", 0)),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise DataError("the settings do not say what the notes are; the model file is damaged") from error
    fits = (
        0 <= grid.low <= grid.high <= 127
        and 0 <= grid.transpose <= 11
        and grid.length > 0
        and grid.steps > 0
        and 1 <= grid.tempo <= 1000
    )
    if not fits or len(grid.programs) != len(grid.voices) or not all(0 <= number < 128 for number in grid.programs):
        raise DataError("the settings tell of notes that there cannot be; the model file is damaged")
    return grid


def grid_of(dataset: Dataset) -> Grid:
    """Return what the notes of a dataset are.

    Raises:
        DataError: it holds no music.
    """
    if not isinstance(dataset.form, Grid):
        raise DataError(f"{dataset.name} holds no music; learn from chorales, tunes or midi")
    return dataset.form


def need_voices(grid: Grid, voices: int) -> None:
    """Raise DataError if a model's samples have other voices than its notes."""
    if len(grid.voices) != voices:
        named = len(grid.voices)
        raise DataError(f"samples have {voices} voices, the settings name {named}; the model file is damaged")
