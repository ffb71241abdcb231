"""Reading of MIDI files, by the library mido: which tunes they hold, and where their bars begin."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gdl_core.errors import MediaError, MissingExtraError
from gdl_core.values import Notes, Tune

MOST_BYTES = 1 << 22
MOST_TRACKS = 256
MOST_NOTES = 1 << 19
MOST_TUNES = 1 << 14
MOST_BEATS = 100_000.0
"""What a file may hold at most; read, it takes many times as much memory."""

BEATS = 4.0
"""Quarter notes of a bar of 4/4, which is what bars are where nothing is told."""

MARK = "gdl tune "  # before each of several tunes
DRUMS = 9  # the channel that General MIDI keeps for them
_SHORTEST = 0.25  # of a bar; a shorter one is nonsense

Rows = NDArray[np.float64]


@dataclass
class Voice:
    """What a channel plays in a track, each note with start, length, pitch and velocity."""

    title: str
    program: int = 0
    notes: list[tuple[float, float, float, float]] = field(default_factory=list)
    asked: bool = False  # a tune of ours has this voice, with or without notes


@dataclass
class Heard:
    """What a file holds.

    Attributes:
        voices: of all tunes.
        last: when the file ends, in quarter notes.
        tunes: where each begins and ends that a marker tells of, and its title.
        tempos: when they change, and to how many quarter notes a minute.
        meters: when the length of a bar changes, and to how many quarter notes.
    """

    voices: list[Voice] = field(default_factory=list)
    last: float = 0.0
    tunes: list[tuple[float, float, str]] = field(default_factory=list)
    tempos: list[tuple[float, float]] = field(default_factory=list)
    meters: list[tuple[float, float]] = field(default_factory=list)

    def notes(self) -> Notes:
        """Return the tunes."""
        voices = [_in_order(voice.notes) for voice in self.voices]
        tempos = sorted(self.tempos, key=lambda one: one[0])  # of two at one time the later counts
        return Notes(tuple(self._tune(voices, tempos, *span) for span in self.spans))

    @property
    def spans(self) -> list[tuple[float, float, str]]:
        """Return where each tune begins and ends, and its title; a file of others is one tune."""
        return self.tunes or [(0.0, self.last, "")]

    def _tune(
        self, voices: list[Rows], tempos: list[tuple[float, float]], begin: float, end: float, title: str
    ) -> Tune:
        """Return the tune of a span, of voices whose notes are in order, and tempos that are."""
        notes = [np.zeros((0, 5))]
        for number, voice in enumerate(voices):
            first = np.searchsorted(voice[:, 0], begin)
            last = np.searchsorted(voice[:, 0], end, side="right" if begin == end else "left")
            mine = voice[first:last]
            notes.append(np.column_stack((mine[:, 0] - begin, mine[:, 1:], np.full(len(mine), float(number)))))
        tempo = tempos[max(bisect_right(tempos, begin, key=lambda one: one[0]) - 1, 0)][1] if tempos else 120.0
        return Tune(
            sorted_notes(np.concatenate(notes)),
            end - begin,
            round(tempo, 3),
            tuple(voice.title for voice in self.voices) or ("",),
            tuple(voice.program for voice in self.voices) or (0,),
            title,
        )

    def bars(self, begin: float, end: float) -> tuple[tuple[float, ...], float]:
        """Return where the bars of a tune begin, counted from its beginning, and how long they are, in quarter notes.

        Of bars of several lengths, only those are told of that fill the most of it.
        """
        meters = sorted(self.meters, key=lambda one: one[0])  # of two at one time the later counts
        at_first = [bar for time, bar in meters if time <= begin]
        changes = [(begin, (at_first or [BEATS])[-1]), *(one for one in meters if begin < one[0] < end)]
        until = [*(time for time, _ in changes[1:]), end]
        spans = [(time, stop, bar) for (time, bar), stop in zip(changes, until, strict=True) if stop > time]
        fills: dict[float, float] = defaultdict(float)
        for time, stop, bar in spans:
            fills[bar] += stop - time
        most = max(fills, key=lambda bar: fills[bar], default=BEATS)
        starts = [np.arange(time, stop, bar) for time, stop, bar in spans if bar == most]
        return tuple((np.concatenate([np.zeros(0), *starts]) - begin).tolist()), most


def hear(path: Path) -> Heard:
    """Read a MIDI file.

    Raises:
        MediaError: it cannot be read, is damaged, or holds more than anybody could play.
    """
    return heard(contents(path), path.name)


def heard(data: bytes, name: str) -> Heard:
    """Return what the bytes of a MIDI file hold.

    Raises:
        MediaError: they are damaged, or hold more than anybody could play.
    """
    file, found, count = opened(data, name), Heard(), 0
    for track in file.tracks:
        count += _listen(track, file.ticks_per_beat, name, found, MOST_NOTES - count)
    return found


def _listen(track: Any, ticks: int, name: str, found: Heard, most: int) -> int:
    """Add what a track holds, a voice for each channel that has notes; return how many notes there are."""
    voices: dict[int, Voice] = {}
    held: dict[tuple[int, int], list[tuple[float, int]]] = defaultdict(list)
    title, tick, count = "", 0, 0
    for message in track:
        tick += message.time
        now = tick / ticks
        if now > MOST_BEATS:
            raise MediaError(f"{name} lasts longer than {MOST_BEATS:,.0f} quarter notes; it is not read")
        if message.type == "note_on" and message.velocity and message.channel != DRUMS:
            held[message.channel, message.note].append((now, message.velocity))
            voices.setdefault(message.channel, Voice(title))
            count += 1
            if count > most:
                raise MediaError(f"{name} has more than {MOST_NOTES:,} notes; it is not read")
        elif message.type in ("note_on", "note_off") and held[message.channel, message.note]:
            start, velocity = held[message.channel, message.note].pop(0)
            voices[message.channel].notes.append((start, now - start, float(message.note), float(velocity)))
        elif message.type == "track_name":
            title = message.name
        elif message.type == "program_change":
            voice = voices.setdefault(message.channel, Voice(title))
            voice.program, voice.asked = message.program, bool(found.tunes)
        elif message.type == "set_tempo" and message.tempo:
            found.tempos.append((now, 60e6 / message.tempo))
        elif message.type == "time_signature" and 4 * message.numerator >= _SHORTEST * message.denominator:
            found.meters.append((now, 4.0 * message.numerator / message.denominator))
        elif message.type == "marker" and message.text.startswith(MARK):
            if len(found.tunes) > MOST_TUNES:
                raise MediaError(f"{name} has more than {MOST_TUNES:,} tunes; it is not read")
            _mark(found.tunes, message.text.removeprefix(MARK), now)
    end = tick / ticks
    found.last = max(found.last, end)
    for (channel, pitch), waiting in held.items():  # notes that nobody ended sound to the end
        for start, velocity in waiting:
            voices[channel].notes.append((start, end - start, float(pitch), float(velocity)))
    kept = [(channel, voice) for channel, voice in voices.items() if voice.notes or voice.asked]
    for channel, voice in kept:  # of other programs' files, tracks without notes have titles and remarks
        many = f"{title} channel {channel + 1}".strip()
        voice.title = title if len(kept) == 1 else many
        found.voices.append(voice)
    return count


def _in_order(notes: list[tuple[float, float, float, float]]) -> Rows:
    rows = np.array(notes, dtype=np.float64).reshape(-1, 4)
    return rows[np.argsort(rows[:, 0], kind="stable")]


def sorted_notes(notes: Rows | Iterable[tuple[float, float, float, float, float]]) -> Rows:
    """Return notes in the order that a tune has them in: by their start, voice and pitch."""
    rows = notes if isinstance(notes, np.ndarray) else np.array(list(notes), dtype=np.float64).reshape(-1, 5)
    return rows[np.lexsort((rows[:, 2], rows[:, 4], rows[:, 0]))]


def _mark(begins: list[tuple[float, float, str]], what: str, now: float) -> None:
    """Take a marker's word for where a tune begins, or where the last one ends."""
    if what != "ends":
        begins.append((now, now, what.partition(" ")[2]))
    elif begins:
        begins[-1] = (begins[-1][0], max(now, begins[-1][0]), begins[-1][2])
    else:
        begins.append((0.0, now, ""))


def contents(path: Path) -> bytes:
    """Return the bytes of a file, if they are not too many."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise MediaError(f"{path.name} is larger than {MOST_BYTES >> 20} MiB; it is not read")
        return path.read_bytes()
    except OSError as error:
        raise MediaError(f"{path.name} cannot be read: {error.strerror or error}") from error


def opened(data: bytes, name: str) -> Any:
    """Return the bytes of a MIDI file as the library mido has it.

    Raises:
        MediaError: they are none, or too much. MissingExtraError: the library is not installed.
    """
    if find_spec("mido") is None:
        raise MissingExtraError("reading MIDI files", "music")
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
