"""Scores of the library music21, as lists of notes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

_GRID = 1 / 4  # of a quarter note
_CLOSE = 1e-3

Note = tuple[float, float, int]
"""Start and length in quarter notes, and pitch."""


@dataclass(frozen=True)
class Score:
    """A piece with what is known of it.

    Attributes:
        name: of the piece.
        voices: notes of each, the highest voice first.
        bars: where bars begin that are whole.
        bar: length of a bar in quarter notes.
        tonic: of the key, like "F#"; empty where it is not known.
        mode: "major" or "minor", or empty.
        between: when notes sound that begin or end between sixteenths, each with its end.
    """

    name: str
    voices: tuple[tuple[Note, ...], ...]
    bars: tuple[float, ...]
    bar: float
    tonic: str
    mode: str
    between: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class FileRead:
    """What a file holds: its scores, and a sentence for each that is left out."""

    scores: tuple[Score, ...]
    notes: tuple[str, ...]


def read_file(path: Path, voices: int) -> FileRead:
    """Return the scores of a file of notes that have so many parts; what cannot be read is told of and left out.

    Raises:
        OSError, MemoryError, ImportError: it is no fault of the file.
    """
    from music21 import converter, stream

    try:
        whole = converter.parse(path, forceSource=True)
    except (OSError, MemoryError, ImportError):
        raise
    except Exception as error:  # the library raises many kinds; one bad file is no reason to have none
        return FileRead((), (f"left out: {path.name} ({type(error).__name__})",))
    pieces = list(whole.scores) if isinstance(whole, stream.Opus) else [whole]
    found, notes = [], []
    for place, piece in enumerate(pieces):
        name = path.stem if len(pieces) == 1 else f"{path.stem} {place + 1}"
        try:
            score = score_of(piece, name, voices)
        except (OSError, MemoryError, ImportError):
            raise
        except Exception as error:  # likewise
            notes.append(f"left out: {name} ({type(error).__name__})")
            continue
        if score is not None:
            found.append(score)
    return FileRead(tuple(found), tuple(notes))


def score_of(stream: Any, name: str, voices: int) -> Score | None:
    """Return a score of music21 as notes; None where it has another number of parts, or no notes."""
    from music21 import stream as streams

    parts = list(stream.parts) or [stream]
    if len(parts) != voices:
        return None
    found: list[tuple[Note, ...]] = []
    between: set[tuple[float, float]] = set()
    for part in parts:
        notes: list[Note] = []
        for element in part.stripTies().flatten().notes:
            start, length = float(element.offset), float(element.quarterLength)
            if length <= 0 or not element.pitches:  # a grace note, or a chord symbol
                continue
            if off_grid(start) or off_grid(length):
                between.add((start, start + length))
            notes.append((start, length, int(max(pitch.midi for pitch in element.pitches))))
        found.append(tuple(notes))
    if not any(found):
        return None
    measures = [m for m in parts[0].recurse().getElementsByClass(streams.Measure) if not m.paddingLeft]
    signature = stream.recurse().getElementsByClass("TimeSignature").first()
    bar = float(signature.barDuration.quarterLength) if signature is not None else 4.0
    key = stream.analyze("key")
    bars = tuple(float(m.offset) for m in measures if abs(float(m.duration.quarterLength) - bar) < _CLOSE)
    tonic = str(key.tonic.name).replace("-", "b")
    return Score(name, tuple(found), bars, bar, tonic, str(key.mode), tuple(sorted(between)))


def off_grid(time: float) -> bool:
    """Return whether a time, in quarter notes, lies between sixteenths."""
    return abs(time / _GRID - round(time / _GRID)) > _CLOSE
