"""MIDI files: read back note for note, and what is no music or too much of it."""

from __future__ import annotations

import struct
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gdl_core import media
from gdl_core.errors import MediaError, MissingExtraError
from gdl_core.registry import get_registry
from gdl_core.values import Audio, Notes, Tune

pytest.importorskip("mido", reason="needs the extra music")

import mido

from gdl_music import midi, midi_reading, roll, sound
from gdl_music.midi_reading import heard, sorted_notes
from gdl_music.steps.writer import file_fault

RECORD = {"gdl": 1, "seed": 7, "title": "Größe"}


def _tune(*rows: tuple[float, ...], beats: float = 4.0, voices: int = 2, title: str = "") -> Tune:
    names, programs = tuple(f"Stimme {n} ü" for n in range(voices)), tuple(10 * n for n in range(voices))
    return Tune(sorted_notes(rows), beats, 97.0, names, programs, title)


SOME = _tune((0, 1, 60, 80, 0), (0, 2.5, 48, 90, 1), (1, 0.25, 60, 70, 0), (1.25, 0.25, 60, 71, 0), (3, 1, 62, 1, 0))


def _same(one: Notes, other: Notes) -> bool:
    pairs = zip(one.samples, other.samples, strict=True)
    return all(
        np.array_equal(a.notes, b.notes)
        and (a.beats, a.tempo, a.voices, a.programs) == (b.beats, b.tempo, b.voices, b.programs)
        and a.title == b.title
        for a, b in pairs
    )


@st.composite
def tunes(draw: st.DrawFn) -> Tune:
    rows = []
    for voice in range(draw(st.integers(1, 4))):
        time = 0
        for gap, length in draw(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 6)), min_size=1, max_size=6)):
            rows.append(((time + gap) / 4, length / 4, draw(st.integers(0, 127)), draw(st.integers(1, 127)), voice))
            time += gap + length
    end = max(start + length for start, length, *_ in rows)
    return _tune(*rows, beats=end + draw(st.integers(0, 8)) / 4, voices=int(max(row[4] for row in rows)) + 1)


@settings(max_examples=50)
@given(st.lists(tunes(), min_size=1, max_size=3))
def test_notes_are_read_back(found: list[Tune]) -> None:
    voices = max(len(tune.voices) for tune in found)
    found = [
        _tune(*map(tuple, tune.notes.tolist()), beats=tune.beats, voices=voices, title="so ü" * (number % 2))
        for number, tune in enumerate(found)
    ]
    value = Notes(tuple(found))
    assert _same(heard(midi.to_bytes(value), "it").notes(), value)


def test_a_file_says_what_made_it(tmp_path: Path) -> None:
    registry, value = get_registry(), Notes((SOME, SOME))
    (path,) = media.write(value, tmp_path / "a.mid", RECORD, registry)
    record = media.read_record(path, registry)
    assert record is not None
    assert {key: record[key] for key in RECORD} == RECORD
    assert media.verify(path, registry) is True
    assert _same(media.read(path, registry), value)
    changed = mido.MidiFile(path)
    next(m for m in changed.tracks[1] if m.type == "note_on").note += 1
    changed.save(tmp_path / "b.mid")
    assert media.verify(tmp_path / "b.mid", registry) is False
    again = tmp_path / "c.mid"
    media.write(value, again, RECORD, registry)
    assert again.read_bytes() == path.read_bytes()
    files = media.write(value, tmp_path / "one-{i}.mid", RECORD, registry)
    assert [file.name for file in files] == ["one-0.mid", "one-1.mid"]


def test_other_programs_files_are_read(tmp_path: Path) -> None:
    file = mido.MidiFile(ticks_per_beat=96)
    title, track = mido.MidiTrack(), mido.MidiTrack()
    title.append(mido.MetaMessage("track_name", name="A song"))
    title.append(mido.MetaMessage("set_tempo", tempo=500_000))
    track.append(mido.Message("note_on", note=60, velocity=64, time=48))
    track.append(mido.Message("note_on", note=64, velocity=64, time=0, channel=9))  # a drum
    track.append(mido.Message("note_on", note=67, velocity=60, time=48))
    track.append(mido.Message("note_on", note=60, velocity=0, time=48))
    track.append(mido.MetaMessage("end_of_track", time=48))  # one note is never ended
    file.tracks += [title, track]
    file.save(tmp_path / "x.mid")
    (tune,) = midi.read(tmp_path / "x.mid").samples
    assert tune.notes.tolist() == [[0.5, 1.0, 60, 64, 0], [1.0, 1.0, 67, 60, 0]]
    assert (tune.beats, tune.tempo, tune.voices) == (2.0, 120.0, ("",))
    assert midi.read_record(tmp_path / "x.mid") is None


def test_each_channel_is_a_voice_where_one_track_has_all(tmp_path: Path) -> None:
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("time_signature", numerator=2, denominator=2, time=0))
    for channel, program, pitch in ((0, 40, 72), (3, 42, 48)):
        track.append(mido.Message("program_change", channel=channel, program=program))
        track.append(mido.Message("note_on", channel=channel, note=pitch, velocity=70))
    track.append(mido.Message("note_off", channel=3, note=48, time=96))
    track.append(mido.Message("note_off", channel=0, note=72, time=96))
    file = mido.MidiFile(type=0, ticks_per_beat=96)
    file.tracks.append(track)
    file.save(tmp_path / "x.mid")
    (tune,) = midi.read(tmp_path / "x.mid").samples
    assert tune.notes.tolist() == [[0, 2, 72, 70, 0], [0, 1, 48, 70, 1]]
    assert (tune.voices, tune.programs) == (("channel 1", "channel 4"), (40, 42))


def _meters(*changes: tuple[float, float], last: float = 24.0) -> midi_reading.Heard:
    return midi_reading.Heard(last=last, meters=list(changes))


@pytest.mark.parametrize(
    ("file", "bars", "bar"),
    [
        (_meters(), [0, 4, 8, 12, 16, 20], 4.0),
        (_meters((0, 3.0)), [0, 3, 6, 9, 12, 15, 18, 21], 3.0),
        (_meters((0, 4.0), (8, 2.0), (10, 4.0)), [0, 4, 10, 14, 18, 22], 4.0),
        (_meters((0, 1.0), (1, 4.0)), [1, 5, 9, 13, 17, 21], 4.0),  # an upbeat
        (_meters((0, 4.0), (0, 4.0), (0, 3.0)), [0, 3, 6, 9, 12, 15, 18, 21], 3.0),
    ],
)
def test_bars_begin_where_time_signatures_say(file: midi_reading.Heard, bars: list[float], bar: float) -> None:
    assert file.bars(0.0, 24.0) == (tuple(bars), bar)


def test_bars_are_counted_from_where_a_tune_begins() -> None:
    assert _meters((0, 3.0)).bars(10.0, 17.0) == ((0.0, 3.0, 6.0), 3.0)


def test_a_bar_of_no_length_is_no_bar() -> None:
    nothing, tiny = b"\x00\xff\x58\x04\x00\x02\x18\x08", b"\x00\xff\x58\x04\x01\x0c\x18\x08"
    assert heard(_file([nothing + tiny + b"\x87\x40" + END[1:]]), "it").meters == []


def _file(tracks: list[bytes], division: int = 96, told: int | None = None) -> bytes:
    head = b"MThd" + struct.pack(">IHHH", 6, 1, len(tracks) if told is None else told, division)
    return head + b"".join(b"MTrk" + struct.pack(">I", len(track)) + track for track in tracks)


END = b"\x00\xff\x2f\x00"


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "is no MIDI file"),
        (b"MThd\x00\x00", "is no MIDI file"),
        (b"\x89PNG\r\n\x1a\n" + b"0" * 40, "is no MIDI file"),
        (_file([END], told=65_000), "has 65,000 tracks; more than 256 are not read"),
        (_file([END], division=0xE728), "counts time in frames of a film"),
        (_file([END], division=0), "counts time in frames of a film"),
        (_file([]), "has no tracks"),
        (_file([b"\x00\x90\x3c"]), "is damaged"),
        (_file([b"\x00\xff\x59\x02\x09\x00" + END]), "is damaged"),
        (_file([END])[:-2], "is damaged"),
        (
            _file([b"\x00\x90\x3c\x40" + b"\xff\xff\xff\x7f\x80\x3c\x00" + END]),
            "lasts longer than 100,000 quarter notes",
        ),
    ],
)
def test_what_is_no_music_is_told_in_a_line(data: bytes, fault: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.mid"
    path.write_bytes(data)
    with pytest.raises(MediaError, match=f"bad.mid {fault}") as caught:
        midi.read(path)
    assert "\n" not in str(caught.value)


def test_without_the_library_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    midi.write(Notes((SOME,)), tmp_path / "a.mid", None)
    monkeypatch.setattr(midi_reading, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"reading MIDI files needs the extra 'music': pip install"):
        midi.read(tmp_path / "a.mid")
    assert file_fault(tmp_path / "a.mid") == (
        "reading MIDI files needs the extra 'music': pip install 'gdl-toolkit[music]'", 0.0
    )  # fmt: skip


def test_what_does_not_fit_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MediaError, match=r"pitches from -3 to 60 do not fit into MIDI"):
        midi.to_bytes(Notes((_tune((0, 1, -3, 80, 0), (0, 1, 60, 80, 1)),)))
    with pytest.raises(MediaError, match=r"3 tunes are too many for one file; save them one by one, with \{i\}"):
        midi.to_bytes(Notes((_tune((0, 1, 60, 80, 0), beats=40_000.0),) * 3))
    with monkeypatch.context() as small:
        small.setattr(midi, "MOST_BYTES", 100)
        with pytest.raises(MediaError, match=r"2 tunes are too many for one file"):
            midi.to_bytes(Notes((SOME,) * 2))
    slow = Notes((Tune(SOME.notes, 4.0, 0.001, SOME.voices, SOME.programs),))
    assert heard(midi.to_bytes(slow), "it").notes().samples[0].tempo == pytest.approx(60e6 / ((1 << 24) - 1), abs=1e-3)


def test_a_file_of_too_many_notes_or_bytes_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "big.mid"
    midi.write(Notes((SOME,)), path, None)
    monkeypatch.setattr(midi_reading, "MOST_NOTES", 4)
    with pytest.raises(MediaError, match="more than 4 notes"):
        midi.read(path)
    monkeypatch.setattr(midi_reading, "MOST_BYTES", 8)
    with pytest.raises(MediaError, match="larger than 0 MiB"):
        midi.read(path)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damage_is_an_error_or_music(data: st.DataObject) -> None:
    whole = bytearray(midi.to_bytes(Notes((SOME,))))
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        heard(bytes(whole), "it").notes()
    except MediaError as error:
        told = str(error)
    else:
        return
    assert "\n" not in told


@pytest.mark.parametrize("fluidsynth", [True, False])
def test_sound_is_loud_and_as_long_as_the_tune(
    fluidsynth: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not fluidsynth:
        monkeypatch.setattr(sound, "has_fluidsynth", lambda: False)
    elif not sound.has_fluidsynth():
        pytest.skip("FluidSynth is not installed")
    registry = get_registry()
    files = media.write(Notes((SOME,)), tmp_path / "a.wav", RECORD, registry)
    assert [file.name for file in files] == ["a.wav", "a.wav.gdl.json"]
    with wave.open(str(files[0])) as file:
        assert file.getnframes() == round((4.0 * 60 / 97 + 1) * 44_100)
    heard: Audio = media.read(files[0], registry)
    assert np.abs(heard.waves).max() == pytest.approx(0.9 * 32_767, abs=1)
    second = 44_100 * 60 / 97
    loud = heard.waves[round(3.05 * second) : round(3.5 * second)].astype(float).std()
    assert loud > 10, "the quietest of all notes"
    assert media.verify(files[0], registry) is True


def test_without_fluidsynth_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = get_registry()
    monkeypatch.setattr(sound, "has_fluidsynth", lambda: True)
    assert media.remark("notes", "a.wav", registry) == media.remark("notes", "a.mid", registry) == ""
    monkeypatch.setattr(sound, "has_fluidsynth", lambda: False)
    told = media.remark("notes", "a.wav", registry)
    assert told.startswith("the sound is made of plain sines, for the program FluidSynth is not there: apt install")
    assert "\n" not in told
    assert media.remark("notes", "a.mid", registry) == ""


def test_sound_that_is_none_is_told_in_a_line(tmp_path: Path) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"RIFF1234WAVEnothing")
    with pytest.raises(MediaError, match=r"bad.wav is no WAV file that can be read"):
        sound.read(bad)
    with wave.open(str(bad), "wb") as file:
        file.setparams((1, 1, 8000, 0, "NONE", ""))
        file.writeframes(b"123")
    with wave.open(str(tmp_path / "cut.wav"), "wb") as file:
        file.setparams((2, 2, 8000, 0, "NONE", ""))
        file.writeframes(b"1234" * 50)
    whole = (tmp_path / "cut.wav").read_bytes()
    for less in (1, 2, 60):
        (tmp_path / "cut.wav").write_bytes(whole[:-less])
        with pytest.raises(MediaError, match=r"cut.wav (is cut off|says that it lasts)"):
            sound.read(tmp_path / "cut.wav")
    with pytest.raises(MediaError, match="8 bits a sample"):
        sound.read(bad)
    with pytest.raises(MediaError, match="an hour is the most"):
        sound.play(Notes((_tune((0, 1, 60, 80, 0), beats=9000.0),)))


def test_rolls_show_each_note_where_it_is() -> None:
    tune = _tune((0, 1, 60, 80, 0), (2, 2, 72, 80, 1))
    picture = roll.draw(Notes((tune, tune)))
    red, orange = ((picture == np.array(colour)).all(2) for colour in roll.COLOURS[:2])
    assert red.sum() > orange.sum() / 4 > 100
    rows, columns = (np.flatnonzero(where.any(axis)) for where, axis in ((red, 1), (orange[: len(orange) // 2], 0)))
    assert len(rows) < 60, "two tunes and a name"
    legend = 14
    assert columns.max() - columns.min() == pytest.approx(2 * 44, abs=legend)
    with pytest.raises(MediaError, match=r"save them one by one, with \{i\} in the name"):
        roll.draw(Notes((_tune((0, 1, 0, 80, 0), (0, 1, 127, 80, 0), beats=9000.0),) * 9))
