"""Your own MIDI files as samples."""

from __future__ import annotations

from pathlib import Path

from gdl_core.data.below import files_below
from gdl_core.data.building import BuildContext
from gdl_core.data.dataset import Dataset
from gdl_core.errors import DataError, MediaError
from gdl_core.values import Tune
from gdl_music.config import MidiConfig
from gdl_music.midi_reading import BEATS, Heard, hear, sorted_notes
from gdl_music.pieces import samples
from gdl_music.scores import Score, off_grid

SUFFIXES = (".mid", ".midi")


def build(config: MidiConfig, context: BuildContext) -> Dataset:
    """Return bars of 4/4 of MIDI files, int16 (n, voices, steps); column `piece`.

    Where bars begin is what their time signatures say; files without one are counted from their beginning. Notes
    between sixteenths are moved to the nearest, since whoever plays is never on them.

    Raises:
        DataError: nothing can be read, or too little.
    """
    files = _files(config.path)
    scores, moved, notes = [], 0, 0
    for number, file in enumerate(files):
        context.progress(number, len(files))
        try:
            found = hear(file)
        except MediaError as error:
            context.note(f"left out: {error}")
            continue
        for tune, (begin, end, _) in zip(found.notes().samples, found.spans, strict=True):
            score = _score(file.stem, top(tune) if config.take == "top" else tune, found, begin, end)
            if len(score.voices) == config.voices:
                scores.append(score)
                notes += len(tune.notes)
                moved += sum(map(off_grid, tune.notes[:, 0].tolist()))
            else:
                context.note(f"left out: {file.name} has {len(score.voices)} voices, not {config.voices}")
    if not scores:
        raise DataError(f"none of the {len(files)} MIDI files in {config.path.name} can be used; the notes say why")
    if moved:
        context.note(f"midi: {moved:,} of {notes:,} notes in these files begin between sixteenths and were moved")
    voices = ["melody"] if config.voices == 1 else [f"voice {number + 1}" for number in range(config.voices)]
    return samples(
        "midi", scores, voices, [0] * config.voices, context, bars=config.bars, hop=config.hop,
        transpose=config.transpose, held_out=config.held_out, tempo=100.0,
    )  # fmt: skip


def top(tune: Tune) -> Tune:
    """Return a tune of one voice: the highest note of all that sound, till it ends or a higher one begins.

    Notes that begin within a sixteenth of each other begin together.
    """
    step = 1 / 4
    notes: list[list[float]] = []  # start, length, pitch, velocity, voice
    in_order = sorted(tune.notes.tolist(), key=lambda note: (round(note[0] / step), -note[2]))
    for start, length, pitch, velocity, _ in in_order:
        begin = round(start / step) * step
        if notes:
            last = notes[-1]
            sounds = begin < last[0] + last[1]
            if sounds and (last[2] >= pitch or begin == last[0]):
                continue
            last[1] = min(last[1], begin - last[0])
        notes.append([begin, max(round(length / step), 1) * step, pitch, velocity, 0.0])
    rows = sorted_notes(tuple(note) for note in notes)  # type: ignore[misc]  # five numbers each
    return Tune(rows, tune.beats, tune.tempo, ("melody",), (0,))


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    files = list(files_below(path, SUFFIXES))
    if not files:
        raise DataError(f"{path.name} holds no MIDI files; they are called {' or '.join(SUFFIXES)}")
    return files


def _score(name: str, tune: Tune, file: Heard, begin: float, end: float) -> Score:
    """Return a tune of a file as a score; its key is not known."""
    voices = []
    for voice in range(len(tune.voices)):
        mine = tune.notes[tune.notes[:, 4] == voice, :3]
        if len(mine):
            voices.append(tuple((start, length, int(pitch)) for start, length, pitch in mine.tolist()))
    rings = max((start + length for voice in voices for start, length, _ in voice), default=0.0)
    bars, bar = file.bars(begin, max(end, begin + rings, begin + BEATS))
    return Score(name, tuple(voices), bars, bar, "", "")
