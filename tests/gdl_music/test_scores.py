"""Scores of music21: what is read of them, and the cache."""

from __future__ import annotations

from pathlib import Path

import pytest
from text_toys import Around

pytest.importorskip("music21", reason="needs the extra music")

import music21

from gdl_music import scores
from gdl_music.scores import Score, score_of


def _part(*notes: tuple[float, float, int], bars: int = 2) -> object:
    part = music21.stream.Part()
    part.append(music21.meter.TimeSignature("4/4"))
    for start, length, pitch in notes:
        part.insert(start, music21.note.Note(pitch, quarterLength=length))
    part.makeMeasures(inPlace=True)
    part.makeTies(inPlace=True)
    return part


def _stream(*parts: object) -> object:
    whole = music21.stream.Score()
    for part in parts:
        whole.insert(0, part)
    return whole


def test_tied_notes_are_one_and_bars_stay_whole() -> None:
    tied = _part((0, 3, 60), (3, 2, 64), (5, 3, 67))
    found = score_of(_stream(tied, _part((0, 4, 48), (4, 4, 55))), "it", 2)
    assert found is not None
    assert found.voices == (((0.0, 3.0, 60), (3.0, 2.0, 64), (5.0, 3.0, 67)), ((0.0, 4.0, 48), (4.0, 4.0, 55)))
    assert found.bars == (0.0, 4.0)
    assert (found.bar, found.tonic, found.mode) == (4.0, "C", "major")


def test_others_are_left_out() -> None:
    assert score_of(_stream(_part((0, 4, 60))), "it", 2) is None, "one voice"
    between = _part((0, 1 / 3, 60), (1 / 3, 1 / 3, 62), (2 / 3, 1 / 3, 64), (1, 3, 60))
    found = score_of(_stream(between), "it", 1)
    assert found is not None
    assert found.between == ((0.0, 1 / 3), (1 / 3, 2 / 3), (2 / 3, 1.0))
    assert score_of(_stream(_part()), "it", 1) is None, "no notes"


def test_scores_are_kept_and_a_broken_file_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GDL_CACHE", str(tmp_path))
    made = [Score("it", (((0.0, 1.0, 60),),), (0.0,), 4.0, "C", "major")]
    calls: list[int] = []

    def parsed(*_: object) -> list[Score]:
        calls.append(1)
        return made

    monkeypatch.setattr(scores, "_parsed", parsed)
    around = Around(tmp_path)
    assert scores.tunes(around) == made
    assert scores.tunes(around) == made
    assert len(calls) == 1
    (file,) = (tmp_path / "music").glob("tunes-*.json")
    file.write_text("[{}]")
    assert scores.tunes(around) == made
    assert len(calls) == 2
