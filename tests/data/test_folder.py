"""A folder of pictures: what is found, what is left out and why, and that nothing is decoded twice."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from data import zoo

from gdl_core.data import folder as module
from gdl_core.data.folder import Loaded, hash_files, load_pictures, scan
from gdl_core.data.pictures import Framing
from gdl_core.errors import DataError

SMALL = Framing(16)


def silent(done: int, total: int) -> None:
    """Progress that nobody watches."""


def load(root: Path, names: Sequence[str] | None = None, framing: Framing = SMALL, limit: int | None = None) -> Loaded:
    names = scan(root).names if names is None else names
    hashes, _ = hash_files(root, names, silent)
    return load_pictures("test", root, [name for name in names if name in hashes], hashes, framing, silent, limit)


class Count:
    """Counts calls of a function, and passes them on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        self.calls = 0
        self.real = getattr(module, name)
        monkeypatch.setattr(module, name, self)

    def __call__(self, *arguments: object) -> object:
        self.calls += 1
        return self.real(*arguments)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GDL_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for seed in range(5):
        zoo.save(zoo.photo(seed=seed), tmp_path / "pictures" / f"{seed}.png")
    for path in (tmp_path / "pictures").iterdir():
        os.utime(path, (1_600_000_000, 1_600_000_000))
    return tmp_path / "pictures"


def test_the_zoo_is_read_and_the_rest_is_named(tmp_path: Path) -> None:
    root = tmp_path / "zoo"
    good, bad = zoo.good(root), zoo.bad(root)
    (root / "readme.txt").write_text("hello")
    (root / ".hidden.png").write_text("")
    if hasattr(os, "mkfifo"):
        os.mkfifo(root / "pipe.png")
    found = scan(root)
    loaded = load(root, found.names, Framing(16, min_size=8))
    assert set(loaded.names) == set(good)
    assert loaded.pictures.shape == (len(good), 3, 16, 16)
    notes = [*found.notes, *loaded.notes]
    for name in bad:
        assert any(note.startswith(f"left out {name}: ") for note in notes), name
    assert any("pipe.png: not a regular file" in note for note in notes)
    assert any("1 .txt" in note for note in notes)
    assert not any(".hidden" in note for note in notes)
    assert len(notes) == len(bad) + 2


def test_nothing_is_decoded_or_read_twice(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded, hashed = Count(monkeypatch, "read_picture"), Count(monkeypatch, "_sha256")
    first = load(pictures)
    second = load(pictures)
    assert (decoded.calls, hashed.calls) == (5, 5)
    assert (first.pictures == second.pictures).all()
    assert (first.digest, first.names) == (second.digest, second.names)


def test_touched_files_are_read_but_not_decoded_again(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load(pictures)
    decoded, hashed = Count(monkeypatch, "read_picture"), Count(monkeypatch, "_sha256")
    os.utime(pictures / "3.png", (1_700_000_000, 1_700_000_000))
    load(pictures)
    assert (decoded.calls, hashed.calls) == (0, 1)


def test_moved_and_renamed_files_are_known_by_their_contents(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = load(pictures)
    decoded = Count(monkeypatch, "read_picture")
    shutil.move(pictures, tmp_path / "moved")
    for path in list((tmp_path / "moved").iterdir()):
        path.rename(path.with_name(f"new-{path.name}"))
    after = load(tmp_path / "moved")
    assert decoded.calls == 0
    assert after.names == tuple(f"new-{name}" for name in before.names)
    assert (after.pictures == before.pictures).all()


def test_changed_contents_and_settings_are_decoded_again(pictures: Path) -> None:
    before = load(pictures)
    zoo.save(zoo.photo(seed=50), pictures / "3.png")
    after = load(pictures)
    assert (before.pictures[3] != after.pictures[3]).any()
    assert (before.pictures[[0, 1, 2, 4]] == after.pictures[[0, 1, 2, 4]]).all()
    assert load(pictures, framing=Framing(8)).pictures.shape[-1] == 8
    assert (load(pictures, framing=Framing(16, fit="pad")).pictures != after.pictures).any()


def test_a_change_within_the_same_tick_is_seen(pictures: Path) -> None:
    """Same size, same time of change: a file changed just now is not trusted to the index."""
    path = pictures / "3.png"
    grey = [zoo.png_header(9, 9), zoo.png_header(9, 8)]
    path.write_bytes(grey[0])
    stamp = path.stat().st_mtime_ns
    first = hash_files(pictures, ["3.png"], silent)[0]
    path.write_bytes(grey[1])
    os.utime(path, ns=(stamp, stamp))
    assert len(grey[0]) == len(grey[1])
    assert hash_files(pictures, ["3.png"], silent)[0] != first


@pytest.mark.parametrize("content", ["", "{", "[]", '{"0.png": 3}', "\x00"])
def test_a_damaged_index_is_forgotten(pictures: Path, tmp_path: Path, content: str) -> None:
    before = load(pictures)
    for index in (tmp_path / "cache" / "folders").glob("*.json"):
        index.write_text(content)
    assert load(pictures).digest == before.digest


def test_limit_takes_the_first_that_can_be_read(pictures: Path) -> None:
    (pictures / "1.png").write_text("no")
    loaded = load(pictures, limit=2)
    assert loaded.names == ("0.png", "2.png")
    assert (loaded.pictures == load(pictures).pictures[:2]).all()


def test_grey_only_where_every_picture_is(pictures: Path, tmp_path: Path) -> None:
    (pictures / "bad.png").write_text("no")
    assert load(pictures, framing=Framing(16, channels=0)).pictures.shape[1] == 3
    for path in pictures.glob("?.png"):
        zoo.save(zoo.photo(seed=int(path.stem)).convert("L"), tmp_path / "grey" / path.name)
    assert load(tmp_path / "grey", framing=Framing(16, channels=0)).pictures.shape[1] == 1


def test_no_picture_that_can_be_used_is_an_error(tmp_path: Path) -> None:
    zoo.bad(tmp_path / "zoo")
    (tmp_path / "zoo" / "around").unlink()
    with pytest.raises(DataError, match=r"none of the \d pictures can be used .*: "):
        load(tmp_path / "zoo", framing=Framing(16, min_size=8))
    assert not list((tmp_path / "cache" / "pictures").glob("*.npy"))


def test_an_empty_folder_and_no_folder_are_errors(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no pictures"):
        load(tmp_path / "empty")
    with pytest.raises(DataError, match="not a folder"):
        scan(tmp_path / "nowhere")


def test_many_threads_keep_the_order(tmp_path: Path) -> None:
    for level in range(150):
        size = 400 if level % 7 == 0 else 12
        zoo.save(zoo.Image.new("L", (size, size), level), tmp_path / "many" / f"{level:03}.png")
    loaded = load(tmp_path / "many", framing=Framing(8, channels=1))
    assert (loaded.pictures[:, 0, 4, 4] == np.arange(150)).all()
