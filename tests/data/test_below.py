"""Folders of runs, and what is hidden, are nothing to learn from, and change no key."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from gdl_core.data.below import files_below
from gdl_core.data.folder import scan
from gdl_core.recipe.hashes import FileHashes


def _named(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in files_below(folder, (".png",))]


def test_what_runs_have_made_is_passed_over(tmp_path: Path) -> None:
    for name in ("b.png", "a.PNG", "deeper/c.png", ".hidden/d.png", ".e.png", "f.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (2, 2)).save(path, "PNG")
    before = FileHashes().digest(tmp_path)
    assert _named(tmp_path) == ["a.PNG", "b.png", "deeper/c.png"]
    assert scan(tmp_path).names == ("a.PNG", "b.png", "deeper/c.png")
    made = tmp_path / "runs" / "mine"
    (made / ".gdl").mkdir(parents=True)
    Image.new("RGB", (2, 2)).save(made / "samples.png")
    assert _named(tmp_path) == ["a.PNG", "b.png", "deeper/c.png"]
    assert scan(tmp_path).names == ("a.PNG", "b.png", "deeper/c.png")
    assert FileHashes().digest(tmp_path) == before
    assert _named(made) == ["samples.png"], "unless it is asked for itself"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is forbidden to this user")
def test_a_folder_that_may_not_be_entered_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    try:
        assert _named(tmp_path) == ["a.png"]
    finally:
        closed.chmod(0o700)
