"""Labels from class folders and from CSV files."""

from __future__ import annotations

from pathlib import Path

import pytest

from gdl_core.data.labels import class_folders, columns_of, read_labels
from gdl_core.errors import DataError
from gdl_core.values import Column

FILES = ["a.png", "b.png", "c.png"]


def columns(path: Path, text: str) -> tuple[dict[str, Column], list[str]]:
    (path / "labels.csv").write_text(text, encoding="utf-8")
    labels = read_labels(path / "labels.csv")
    rows = labels.match(FILES)
    return columns_of(labels, [rows[name] for name in FILES])


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_kinds_of_columns(tmp_path: Path, delimiter: str, mark: str) -> None:
    rows = ["file,colour,smile,age,digit", "a.png,red,yes,2.5,7", "b.png,blue,No,3,1", "c.png,red,true,4.25,7"]
    found, notes = columns(tmp_path, mark + "\n".join(rows).replace(",", delimiter))
    assert found["colour"].names == ("blue", "red")
    assert found["colour"].values.tolist() == [1, 0, 1]
    assert found["smile"].names == ("no", "yes")
    assert found["smile"].values.tolist() == [1, 0, 1]
    assert found["age"].names == ()
    assert found["age"].values.tolist() == [2.5, 3.0, 4.25]
    assert found["digit"].names == ("1", "7")
    assert found["digit"].values.tolist() == [1, 0, 1]
    assert notes == []


def test_words_that_are_no_categories_are_left_out(tmp_path: Path) -> None:
    files = [f"{i}.png" for i in range(60)]
    (tmp_path / "labels.csv").write_text("file,caption\n" + "\n".join(f"{file},words {file}" for file in files))
    labels = read_labels(tmp_path / "labels.csv")
    found, notes = columns_of(labels, files)
    assert found == {}
    assert "caption" in notes[0]


def test_files_are_found_by_path_and_by_name(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("file,label\nx/a.png,1\n.\\y\\b.png,2\nc.png,3\nd.png,4\n")
    labels = read_labels(tmp_path / "labels.csv")
    names = ["x/a.png", "y/b.png", "deep/down/c.png", "one/d.png", "two/d.png", "e.png"]
    assert labels.match(names) == {"x/a.png": "x/a.png", "y/b.png": "y/b.png", "deep/down/c.png": "c.png"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "wanted a header"),
        ("file,label\n", "wanted a header"),
        ("file\na.png\n", "wanted a header"),
        ("file,label\na.png,1,2\n", ":2 has 3 cells where the header has 2"),
        ("file,label\na.png,1\n\na.png,2\n", ":4 names 'a.png' a second time"),
        ("file,label,label\na.png,1,2\n", "different names"),
        ("file,\na.png,1\n", "different names"),
    ],
)
def test_a_wrong_table_is_named_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(DataError, match=told):
        read_labels(tmp_path / "labels.csv")


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_bytes(bytes(range(128, 256)))
    with pytest.raises(DataError, match="cannot be read as a table"):
        read_labels(tmp_path / "labels.csv")


def test_class_folders() -> None:
    found = class_folders(["cats/1.png", "dogs/old/2.png", "cats/3.png", "4.png"])
    assert found["label"].names == ("cats", "dogs", "none")
    assert found["label"].values.tolist() == [0, 1, 0, 2]
    assert class_folders(["cats/1.png", "cats/2.png"]) == {}
    assert class_folders(["1.png", "2.png"]) == {}
