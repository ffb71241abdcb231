"""A file is there whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from media.values import FORMATS, RECORD, some

from gdl_core import media
from gdl_core.errors import StorageError
from gdl_core.media.atomic import replacing, sweep, write_bytes
from gdl_core.values import Images


def test_a_writer_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "a.bin"
    write_bytes(file, b"old")

    def half() -> None:
        with replacing(file) as temporary:
            temporary.write_bytes(b"ne")
            raise RuntimeError("cut off")

    with pytest.raises(RuntimeError, match="cut off"):
        half()
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:10])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageError, match=r"no space left to write a\.png"):
        media.write(Images(some(2)), tmp_path / "a.png", RECORD, FORMATS)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="cannot be written"):
        write_bytes(tmp_path / "file" / "a.png", b"x")


def test_folders_are_made_and_nothing_else_is_left(tmp_path: Path) -> None:
    write_bytes(tmp_path / "deep" / "er" / "a.txt", b"x")
    assert [path.name for path in (tmp_path / "deep" / "er").iterdir()] == ["a.txt"]


def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a.txt", b"x")
    for name in (
        ".gdl-part-0123abcd-a.png",
        "deep/.gdl-part-0123abcd-b.gif",
        "other/.gdl/x",
        "other/.gdl-part-0-c.png",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"half")
    (tmp_path / ".hidden.png").write_bytes(b"mine")
    sweep(tmp_path, ".gdl")
    left = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert left == [".hidden.png", "a.txt", "other/.gdl-part-0-c.png", "other/.gdl/x"]


def test_the_temporary_name_is_one_that_is_swept(tmp_path: Path) -> None:
    with replacing(tmp_path / "a.png") as temporary:
        temporary.write_bytes(b"half")
        sweep(tmp_path, ".gdl")
        assert not temporary.exists()
        temporary.write_bytes(b"whole")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
