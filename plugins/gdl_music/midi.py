"""MIDI files, by the library mido. A file holds one tune, or several one after another, a marker before each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gdl_core.errors import MediaError
from gdl_core.media.atomic import write_bytes
from gdl_core.media.record import Record, from_text, to_text, with_content
from gdl_core.values import Notes, Tune

TICKS = 480
"""Of a quarter note."""

MOST_BYTES = 1 << 24
MOST_TRACKS = 256
MOST_NOTES = 1 << 20
MOST_BEATS = 100_000.0
"""What a file may hold at most."""

_MARK = "gdl tune "  # before each of several tunes
_RECORD = "gdl "
_REST = 4.0  # quarter notes between two tunes
_SLOWEST = (1 << 24) - 1  # microseconds of a quarter note
_DRUMS = 9  # the channel that General MIDI keeps for them

Rows = NDArray[np.float64]


def write(value: Any, path: Path, record: Record | None) -> list[Path]:
    """Write tunes, a track for each voice; the record is a text event at the beginning.

    Raises:
        MediaError: there is nothing to write, or it does not fit into MIDI.
    """
    if not isinstance(value, Notes) or not value.samples:
        raise MediaError("there are no notes to write")
    told = None
    if record is not None:
        told = with_content(record, parse(to_bytes(value), path.name))
    write_bytes(path, to_bytes(value, told))
    return [path]


def read(path: Path) -> Notes:
    """Read a MIDI file.

    Raises:
        MediaError: it cannot be read, is damaged, or holds more than anybody could play.
    """
    return parse(_bytes(path), path.name)


def read_record(path: Path) -> dict[str, Any] | None:
    """Return the record of a MIDI file, None where it has none."""
    for message in _opened(_bytes(path), path.name).tracks[0]:
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
    if beats > MOST_BEATS or len(notes) > MOST_NOTES:
        many = f"{len(value.samples):,} tunes are too many for one file"
        raise MediaError(f"{many}; save them one by one, with {{i}} in the name")
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
            plan.append((begin, 1, mido.MetaMessage("marker", text=f"{_MARK}{number} {tune.title}")))
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
        plan.append((end, 9, mido.MetaMessage("marker", text=f"{_MARK}ends")))
        begin = end + round(_REST * TICKS)
    for messages in (plan, *tracks):
        track, now = mido.MidiTrack(), 0
        for tick, _, message in sorted(messages, key=lambda one: one[:2]):
            track.append(message.copy(time=tick - now))
            now = tick
        file.tracks.append(track)
    buffer = BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def parse(data: bytes, name: str) -> Notes:
    """Return the tunes that a MIDI file holds.

    Raises:
        MediaError: it is damaged, or holds more than anybody could play.
    """
    file = _opened(data, name)
    begins: list[tuple[float, float, str]] = []  # of each tune that a marker tells of: where it begins and ends
    tempos: list[tuple[float, float]] = []
    voices: list[tuple[str, int, list[tuple[float, float, float, float]]]] = []
    count, last = 0, 0.0
    for track in file.tracks:
        title, program, notes, ours = "", 0, [], False
        held: dict[tuple[int, int], list[tuple[float, int]]] = defaultdict(list)
        tick = 0
        for message in track:
            tick += message.time
            now = tick / file.ticks_per_beat
            if now > MOST_BEATS:
                raise MediaError(f"{name} lasts longer than {MOST_BEATS:,.0f} quarter notes; it is not read")
            last = max(last, now)
            if message.type == "note_on" and message.velocity and message.channel != _DRUMS:
                held[message.channel, message.note].append((now, message.velocity))
                count += 1
                if count > MOST_NOTES:
                    raise MediaError(f"{name} has more than {MOST_NOTES:,} notes; it is not read")
            elif message.type in ("note_on", "note_off") and held[message.channel, message.note]:
                start, velocity = held[message.channel, message.note].pop(0)
                notes.append((start, now - start, float(message.note), float(velocity)))
            elif message.type == "track_name":
                title = message.name
            elif message.type == "program_change":
                program, ours = message.program, bool(begins)
            elif message.type == "set_tempo" and message.tempo:
                tempos.append((now, 60e6 / message.tempo))
            elif message.type == "marker" and message.text.startswith(_MARK):
                _mark(begins, message.text.removeprefix(_MARK), now)
        for (_, pitch), waiting in held.items():  # notes that nobody ended sound to the end
            end = tick / file.ticks_per_beat
            notes += [(start, end - start, float(pitch), float(velocity)) for start, velocity in waiting]
        if notes or ours:  # of other programs' files, tracks without notes have titles and remarks
            voices.append((title, program, notes))
    spans = begins or [(0.0, last, "")]
    return Notes(tuple(_tune(voices, tempos, begin, end, title) for begin, end, title in spans))


def sorted_notes(notes: Iterable[tuple[float, float, float, float, float]]) -> Rows:
    """Return notes in the order that a tune has them in: by their start, voice and pitch."""
    rows = np.array(list(notes), dtype=np.float64).reshape(-1, 5)
    return rows[np.lexsort((rows[:, 2], rows[:, 4], rows[:, 0]))]


def _tune(
    voices: list[tuple[str, int, list[tuple[float, float, float, float]]]],
    tempos: list[tuple[float, float]],
    begin: float,
    end: float,
    title: str,
) -> Tune:
    notes = [
        (start - begin, length, pitch, velocity, float(voice))
        for voice, (_, _, all_notes) in enumerate(voices)
        for start, length, pitch, velocity in all_notes
        if begin <= start < end or (start == begin == end)
    ]
    before = [tempo for time, tempo in tempos if time <= begin]
    return Tune(
        sorted_notes(notes),
        end - begin,
        round((before or [tempo for _, tempo in tempos] or [120.0])[-1], 3),
        tuple(name for name, _, _ in voices) or ("",),
        tuple(program for _, program, _ in voices) or (0,),
        title,
    )


def _mark(begins: list[tuple[float, float, str]], what: str, now: float) -> None:
    """Take a marker's word for where a tune begins, or where the last one ends."""
    if what != "ends":
        begins.append((now, now, what.partition(" ")[2]))
    elif begins:
        begins[-1] = (begins[-1][0], max(now, begins[-1][0]), begins[-1][2])
    else:
        begins.append((0.0, now, ""))


def _channel(voice: int) -> int:
    channel = voice % 15
    return channel + (channel >= _DRUMS)


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise MediaError(f"{path.name} is larger than {MOST_BYTES >> 20} MiB; it is not read")
        return path.read_bytes()
    except OSError as error:
        raise MediaError(f"{path.name} cannot be read: {error.strerror or error}") from error


def _opened(data: bytes, name: str) -> Any:
    import mido

    if data[:4] != b"MThd" or len(data) < 14:
        raise MediaError(f"{name} is no MIDI file")
    tracks, division = int.from_bytes(data[10:12], "big"), int.from_bytes(data[12:14], "big")
    if tracks > MOST_TRACKS:
        raise MediaError(f"{name} has {tracks:,} tracks; more than {MOST_TRACKS} are not read")
    if not 0 < division < 1 << 15:
        raise MediaError(f"{name} counts time in frames of a film, not in notes; save it with ticks a quarter note")
    for charset in ("utf-8", "latin-1"):
        try:
            file = mido.MidiFile(file=BytesIO(data), clip=True, charset=charset)
            break
        except UnicodeDecodeError:
            continue
        except Exception as error:  # the library raises many kinds, some of its own
            raise MediaError(f"{name} is damaged ({error or type(error).__name__})") from error
    if not file.tracks:
        raise MediaError(f"{name} has no tracks")
    return file
