"""IDX files, the format of MNIST (http://yann.lecun.com/exdb/mnist): plain or gzip."""

from __future__ import annotations

import gzip
import struct
import zlib
from math import prod
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from gdl_core.errors import DataError

_UNSIGNED_BYTES = 0x08
_MAX_BYTES = 1 << 30


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes with so many dimensions.

    Raises:
        DataError: it is not one, is cut short, has bytes left over, or is larger than 1 GiB.
    """
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if not packed:
                return _read(path, raw, dimensions)
            with gzip.open(raw) as stream:
                return _read(path, stream, dimensions)  # type: ignore[arg-type]
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read ({error}); copy or download it again") from error


def _read(path: Path, stream: IO[bytes], dimensions: int) -> NDArray[np.uint8]:
    head = stream.read(4 + 4 * dimensions)
    if len(head) < 4 + 4 * dimensions or head[:2] != b"\0\0" or head[2] != _UNSIGNED_BYTES or head[3] != dimensions:
        raise DataError(f"{path} is not an IDX file of unsigned bytes with {dimensions} dimensions")
    shape = struct.unpack(f">{dimensions}I", head[4:])
    if prod(shape) > _MAX_BYTES:
        raise DataError(f"{path} claims {prod(shape)} bytes, more than 1 GiB; it is not of MNIST's kind")
    content = stream.read(prod(shape) + 1)
    if len(content) != prod(shape):
        raise DataError(f"{path} holds {'more' if len(content) > prod(shape) else 'fewer'} bytes than its header says")
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)
