"""Tunes as scores: MusicXML, by the library music21, for programs that set notes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from gdl_core.errors import MediaError
from gdl_core.media.atomic import write_bytes
from gdl_core.media.record import Record, write_sidecar
from gdl_core.values import Notes

_MADE = re.compile(rb"\s*<identification>.*?</identification>", re.DOTALL)  # by what, and when: bytes would differ
_PARTS = ("clef", "instrument", "meter", "note", "stream")  # of the library
_IDS = re.compile(rb'(id|part)="P?([0-9a-f]{16,}|I[0-9a-f]{8,})"')


def write(value: Any, path: Path, record: Record | None) -> list[Path]:
    """Write tunes as one score, one after another, each in bars of 4/4; the record lies beside it.

    Raises:
        MediaError: there are none, or some that cannot be set.
    """
    if not isinstance(value, Notes) or not value.samples:
        raise MediaError("there are no notes to set")
    write_bytes(path, to_bytes(value))
    return [path] if record is None else [path, write_sidecar(path, dict(record))]


def to_bytes(value: Notes) -> bytes:
    """Return tunes as MusicXML.

    Raises:
        MediaError: there are lengths of notes that no sign stands for.
    """
    import music21
    from music21.musicxml.m21ToXml import GeneralObjectExporter
    from music21.musicxml.xmlObjects import MusicXMLExportException

    library: Any = music21
    clef, instrument, meter, note, stream = (getattr(library, name) for name in _PARTS)

    score, first = stream.Score(), value.samples[0]
    score.metadata = library.metadata.Metadata()
    score.metadata.title = " "
    for voice, name in enumerate(first.voices):
        part = stream.Part(id=f"part {voice + 1}")
        part.partName = name or f"voice {voice + 1}"
        sound = instrument.instrumentFromMidiProgram(first.programs[voice])
        sound.partName = part.partName
        part.insert(0, sound)
        part.insert(0, meter.TimeSignature("4/4"))
        part.insert(0, library.tempo.MetronomeMark(number=first.tempo))
        begin, mean = 0.0, _mean_pitch(value, voice)
        part.insert(0, clef.BassClef() if mean < 57 else clef.TrebleClef())
        for tune in value.samples:
            for start, length, pitch, _, of in tune.notes.tolist():
                if int(of) == voice:
                    part.insert(begin + start, note.Note(int(pitch), quarterLength=length))
            begin += -(-tune.beats // 4) * 4
        if not part.notes:
            part.insert(0, note.Rest(quarterLength=begin or 4.0))
        score.insert(0, part)
    try:
        made = GeneralObjectExporter(score).parse()
    except MusicXMLExportException as error:
        told = (str(error).splitlines() or [type(error).__name__])[0]
        raise MediaError(f"these notes cannot be set: {told}; save them as .mid") from error
    return _named(_MADE.sub(b"", made))


def _mean_pitch(value: Notes, voice: int) -> float:
    pitches = [pitch for tune in value.samples for _, _, pitch, _, of in tune.notes.tolist() if int(of) == voice]
    return sum(pitches) / len(pitches) if pitches else 60.0


def _named(made: bytes) -> bytes:
    """Return a score whose parts and instruments are numbered: the library draws their names by chance."""
    found: dict[bytes, bytes] = {}

    def number(match: re.Match[bytes]) -> bytes:
        name = found.setdefault(match.group(2), b"p%d" % (len(found) + 1))
        return match.group(1) + b'="' + name + b'"'

    return _IDS.sub(number, made)
