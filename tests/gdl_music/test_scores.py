"""Scores of music21: what is read of them, and the cache."""

from __future__ import annotations

from pathlib import Path

import pytest
from dying_reader import die
from text_toys import Around

pytest.importorskip("music21", reason="needs the extra music")

import music21

from gdl_core.errors import CancelledError, DataError
from gdl_music import corpus
from gdl_music.scores import FileRead, Score, read_file, score_of


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


def _kern(*notes: str) -> str:
    """Return a tune of one voice in the format Humdrum, which music21 reads fast."""
    return "\n".join(("**kern", "*M4/4", "*k[]", "=1-", *notes, "=2", *notes, "==", "*-", ""))


@pytest.fixture
def toy_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for the corpus: two tunes, and a file that is none."""
    folder = tmp_path / "airdsAirs"
    folder.mkdir()
    (folder / "a.krn").write_text(_kern("4c", "4d", "4e", "4f"))
    (folder / "b.krn").write_text(_kern("4g", "4f", "4e", "4d"))
    (folder / "c.xml").write_text("<score-partwise><part")
    monkeypatch.setenv("GDL_CACHE", str(tmp_path))
    monkeypatch.setattr("music21.corpus.getPaths", lambda: sorted(folder.iterdir()))
    return folder


def _pitches(found: list[Score]) -> list[list[int]]:
    return [[note[2] for note in score.voices[0]] for score in found]


_TUNES = [[60, 62, 64, 65] * 2, [67, 65, 64, 62] * 2]


@pytest.mark.parametrize("few", [0, 8], ids=["several processes", "one process"])
def test_scores_are_kept_file_by_file(toy_corpus: Path, monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    monkeypatch.setattr(corpus, "_FEW", few)
    monkeypatch.setattr(corpus, "cores", lambda: 2)
    around = Around(toy_corpus)
    first = corpus.tunes(around)
    assert _pitches(first) == _TUNES
    assert [note.split(" (")[0] for note in around.notes] == ["left out: c.xml"]
    monkeypatch.setattr(corpus, "_read_all", None)
    again = Around(toy_corpus)
    assert (corpus.tunes(again), again.notes) == (first, around.notes)


def test_what_was_read_before_a_stop_is_not_read_again(toy_corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    around = Around(toy_corpus)

    def stop(done: int, total: int) -> None:
        if done == 1:
            raise CancelledError("enough")

    monkeypatch.setattr(around, "progress", stop)
    with pytest.raises(CancelledError):
        corpus.tunes(around)
    read: list[str] = []

    def reads(path: Path, voices: int) -> FileRead:
        read.append(path.name)
        return read_file(path, voices)

    monkeypatch.setattr(corpus, "read_file", reads)
    assert _pitches(corpus.tunes(Around(toy_corpus))) == _TUNES
    assert read == ["b.krn", "c.xml"]


@pytest.mark.parametrize(
    "tail", ['["airdsAirs/b.krn",{"sco', "\xff\n", '["airdsAirs/b.krn",{"scores":[{}]}]\n', "[]\n"]
)
def test_a_damaged_line_is_read_anew(toy_corpus: Path, tmp_path: Path, tail: str) -> None:
    first = corpus.tunes(Around(toy_corpus))
    (file,) = (tmp_path / "music").glob("tunes-*.jsonl")
    lines = file.read_text().splitlines(keepends=True)
    file.write_bytes(f"{lines[0]}{tail}".encode("latin-1"))
    assert corpus.tunes(Around(toy_corpus)) == first
    assert sorted(file.read_text().splitlines(keepends=True)) == sorted(lines)


def test_no_score_that_can_be_read_is_told(toy_corpus: Path) -> None:
    for name in ("a.krn", "b.krn"):
        (toy_corpus / name).unlink()
    with pytest.raises(DataError, match="music21 has no tunes that can be read here"):
        corpus.tunes(Around(toy_corpus))


def test_a_reader_that_dies_is_told(toy_corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "_FEW", 0)
    monkeypatch.setattr(corpus, "cores", lambda: 2)
    monkeypatch.setattr(corpus, "read_file", die)
    with pytest.raises(DataError, match="a process that reads scores died; the same command goes on"):
        corpus.tunes(Around(toy_corpus))
