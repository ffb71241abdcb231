"""IDX files: read whole, or refused."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from gdl_core.data.idx import read_idx
from gdl_core.errors import DataError

PICTURES = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)


def idx(array: np.ndarray, kind: int = 0x08) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, kind, array.ndim, *array.shape) + array.tobytes()


@pytest.mark.parametrize("packed", [False, True])
def test_read(tmp_path: Path, packed: bool) -> None:
    (tmp_path / "x").write_bytes(gzip.compress(idx(PICTURES)) if packed else idx(PICTURES))
    assert (read_idx(tmp_path / "x", 3) == PICTURES).all()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x1f\x8b",
        idx(PICTURES)[:-1],
        idx(PICTURES) + b"\0",
        idx(PICTURES, kind=0x0D),
        idx(PICTURES[0]),
        struct.pack(">HBBIII", 0, 8, 3, 2**31, 2**31, 2**31),
        gzip.compress(idx(PICTURES), mtime=0)[:-9],
        gzip.compress(idx(PICTURES), mtime=0)[:20] + bytes(30),
        b"<html>not found</html>",
    ],
)
def test_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(DataError, match="x"):
        read_idx(tmp_path / "x", 3)


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        read_idx(tmp_path / "x", 3)
