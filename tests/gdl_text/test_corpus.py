"""Files of texts as samples."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from text_toys import Around

from gdl_core.errors import DataError
from gdl_text import verses as verses_of
from gdl_text.config import NamesConfig, ShakespeareConfig, TextConfig, VersesConfig
from gdl_text.corpus import Document, named
from gdl_text.form import TextForm
from gdl_text.shakespeare import build as shakespeare
from gdl_text.text_files import build
from gdl_text.verses import build as verses
from gdl_text.verses import build_names


def _texts(dataset: object, rows: np.ndarray) -> list[str]:
    form = dataset.form
    assert isinstance(form, TextForm)
    return list(form.show(dataset.tensor(rows).numpy()).samples)


def test_windows_say_all_of_a_text_once(tmp_path: Path) -> None:
    story = "".join(f"{number} and " for number in range(200))
    (tmp_path / "a.txt").write_text(story)
    data = build(TextConfig(path=tmp_path / "a.txt", length=50, held_out=0.2), Around(tmp_path))
    train, held_out = _texts(data, data.train), _texts(data, data.held_out)
    at = len(story) - round(0.2 * len(story))
    for pieces, part in ((train, story[:at]), (held_out, story[at:])):
        whole, rest = divmod(len(part), 50)
        assert "".join(pieces[:whole]) == part[: 50 * whole]
        assert pieces[-1] == part[-50:]
        assert len(pieces) == whole + (rest > 0)
    assert data.columns == {}
    assert data.data.dtype == np.int16


def test_whole_documents_are_held_out_of_many(tmp_path: Path) -> None:
    for number in range(10):
        (tmp_path / f"{number}.txt").write_text(f"{number}" * 40)
    around = Around(tmp_path)
    data = build(TextConfig(path=tmp_path, length=8, held_out=0.2), around)
    names = data.column("document")
    out = set(names.values[data.held_out].tolist())
    assert len(out) == 2
    assert not out & set(names.values[data.train].tolist())
    assert any(note.startswith("held out: ") for note in around.notes)
    again = build(TextConfig(path=tmp_path, length=8, held_out=0.2), Around(tmp_path))
    assert again.fingerprint == data.fingerprint
    other = build(TextConfig(path=tmp_path, length=9, held_out=0.2), Around(tmp_path))
    assert other.fingerprint != data.fingerprint


def test_a_long_document_is_not_held_out_whole(tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / f"{number}.txt").write_text("ab" * (40_000 if number == 4 else 50))
    (tmp_path / "4.md").write_text("ab" * 50)
    data = build(TextConfig(path=tmp_path, length=16, held_out=0.1), Around(tmp_path))
    assert len(data.held_out) / len(data) == pytest.approx(0.1, abs=0.01)
    assert data.column("document").names[4:6] == ("4.md", "4.txt"), "names that tell them apart"
    with pytest.raises(DataError, match=r"too little to hold some out: the longest text has 80,000 letters"):
        build(TextConfig(path=tmp_path, length=65536, held_out=0.1), Around(tmp_path))


def test_lines_end_and_long_ones_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("\ufeffone\r\n\r\n  two \rthree is too long\nfour".encode())
    around = Around(tmp_path)
    data = build(TextConfig(path=tmp_path / "a.txt", samples="lines", length=8, held_out=0.25), around)
    assert sorted(_texts(data, np.arange(len(data)))) == ["four", "one", "two"]
    assert len(data.held_out) == 1
    assert around.notes == ["text: 1 of 4 lines have 8 pieces or more and are left out"]


def test_lines_that_are_alike_are_on_one_side(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\n".join(f"line {number % 7}" for number in range(60)))
    data = build(TextConfig(path=tmp_path / "a.txt", samples="lines", length=8, held_out=0.3), Around(tmp_path))
    sides = [set(_texts(data, side)) for side in (data.held_out, data.train)]
    assert [len(side) for side in sides] == [2, 5]
    assert not sides[0] & sides[1]


@pytest.mark.parametrize("long", range(1, 9))
def test_a_second_draw_keeps_lines_that_are_alike_on_one_side(tmp_path: Path, long: int) -> None:
    short = [f"line {letter}" for letter in "abc" for _ in range(4)]
    lines = [*short, *(f"too long a line: {number}" for number in range(long))]
    (tmp_path / "a.txt").write_text("\n".join(lines))
    settings = {"path": tmp_path / "a.txt", "samples": "lines", "length": 8, "held_out": 0.1}
    data = build(TextConfig(**settings), Around(tmp_path))
    sides = [set(_texts(data, side)) for side in (data.held_out, data.train)]
    assert not sides[0] & sides[1]
    assert [len(side) for side in sides] == [1, 2]


def test_of_lines_that_are_all_alike_none_is_held_out(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("the same\n" * 9)
    settings = {"path": tmp_path / "a.txt", "samples": "lines", "length": 9}
    with pytest.raises(DataError, match="text: the lines that fit are all alike, so none can be held out"):
        build(TextConfig(**settings), Around(tmp_path))
    assert len(build(TextConfig(**settings, held_out=0.0), Around(tmp_path))) == 9


def test_parts_that_are_shorter_than_a_sample_are_told_and_say_nothing_of_ends(tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text("the cat sat on the mat " * 60)
    (tmp_path / "short.txt").write_text("a short one")
    settings = {"tokens": "bpe", "vocabulary": 300, "length": 32, "held_out": 0.1}
    around = Around(tmp_path)
    data = build(TextConfig(path=tmp_path, **settings), around)
    assert around.notes == ["text: parts of short are left out, being shorter than a sample of 32 pieces"]
    assert not (data.tensor(np.arange(len(data))) == data.form.tokens.end).any()


def test_a_vocabulary_is_of_bpe(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="vocabulary is of bpe: say tokens: bpe as well, or leave it out"):
        TextConfig(path=tmp_path, vocabulary=300)


def test_pieces_are_learned_from_what_is_not_held_out(tmp_path: Path) -> None:
    for number in range(10):
        (tmp_path / f"{number}.txt").write_text(f"word{chr(97 + number)} " * 60)
    data = build(TextConfig(path=tmp_path, tokens="bpe", vocabulary=300, length=8, held_out=0.2), Around(tmp_path))
    names, known = data.column("document"), data.form.tokens.told()["json"]
    for side, whole in ((data.train, True), (data.held_out, False)):
        for code in np.unique(names.values[side]).tolist():
            assert (f"word{chr(97 + int(names.names[code]))}" in known) is whole
    lines = "\n".join(f"{chr(97 + number) * 3}" for number in range(20))
    (tmp_path / "lines.txt").write_text(lines)
    settings = {"samples": "lines", "tokens": "bpe", "vocabulary": 300, "length": 8, "held_out": 0.2}
    data = build(TextConfig(path=tmp_path / "lines.txt", **settings), Around(tmp_path))
    known = data.form.tokens.told()["json"]
    assert all((f'"{text[:2]}"' in known) is False for text in _texts(data, data.held_out))
    assert all((f'"{text[:2]}"' in known) is True for text in _texts(data, data.train))


def test_no_window_begins_within_a_letter(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("ab" * 30 + "äöü€" * 30 + "🎵 " * 9)
    settings = {"tokens": "bpe", "vocabulary": 258, "length": 7, "held_out": 0.0}
    data = build(TextConfig(path=tmp_path / "a.txt", **settings), Around(tmp_path))
    texts = _texts(data, np.arange(len(data)))
    assert len(texts) > 40
    assert not any(text.startswith("\N{REPLACEMENT CHARACTER}") for text in texts)
    whole = build(TextConfig(path=tmp_path / "a.txt", **{**settings, "length": 400}), Around(tmp_path))
    assert _texts(whole, np.arange(1))[0].endswith("🎵 ")


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    latin = tmp_path / "latin.txt"
    latin.write_bytes("Bücher über Bücher".encode("latin-1"))
    settings = {"length": 8, "held_out": 0.0}
    with pytest.raises(DataError, match=r"latin.txt is not a text in utf-8 \(byte 1\); say what it is, like encoding"):
        build(TextConfig(path=latin, **settings), Around(tmp_path))
    data = build(TextConfig(path=latin, encoding="latin-1", **settings), Around(tmp_path))
    assert _texts(data, np.arange(1)) == ["Bücher ü"]
    with pytest.raises(DataError, match="'klingon' is no encoding that texts are written in"):
        build(TextConfig(path=latin, encoding="klingon", **settings), Around(tmp_path))
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(DataError, match="folder holds no text"):
        build(TextConfig(path=folder, **settings), Around(tmp_path))
    (folder / "bad.txt").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(DataError, match="none of the 1 files in folder could be read"):
        build(TextConfig(path=folder, **settings), Around(tmp_path))
    for encoding in ("undefined", "a\0b", "unicode_escape"):
        (tmp_path / "odd.txt").write_bytes(b"\\ud800")
        with pytest.raises(DataError, match=r"is no encoding that|is not a text in"):
            build(TextConfig(path=tmp_path / "odd.txt", encoding=encoding, **settings), Around(tmp_path))
    (folder / "good.md").write_text("a good one that is long")
    (folder / ".hidden.txt").write_text("hidden")
    (folder / "run" / ".gdl").mkdir(parents=True)
    (folder / "run" / "report.md").write_text("of a run")
    (tmp_path / "empty.txt").write_text(" ")
    with pytest.raises(DataError, match=r"empty.txt is empty"):
        build(TextConfig(path=tmp_path / "empty.txt", **settings), Around(tmp_path))
    (folder / "empty.txt").write_text(" \n")
    around = Around(tmp_path)
    assert len(build(TextConfig(path=folder, **settings), around)) == 3
    assert [note.split(":")[0] for note in around.notes] == ["left out"] * 2
    with pytest.raises(DataError, match="0 of 1 lines have fewer than 4 pieces"):
        build(TextConfig(path=folder / "good.md", samples="lines", length=4), Around(tmp_path))


class _Counted(str):
    compared = 0

    def __eq__(self, other: object) -> bool:
        _Counted.compared += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def test_names_of_many_documents_are_not_compared_each_with_each() -> None:
    documents = [Document(f"{number}.txt", "", {}) for number in range(1000)]
    found = named(documents, [_Counted(number) for number in range(1000)])
    assert [document.name for document in found] == [str(number) for number in range(1000)]
    assert _Counted.compared < 10_000


def test_a_short_name_is_no_other_documents_long_one() -> None:
    documents = [Document(name, "", {}) for name in ("a.md", "a.md.txt", "a.txt", "b.txt")]
    found = [document.name for document in named(documents, ["a", "a.md", "a", "b"])]
    assert found == ["a.md", "a.md.txt", "a.txt", "b"]


def test_plays_lose_their_markdown(tmp_path: Path) -> None:
    for genre, name in (("comedies", "one"), ("tragedies", "two")):
        (tmp_path / genre).mkdir()
        play = f"# {name}\n\n## ACT I\n\n_Enter A_\n\n\n**A**  \nHo, _\\[aside]_ you\\-- *Exit.*  \nho!\n"
        (tmp_path / genre / f"{name}.md").write_text(play)
    data = shakespeare(ShakespeareConfig(path=tmp_path, length=16, held_out=0.0), Around(tmp_path))
    assert "".join(_texts(data, np.arange(3))).startswith("one\n\nACT I\n\n[Enter A]\n\nA\nHo, [aside] you-- [Exi")
    assert data.column("genre").names == ("comedies", "tragedies")
    assert data.column("document").names == ("one", "two")


def test_verses_and_names_of_files(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text("In the beginning\nAnd the earth\nAnd God said\n")
    data = verses(VersesConfig(path=tmp_path / "v.txt", tokens="characters", length=20), Around(tmp_path))
    assert len(data) == 3
    assert len(data.held_out) == 1
    (tmp_path / "n.txt").write_text("Ada\nGrace\nEmmy\n")
    assert build_names(NamesConfig(path=tmp_path / "n.txt", length=8), Around(tmp_path)).form.tokens.size == 11


KINDS = pytest.mark.parametrize(
    ("build_one", "config"),
    [(verses, VersesConfig), (build_names, NamesConfig), (shakespeare, ShakespeareConfig)],
    ids=["verses", "names", "shakespeare"],
)


@KINDS
def test_files_of_every_dataset_may_be_in_any_encoding(build_one: Any, config: Any, tmp_path: Path) -> None:
    path = tmp_path / "folder" if config is ShakespeareConfig else tmp_path / "v.txt"
    file = path / "v.md" if config is ShakespeareConfig else path
    file.parent.mkdir(exist_ok=True)
    file.write_bytes("Jürgen\nZoë\n".encode("latin-1"))
    settings = {"path": path, "length": 12 if config is ShakespeareConfig else 8, "held_out": 0.0}
    settings |= {} if config is NamesConfig else {"tokens": "characters"}
    with pytest.raises(DataError, match=r"v.txt is not a text in utf-8|none of the 1 files in folder could be read"):
        build_one(config(**settings), Around(tmp_path))
    data = build_one(config(**settings, encoding="latin-1"), Around(tmp_path))
    assert "".join(_texts(data, np.arange(len(data)))).replace("\n", "") == "JürgenZoë"


@KINDS
def test_an_encoding_is_of_a_path(build_one: Any, config: Any) -> None:
    assert config().encoding == "utf-8"
    with pytest.raises(ValueError, match="encoding is of path: give path as well, or leave it out"):
        config(encoding="latin-1")


def _forbidden(path: Path) -> bytes:
    raise PermissionError(13, "Permission denied", str(path))


@pytest.mark.parametrize("cut", ["head", "body", "end", "whole", "forbidden"])
def test_damaged_names_of_debian_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: str) -> None:
    path = tmp_path / "names.gz"
    whole = gzip.compress("Ada\nZoë\nEmmy\n".encode("latin-1"))
    monkeypatch.setattr(verses_of, "NAMES", path)
    path.write_bytes(whole)
    data = build_names(NamesConfig(length=8), Around(tmp_path))
    assert sorted(_texts(data, np.arange(len(data)))) == ["Ada", "Emmy", "Zoë"]
    body = whole[:10] + b"\xff" + whole[11:]
    damaged = {"head": b"no" + whole, "body": body, "end": whole[:-9], "whole": b""}
    path.write_bytes(damaged.get(cut, b""))
    if cut == "forbidden":
        monkeypatch.setattr(Path, "read_bytes", _forbidden)
    told = re.escape(f"{path} is empty" if cut == "whole" else f"{path} cannot be read (")
    with pytest.raises(DataError, match=told + r".*; install miscfiles again .*, or give path") as error:
        build_names(NamesConfig(length=8), Around(tmp_path))
    assert "\n" not in str(error.value)
