"""MIDI files, by the library mido. A file holds one tune, or several one after another, a marker before each."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from gdl_core.errors import MediaError
from gdl_core.media.atomic import write_bytes
from gdl_core.media.record import Record, from_text, to_text, with_content
from gdl_core.values import Notes
from gdl_music.midi_reading import (
    DRUMS,
    MARK,
    MOST_BEATS,
    MOST_BYTES,
    MOST_NOTES,
    MOST_TRACKS,
    MOST_TUNES,
    contents,
    hear,
    heard,
    opened,
)

TICKS = 480
"""Of a quarter note."""

_RECORD = "gdl "
_REST = 4.0  # quarter notes between two tunes
_SLOWEST = (1 << 24) - 1  # microseconds of a quarter note


def write(value: Any, path: Path, record: Record | None) -> list[Path]:
    """Write tunes, a track for each voice; the record is a text event at the beginning.

    Raises:
        MediaError: there is nothing to write, or it does not fit into MIDI.
    """
    if not isinstance(value, Notes) or not value.samples:
        raise MediaError("there are no notes to write")
    told = None
    if record is not None:
        told = with_content(record, heard(to_bytes(value), path.name).notes())
    write_bytes(path, to_bytes(value, told))
    return [path]


def read(path: Path) -> Notes:
    """Read a MIDI file.

    Raises:
        MediaError: it cannot be read, is damaged, or holds more than anybody could play.
    """
    return hear(path).notes()


def read_record(path: Path) -> dict[str, Any] | None:
    """Return the record of a MIDI file, None where it has none."""
    for message in opened(contents(path), path.name).tracks[0]:
        if message.type == "text" and message.text.startswith(_RECORD + "{"):
            return from_text(message.text.removeprefix(_RECORD))
    return None


def to_bytes(value: Notes, record: Record | None = None) -> bytes:
    """Return tunes as a MIDI file of type 1."""
    import mido

    voices = max(len(tune.voices) for tune in value.samples)
    if voices > MOST_TRACKS - 1:
        raise MediaError(f"a tune of {voices} voices does not fit into a file of {MOST_TRACKS} tracks")
    beats = sum(tune.beats + _REST for tune in value.samples)
    notes = np.concatenate([tune.notes for tune in value.samples])
    n = len(value.samples)
    many = f"{n:,} tunes are too many for one file; save them one by one, with {{i}} in the name"
    many = many if n > 1 else f"a tune of {len(notes):,} notes and {beats:,.0f} quarter notes does not fit into a file"
    if beats > MOST_BEATS or len(notes) > MOST_NOTES or n > MOST_TUNES:
        raise MediaError(many)
    low, high = notes[:, 2].min(initial=127), notes[:, 2].max(initial=0)
    if low < 0 or high > 127:
        raise MediaError(f"pitches from {low:g} to {high:g} do not fit into MIDI, which has 0 to 127")
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS, charset="utf-8")
    plan: list[tuple[int, int, Any]] = []  # tick, order, message
    if record is not None:
        plan.append((0, 0, mido.MetaMessage("text", text=_RECORD + to_text(record))))
    tracks: list[list[tuple[int, int, Any]]] = [[] for _ in range(voices)]
    begin = 0
    for number, tune in enumerate(value.samples):
        if len(value.samples) > 1 or tune.title:
            plan.append((begin, 1, mido.MetaMessage("marker", text=f"{MARK}{number} {tune.title}")))
        plan.append((begin, 2, mido.MetaMessage("set_tempo", tempo=min(max(round(60e6 / tune.tempo), 1), _SLOWEST))))
        for voice, (name, program) in enumerate(zip(tune.voices, tune.programs, strict=True)):
            channel = _channel(voice)
            tracks[voice].append((begin, 0, mido.MetaMessage("track_name", name=name)))
            tracks[voice].append((begin, 1, mido.Message("program_change", channel=channel, program=program)))
        for start, length, pitch, velocity, voice in tune.notes.tolist():
            on, off = begin + round(start * TICKS), begin + round((start + length) * TICKS)
            told = {"channel": _channel(int(voice)), "note": int(pitch)}
            tracks[int(voice)].append((on, 3, mido.Message("note_on", velocity=int(velocity), **told)))
            tracks[int(voice)].append((max(off, on + 1), 2, mido.Message("note_off", velocity=0, **told)))
        end = begin + round(tune.beats * TICKS)
        plan.append((end, 9, mido.MetaMessage("marker", text=f"{MARK}ends")))
        begin = end + round(_REST * TICKS)
    for messages in (plan, *tracks):
        track, now = mido.MidiTrack(), 0
        for tick, _, message in sorted(messages, key=lambda one: one[:2]):
            track.append(message.copy(time=tick - now))
            now = tick
        file.tracks.append(track)
    buffer = BytesIO()
    file.save(file=buffer)
    if buffer.tell() > MOST_BYTES:
        raise MediaError(many)
    return buffer.getvalue()


def _channel(voice: int) -> int:
    channel = voice % 15
    return channel + (channel >= DRUMS)
