"""Music as a grid, and pieces cut out of scores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from text_toys import Around

from gdl_core.data.dataset import Dataset
from gdl_core.errors import DataError
from gdl_core.values import Notes, Tune

pytest.importorskip("mido", reason="needs the extra music")

import mido

from gdl_music import midi
from gdl_music.config import MidiConfig
from gdl_music.families import families, runs
from gdl_music.grid import HOLD, REST, Grid, read_grid
from gdl_music.midi_files import build, top
from gdl_music.midi_reading import sorted_notes
from gdl_music.pieces import samples
from gdl_music.scores import Score

GRID = Grid(60, 71, 16, ("one", "other"), (0, 19))


def _codes(row: str) -> list[int]:
    """a: the lowest note begins; -: it is held; .: a rest."""
    return [{".": REST, "-": HOLD}.get(sign, ord(sign) - ord("a") + 2) for sign in row]


@given(st.lists(st.lists(st.integers(0, GRID.size - 1), min_size=16, max_size=16), min_size=2, max_size=2))
def test_codes_come_back_but_for_holds_of_nothing(rows: list[list[int]]) -> None:
    codes = np.array([rows], dtype=np.float32)
    again = GRID.read(GRID.show(codes))
    assert np.array_equal(GRID.read(GRID.show(again)), again)
    mended = codes.copy()
    for row in mended[0]:
        for step in range(16):
            if row[step] == HOLD and (step == 0 or row[step - 1] == REST):
                row[step] = REST
    assert np.array_equal(again, mended)


def test_a_repeated_note_is_not_a_held_one() -> None:
    tune = GRID.show(np.array([[_codes("a---a---b-..c---"), _codes("." * 16)]], dtype=np.float32)).samples[0]
    assert tune.notes[:, :3].tolist() == [[0, 1, 60], [1, 1, 60], [2, 0.5, 61], [3, 1, 62]]
    assert tune.beats == 4
    assert (tune.voices, tune.programs) == (("one", "other"), (0, 19))


def test_notes_are_moved_to_steps_and_cut_off_by_the_next() -> None:
    rows = np.array([[0.02, 1.9, 60.0], [1.01, 0.5, 62.0], [3.2, 9.0, 61.0]])
    assert GRID.codes(rows, 16).tolist() == _codes("a---c-.......b--")
    assert GRID.codes(rows, 8, start=3.5).tolist() == _codes("b-------")


@pytest.mark.parametrize(
    ("notes", "beats", "fault"),
    [
        ([(0, 1, 59, 80, 0)], 4.0, "a note of pitch 59 is outside 60 to 71"),
        ([(0, 1, 60, 80, 2)], 4.0, "a tune of 3 voices was given, but there are 2"),
        ([(0, 1, 60, 80, 0)], 5.0, "a tune of 5 quarter notes was given, but no more than 4 fit"),
    ],
)
def test_what_does_not_fit_is_told(notes: list[tuple[float, ...]], beats: float, fault: str) -> None:
    with pytest.raises(DataError, match=fault):
        GRID.read(Notes((Tune(sorted_notes(notes), beats),)))


def test_a_grid_is_told_and_read_again() -> None:
    assert read_grid(GRID.told()) == GRID
    damages = {"low": "x", "steps": 0, "tempo": 0, "programs": [300, 0], "voices": ["one"], "high": 200}
    for name, damage in damages.items():
        with pytest.raises(DataError, match="damaged"):
            read_grid({**GRID.told(), name: damage})


def _score(name: str, bars: int, pitch: int, melody: int = 1, **facts: object) -> Score:
    notes = tuple((float(beat), 1.0, pitch + beat * melody % 13) for beat in range(4 * bars))
    told = {"bars": tuple(4.0 * bar for bar in range(bars)), "bar": 4.0, "tonic": "D", "mode": "minor", **facts}
    return Score(name, (notes,), **told)  # type: ignore[arg-type]


def test_pieces_are_bars_and_only_what_is_trained_on_is_transposed(tmp_path: Path) -> None:
    scores = [_score(f"piece {n}", 5, 60 + n, n + 1) for n in range(9)] + [_score("waltz", 6, 60, bar=3.0)]
    around = Around(tmp_path)
    data = samples(
        "toys", scores, ["melody"], [0], around, bars=2, hop=1, transpose=2, held_out=0.2, tempo=100.0
    )  # fmt: skip
    assert around.notes == ["toys: 1 of 10 pieces are not in bars of 4/4: left out"]
    assert len(data.held_out) == 2 * 4
    assert len(data) == 2 * 4 + 7 * 4 * 5
    pieces, tonic = data.column("piece"), data.column("tonic")
    assert not set(pieces.values[data.held_out]) & set(pieces.values[data.train])
    assert [tonic.names[code] for code in np.unique(tonic.values[data.held_out])] == ["D"]
    assert {tonic.names[code] for code in tonic.values[data.train]} == {"C", "C#", "D", "Eb", "E"}
    shown = data.form.show(data.tensor(data.train[:5]).numpy())
    first = [tune.notes[0, 2] for tune in shown.samples]
    assert first[4] == first[0] + 1, "four windows of one transposition, then the next"
    with pytest.raises(DataError, match="none of 9 pieces has 9 bars in a row"):
        samples("toys", scores, ["melody"], [0], around, bars=9, hop=1, transpose=0, held_out=0.2, tempo=100.0)


def test_midi_files_are_samples_and_bad_ones_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    with pytest.raises(DataError, match="mine holds no MIDI files"):
        build(MidiConfig(path=folder), Around(tmp_path))
    (folder / "bad.mid").write_bytes(b"nothing")
    with pytest.raises(DataError, match="none of the 1 MIDI files in mine can be used"):
        build(MidiConfig(path=folder), Around(tmp_path))
    for number in range(4):
        rows = [(float(beat), 1.0, 60 + beat * (number + 1) % 5, 80, 0) for beat in range(16)]
        midi.write(Notes((Tune(sorted_notes(rows), 16.0),)), folder / f"{number}.mid", None)
    two = Tune(sorted_notes([(0, 16, 50, 80, 0), (0, 16, 60, 80, 1)]), 16.0, 100.0, ("a", "b"), (0, 0))
    midi.write(Notes((two,)), folder / "two.mid", None)
    around = Around(tmp_path)
    data = build(MidiConfig(path=folder), around)
    assert len(data) == 4 * 3
    assert around.notes == ["left out: bad.mid is no MIDI file", "left out: two.mid has 2 voices, not 1"]
    assert len(build(MidiConfig(path=folder, take="top"), Around(tmp_path))) == 5 * 3
    assert set(data.columns) == {"piece", "density", "range"}, "nobody knows its key"
    assert set(data.column("density").values.tolist()) == {1.0}, "a note a beat"
    assert data.column("range").values.max() == 4.0
    (folder / "run" / ".gdl").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    for made in ("run", ".hidden"):
        (folder / made / "new.mid").write_bytes((folder / "0.mid").read_bytes())
    again = build(MidiConfig(path=folder), Around(tmp_path))
    assert again.fingerprint == data.fingerprint, "what runs have made is nothing to learn from"
    waltz = mido.MidiFile(folder / "0.mid")
    waltz.tracks[0].insert(0, mido.MetaMessage("time_signature", numerator=3, denominator=4))
    waltz.save(folder / "0.mid")
    around = Around(tmp_path)
    assert len(build(MidiConfig(path=folder), around)) == 3 * 3
    assert around.notes[-1] == "midi: 1 of 4 pieces are not in bars of 4/4: left out"


def test_notes_between_sixteenths_are_moved_and_told(tmp_path: Path) -> None:
    for number in range(2):
        rows = [(beat + 0.1 * (beat == 3), 1.0, 60 + beat % 5 + number, 80, 0) for beat in range(16)]
        midi.write(Notes((Tune(sorted_notes(rows), 16.0),)), tmp_path / f"{number}.mid", None)
    around = Around(tmp_path)
    data = build(MidiConfig(path=tmp_path, bars=4, held_out=0.5), around)
    assert around.notes == ["midi: 2 of 32 notes in these files begin between sixteenths and were moved"]
    highest = Around(tmp_path)
    build(MidiConfig(path=tmp_path, bars=4, held_out=0.5, take="top"), highest)
    assert highest.notes[0] == around.notes[0]
    shown = data.form.show(data.tensor(np.arange(2)).numpy())
    assert [tune.notes[:, 0].tolist() for tune in shown.samples] == [[float(beat) for beat in range(16)]] * 2


def test_density_and_range_are_of_all_voices(tmp_path: Path) -> None:
    high = tuple((beat / 2, 0.5, 70 + beat % 3) for beat in range(32))
    low = tuple((4.0 * bar, 4.0, 50) for bar in range(4))
    scores = [Score(name, (high, low), (0.0, 4.0, 8.0, 12.0), 4.0, "C", "major") for name in "ab"]
    asked = {"bars": 2, "hop": 1, "transpose": 2, "held_out": 0.5, "tempo": 90.0}
    data = samples("toys", scores, ["high", "low"], [0, 0], Around(tmp_path), **asked)
    assert set(data.column("density").values.tolist()) == {(2 + 0.25) / 2}
    assert set(data.column("range").values.tolist()) == {22.0}, "in every key"


def test_the_top_is_the_highest_note_of_all_that_begin_together() -> None:
    rows = [(0, 2, 50, 80, 1), (0, 1, 60, 80, 0), (1, 0.5, 62, 80, 0), (1.5, 2.5, 48, 80, 1)]
    found = top(Tune(sorted_notes(rows), 4.0, 100.0, ("a", "b"), (0, 0)))
    assert found.notes[:, :3].tolist() == [[0, 1, 60], [1, 0.5, 62], [1.5, 2.5, 48]]
    over = [(0, 2, 72, 80, 0), (0.02, 1, 48, 80, 0), (1, 0.5, 50, 80, 0), (2, 1, 55, 80, 0), (2.5, 0.5, 60, 80, 0)]
    found = top(Tune(sorted_notes(over), 4.0))
    assert found.notes[:, :3].tolist() == [[0, 2, 72], [2, 0.5, 55], [2.5, 0.5, 60]], "what is below a held note is not"


def _samples(scores: list[Score], place: Path, transpose: int = 0, held_out: float = 0.1) -> Dataset:
    asked = {"bars": 2, "hop": 1, "transpose": transpose, "held_out": held_out, "tempo": 90.0}
    return samples("toys", scores, ["melody"], [0], Around(place), **asked)


def test_only_pieces_that_give_samples_are_split(tmp_path: Path) -> None:
    scores = [_score("long", 8, 60), _score("other", 8, 62, 2), *(_score(f"short {n}", 1, 60) for n in range(20))]
    data = _samples(scores, tmp_path)
    assert len(data.held_out) == len(data.train) == 7
    with pytest.raises(DataError, match="of one piece with 2 bars in a row none can be held out; set 'held_out' to 0"):
        _samples(scores[1:], tmp_path)
    assert len(_samples(scores[1:2], tmp_path, held_out=0.0)) == 7, "one long piece of one's own is a data set"
    low = [_score("a", 4, 0), _score("b", 4, 60)]
    with pytest.raises(DataError, match="notes go from -5 to"):
        _samples(low, tmp_path, transpose=5)


def test_a_bar_may_end_in_a_rest(tmp_path: Path) -> None:
    notes = tuple((float(beat), 0.9, 60 + beat % 3) for beat in range(8))
    scores = [Score(name, (notes,), (0.0, 4.0), 4.0, "C", "major") for name in "ab"]
    assert len(_samples(scores, tmp_path, held_out=0.5)) == 2


def test_settings_of_one_melody_are_on_one_side(tmp_path: Path) -> None:
    scores = [_score(f"melody {kind} in {key}", 4, 60 + key, kind) for key in range(3) for kind in range(1, 9)]
    data = _samples(scores, tmp_path, held_out=0.25)
    pieces = data.column("piece")
    sides = [{pieces.names[code].split(" in ")[0].split(" ", 1)[1] for code in pieces.values[side]}
             for side in (data.held_out, data.train)]  # fmt: skip
    assert [len(side) for side in sides] == [2, 6]
    assert not sides[0] & sides[1]
    around = Around(tmp_path)
    asked = {"bars": 2, "hop": 1, "transpose": 0, "held_out": 0.5, "tempo": 90.0}
    data = samples("toys", scores[::8], ["melody"], [0], around, **asked)
    assert around.notes == ["toys: all pieces are alike somewhere; what is held out is not unheard"]
    assert len(data.held_out) == 2 * 3, "there is something to measure with nevertheless"


def test_what_is_held_out_does_not_depend_on_the_number_of_bars(tmp_path: Path) -> None:
    draw = np.random.default_rng(3)
    scores = []
    for number in range(40):
        pitches = draw.integers(50, 70, 4 * (2 + number % 5)).tolist()
        notes = tuple((float(beat), 1.0, pitch) for beat, pitch in enumerate(pitches))
        scores.append(
            Score(f"{number}", (notes,), tuple(4.0 * bar for bar in range(2 + number % 5)), 4.0, "C", "major")
        )
    sides: dict[str, bool] = {}
    for bars in (2, 4, 6):
        data = samples(
            "toys", scores, ["melody"], [0], Around(tmp_path),
            bars=bars, hop=1, transpose=0, held_out=0.3, tempo=90.0,
        )  # fmt: skip
        pieces = data.column("piece")
        for side, rows in ((True, data.held_out), (False, data.train)):
            for code in np.unique(pieces.values[rows]):
                assert sides.setdefault(pieces.names[code], side) == side
    assert len(sides) == 40


def test_a_bar_that_is_parted_in_two_is_one_and_windows_keep_step() -> None:
    parted = replace(_score("parted", 8, 60), bars=(0.0, 4.0, 12.0, 16.0, 20.0, 28.0))  # 8 and 24 are in two parts
    assert list(runs(parted)) == [(0.0, 32.0)]
    half = replace(parted, bar=2.0, bars=(0.0, 2.0, 6.0, 8.0, 11.0, 13.0))  # 4 is parted; an odd one before 11
    assert list(runs(half)) == [(0.0, 10.0), (11.0, 15.0)]
    assert list(runs(replace(parted, bars=(0.0, 12.0)))) == [(0.0, 4.0), (12.0, 16.0)], "three bars are not one"


def test_windows_with_notes_between_sixteenths_are_left_out(tmp_path: Path) -> None:
    scores = [replace(_score(f"{n}", 8, 60, n + 1), between=((13.0, 13.3),) if n == 0 else ()) for n in range(2)]
    data = _samples(scores, tmp_path, held_out=0.5)
    pieces = data.column("piece").values
    assert [int((pieces == number).sum()) for number in (0, 1)] == [5, 7], "those from bars 3 and 4 on are not"
    around = Around(tmp_path)
    with pytest.raises(DataError, match="of one piece with 2 bars"):
        samples("toys", [replace(scores[0], between=((0.0, 32.0),)), scores[1]], ["melody"], [0], around,
                bars=2, hop=1, transpose=0, held_out=0.5, tempo=90.0)  # fmt: skip


def test_melodies_that_are_alike_somewhere_are_one_family() -> None:
    draw = np.random.default_rng(5)
    tunes = [draw.integers(50, 70, 32) for _ in range(5)]
    tunes[2][12:28] = tunes[0][4:20] + 3  # four bars, in another key
    tunes[3][:8] = tunes[1][:8] - 2  # the opening
    tunes[4][13:29] = tunes[0][4:20]  # the same four bars, but not where a bar begins
    scores = []
    for number, tune in enumerate(tunes):
        notes = [(float(beat), 1.0, int(pitch)) for beat, pitch in enumerate(tune)]
        if number == 2:  # a passing note between the beats is no other melody
            notes = [part for start, _, pitch in notes for part in ((start, 0.5, pitch), (start + 0.5, 0.5, pitch + 1))]
        scores.append(Score(f"{number}", (tuple(notes),), tuple(4.0 * bar for bar in range(8)), 4.0, "C", "major"))
    assert families(scores) == [[0, 2], [1, 3], [4]]
    assert families([replace(score, voices=((),)) for score in scores[:2]]) == [[0], [1]]
