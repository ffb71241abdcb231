"""Hashes of files and folders, and the memory of them that runs share."""

from __future__ import annotations

import os
import sqlite3
import threading
from pathlib import Path

import pytest

from gdl_core.errors import InputError
from gdl_core.recipe.hashes import FileHashes, file_digest, forget_old

OLD = (1_000_000_000, 1_000_000_000)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    (folder / "in").mkdir(parents=True)
    for name in ("one.png", "in/two.png", "three.png"):
        (folder / name).write_bytes(name.encode())
        os.utime(folder / name, OLD)
    return folder


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "hashes.sqlite"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are read."""
    names: list[str] = []
    read = Path.open

    def spy(self: Path, *arguments: object, **options: object) -> object:
        names.append(self.name)
        return read(self, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "open", spy)
    return names


def test_renaming_a_file_of_a_folder_counts_and_hidden_files_do_not(pictures: Path) -> None:
    before = FileHashes().digest(pictures)
    (pictures / ".DS_Store").write_bytes(b"x")
    assert FileHashes().digest(pictures) == before
    (pictures / "one.png").rename(pictures / "uno.png")
    assert FileHashes().digest(pictures) != before


def test_the_run_folder_inside_an_input_folder_is_left_out(pictures: Path) -> None:
    before = FileHashes().digest(pictures)
    (pictures / "runs").mkdir()
    (pictures / "runs" / "out.png").write_bytes(b"x")
    assert FileHashes().digest(pictures) != before
    assert FileHashes(leave_out=pictures / "runs").digest(pictures) == before


def test_a_folder_is_read_once_and_then_looked_over(pictures: Path, memory: Path, opened: list[str]) -> None:
    digest = FileHashes(memory=memory).digest(pictures)
    assert sorted(opened) == ["one.png", "three.png", "two.png"]
    opened.clear()
    assert FileHashes(memory=memory).digest(pictures) == digest
    assert opened == []
    (pictures / "in" / "two.png").write_bytes(b"other")
    assert FileHashes(memory=memory).digest(pictures) != digest
    assert opened == ["two.png", "two.png"]  # the write of this test, and one reading


def test_touching_a_file_reads_it_again_and_changes_nothing(pictures: Path, memory: Path, opened: list[str]) -> None:
    digest = FileHashes(memory=memory).digest(pictures)
    opened.clear()
    os.utime(pictures / "one.png", (2_000_000, 2_000_000))
    assert FileHashes(memory=memory).digest(pictures) == digest
    assert opened == ["one.png"]


def test_a_file_changed_within_a_tick_is_noticed(pictures: Path, memory: Path) -> None:
    file = pictures / "one.png"
    file.write_bytes(b"aa")
    state = file.stat()
    before = FileHashes(memory=memory).digest(file)
    file.write_bytes(b"bb")
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert FileHashes(memory=memory).digest(file) != before


def test_another_file_moved_into_the_place_is_noticed(pictures: Path, memory: Path) -> None:
    file, other = pictures / "one.png", pictures / "other"
    before = FileHashes(memory=memory).digest(file)
    other.write_bytes(b"ONE.PNG")
    os.utime(other, OLD)
    other.replace(file)
    assert FileHashes(memory=memory).digest(file) != before


def test_names_that_are_no_unicode_are_remembered(pictures: Path, memory: Path, opened: list[str]) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    try:
        (pictures / name).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system wants Unicode")
    os.utime(pictures / name, OLD)
    digest = FileHashes(memory=memory).digest(pictures)
    opened.clear()
    assert FileHashes(memory=memory).digest(pictures) == digest
    assert opened == []


@pytest.mark.parametrize("content", [b"", b"no database" * 100])
def test_a_damaged_memory_is_begun_anew(pictures: Path, memory: Path, content: bytes, opened: list[str]) -> None:
    memory.parent.mkdir()
    memory.write_bytes(content)
    digest = FileHashes(memory=memory).digest(pictures)
    FileHashes(memory=memory).digest(pictures)
    opened.clear()
    assert FileHashes(memory=memory).digest(pictures) == digest
    assert opened == []


def test_a_memory_that_cannot_be_kept_harms_nothing(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_bytes(b"a file where the folder should be")
    hashes = FileHashes(memory=tmp_path / "cache" / "hashes.sqlite")
    assert hashes.digest(pictures) == FileHashes().digest(pictures)


def test_a_busy_memory_is_done_without(pictures: Path, memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = FileHashes(memory=memory).digest(pictures)
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda place, timeout: connect(place, timeout=0.01))
    other = connect(memory, isolation_level=None)
    other.execute("begin exclusive")
    try:
        assert FileHashes(memory=memory).digest(pictures) == digest
    finally:
        other.close()


def test_many_at_once(pictures: Path, memory: Path) -> None:
    expected = FileHashes().digest(pictures)
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(FileHashes(memory=memory).digest(pictures))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 8


def test_old_hashes_are_forgotten(pictures: Path, memory: Path, opened: list[str]) -> None:
    assert forget_old(memory, 0) == 0
    FileHashes(memory=memory).digest(pictures)
    assert forget_old(memory, 1) == 0
    assert forget_old(memory, -1) == 3
    opened.clear()
    FileHashes(memory=memory).digest(pictures)
    assert len(opened) == 3


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing: cannot be read: No such file"):
        file_digest(tmp_path / "nothing")
