"""The picture cache: made once, never half, made again when damaged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gdl_core.data.cache import cached_pictures
from gdl_core.errors import StorageError
from gdl_core.files import cache_folder

PICTURES = np.random.default_rng(0).integers(0, 256, (12, 3, 5, 5), dtype=np.uint8)


class Maker:
    """Counts how often it is asked."""

    def __init__(self, pictures: NDArray[np.uint8] = PICTURES) -> None:
        self.pictures = pictures
        self.calls = 0

    def __call__(self, add: Callable[[NDArray[np.uint8]], None]) -> Mapping[str, Any]:
        self.calls += 1
        for picture in self.pictures:
            add(picture)
        return {"skipped": [[3, "why"]]}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GDL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "pictures"


def test_made_once(folder: Path) -> None:
    make = Maker()
    first, second = (cached_pictures("test", ["key"], make) for _ in range(2))
    assert make.calls == 1
    assert (first.pictures == PICTURES).all()
    assert (second.pictures == PICTURES).all()
    assert isinstance(second.pictures, np.memmap)
    assert first.digest == second.digest
    assert second.facts == {"skipped": [[3, "why"]]}
    assert not list(folder.glob("*.part"))


def test_the_digest_is_of_the_contents(folder: Path) -> None:
    other = PICTURES.copy()
    other[4, 0, 0, 0] ^= 1
    digests = [cached_pictures("test", key, Maker(p)).digest for key, p in enumerate([PICTURES, PICTURES, other])]
    assert digests[0] == digests[1] != digests[2]


def test_another_key_is_another_file(folder: Path) -> None:
    make = Maker()
    cached_pictures("test", {"size": 5}, make)
    cached_pictures("test", {"size": 6}, make)
    cached_pictures("other", {"size": 5}, make)
    assert make.calls == 3
    assert len(list(folder.glob("*.npy"))) == 3


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _scribble(path: Path) -> None:
    path.write_bytes(b"\xff" * 40 + path.read_bytes()[40:])


@pytest.mark.parametrize("damage", [_cut, _empty, _scribble, Path.unlink])
@pytest.mark.parametrize("suffix", [".npy", ".json"])
def test_a_damaged_file_is_made_again(folder: Path, damage: Callable[[Path], None], suffix: str) -> None:
    make = Maker()
    cached_pictures("test", 1, make)
    damage(next(folder.glob(f"*{suffix}")))
    again = cached_pictures("test", 1, make)
    assert make.calls == 2
    assert (again.pictures == PICTURES).all()


def test_a_file_of_another_shape_or_kind_is_made_again(folder: Path) -> None:
    make = Maker()
    for wrong in (PICTURES[:5], PICTURES.astype(np.float32), np.array([{"a": 1}], dtype=object)):
        cached_pictures("test", 1, make)
        np.save(next(folder.glob("*.npy")), wrong)
        assert (cached_pictures("test", 1, make).pictures == PICTURES).all()
    assert make.calls == 4


def test_facts_that_lie_are_not_believed(folder: Path) -> None:
    make = Maker()
    cached_pictures("test", 1, make)
    path = next(folder.glob("*.json"))
    facts = json.loads(path.read_text())
    path.write_text(json.dumps({**facts, "shape": [999, 3, 5, 5]}))
    assert len(cached_pictures("test", 1, make).pictures) == 12
    assert make.calls == 2


def test_an_interrupted_maker_leaves_nothing(folder: Path) -> None:
    def interrupted(add: Callable[[NDArray[np.uint8]], None]) -> Mapping[str, Any]:
        add(PICTURES[0])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached_pictures("test", 1, interrupted)
    assert not list(folder.glob("*.npy"))
    assert not list(folder.glob("*.part"))
    assert (cached_pictures("test", 1, Maker()).pictures == PICTURES).all()


KILLED = """
import os, sys, numpy as np
from gdl_core.data.cache import cached_pictures
def fill(add):
    for _ in range(5000):
        add(np.zeros((3, 32, 32), dtype=np.uint8))
    os.kill(os.getpid(), 9)
cached_pictures("test", 1, fill)
"""


def test_a_killed_maker_leaves_no_file_of_that_name_and_its_rest_is_swept(folder: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED], check=False)
    assert done.returncode != 0
    assert not list(folder.glob("*.npy"))
    assert list(folder.glob("*.part"))
    assert (cached_pictures("test", 1, Maker()).pictures == PICTURES).all()
    assert not list(folder.glob("*.part"))


RACING = """
import sys, time, numpy as np
from gdl_core.data.cache import cached_pictures
def fill(add):
    print("made", flush=True)
    for i in range(20):
        add(np.full((1, 4, 4), i, dtype=np.uint8))
        time.sleep(0.01)
    return {}
cached = cached_pictures("race", 1, fill)
assert (cached.pictures[:, 0, 0, 0] == np.arange(20)).all()
"""


def test_of_several_at_once_one_makes_it(folder: Path) -> None:
    racers = [
        subprocess.Popen([sys.executable, "-c", RACING], stdout=subprocess.PIPE, text=True, env=os.environ.copy())
        for _ in range(3)
    ]
    told = [racer.communicate()[0] for racer in racers]
    assert all(racer.returncode == 0 for racer in racers)
    assert "".join(told).count("made") == 1


def test_a_cache_that_cannot_be_written_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("GDL_CACHE", str(tmp_path / "file"))
    assert cache_folder() == tmp_path / "file"
    with pytest.raises(StorageError, match="GDL_CACHE"):
        cached_pictures("test", 1, Maker())
