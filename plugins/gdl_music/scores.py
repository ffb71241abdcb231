"""Scores of the corpus that comes with the library music21, as lists of notes; read once and kept in the cache."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from filelock import FileLock

from gdl_core.data.building import BuildContext
from gdl_core.errors import DataError, MissingExtraError
from gdl_core.files import cache_folder, cannot_write, write_atomically

FOLDER = "music"
_VERSION = 2
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


def chorales(context: BuildContext) -> list[Score]:
    """Return Bach's chorales in four voices.

    Raises:
        MissingExtraError: music21 is not installed. StorageError: the cache cannot be written.
    """
    return _cached("chorales", context, lambda: _parsed(_paths("bach"), context, 4))


def tunes(context: BuildContext) -> list[Score]:
    """Return the tunes of O'Neill, Ryan and Aird, one voice each.

    Raises:
        MissingExtraError: music21 is not installed. StorageError: the cache cannot be written.
    """
    return _cached("tunes", context, lambda: _parsed(_paths("oneills1850", "ryansMammoth", "airdsAirs"), context, 1))


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
            if _off(start) or _off(length):
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


def _off(time: float) -> bool:
    return abs(time / _GRID - round(time / _GRID)) > _CLOSE


def _paths(*folders: str) -> list[Path]:
    if find_spec("music21") is None:
        raise MissingExtraError("the scores of music21", "music")
    from music21 import corpus

    return sorted(path for path in corpus.getPaths() if Path(path).parent.name in folders)


def _parsed(paths: Iterable[Path], context: BuildContext, voices: int) -> list[Score]:
    from music21 import converter, stream

    found, paths = [], list(paths)
    for number, path in enumerate(paths):
        context.progress(number, len(paths))
        try:
            whole = converter.parse(path)
        except Exception as error:  # the library raises many kinds; one bad file is no reason to have none
            context.note(f"left out: {path.name} ({type(error).__name__})")
            continue
        pieces = list(whole.scores) if isinstance(whole, stream.Opus) else [whole]
        for place, piece in enumerate(pieces):
            name = path.stem if len(pieces) == 1 else f"{path.stem} {place + 1}"
            try:
                score = score_of(piece, name, voices)
            except Exception as error:  # likewise
                context.note(f"left out: {name} ({type(error).__name__})")
                continue
            if score is not None:
                found.append(score)
    context.progress(len(paths), len(paths))
    return found


def _cached(kind: str, context: BuildContext, make: Callable[[], list[Score]]) -> list[Score]:
    """Return scores from the cache; made and kept where they are not there yet."""
    if find_spec("music21") is None:
        raise MissingExtraError("the scores of music21", "music")
    path = cache_folder() / FOLDER / f"{kind}-{_VERSION}-music21-{version('music21')}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):
            found = _read(path)
            if found is None:
                found = make()
                if not found:
                    raise DataError(f"music21 has no {kind} that can be read here; the notes say of each why")
                text = json.dumps([asdict(score) for score in found])
                write_atomically(path, lambda stream: stream.write(text.encode()))
    except OSError as error:
        raise cannot_write(path, error) from error
    return found


def _read(path: Path) -> list[Score] | None:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return [
            Score(
                one["name"], tuple(tuple((n[0], n[1], n[2]) for n in voice) for voice in one["voices"]),
                tuple(one["bars"]), one["bar"], one["tonic"], one["mode"],
                tuple((span[0], span[1]) for span in one["between"]),
            )
            for one in told
        ]  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None
