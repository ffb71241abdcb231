"""Latent points, vectors, pictures and films as arrays: NPZ without pickle, and safetensors. Both carry the record.

Names inside: `mean`, `log_var` and `column_0` … for latent points, `direction` for a vector, `pixels` otherwise; the
header `gdl` is JSON.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from gdl_core.errors import MediaError, printable
from gdl_core.media.atomic import write_bytes
from gdl_core.media.record import Record, from_text, to_text, with_content
from gdl_core.values import Cell, Column, Frames, Images, Latents, Vector

MAX_BYTES = 1 << 30
"""An NPZ file whose arrays take more is refused: a small file can inflate to any size."""

Arrays = dict[str, NDArray[Any]]
Value = Latents | Vector | Images | Frames


def pack(value: Value, record: Record | None) -> tuple[Arrays, dict[str, Any]]:
    """Return the arrays of a value and the header that says how to put it together again."""
    header: dict[str, Any] = {"kind": value.kind}
    if isinstance(value, Latents):
        arrays: Arrays = {"mean": value.mean}
        if value.log_var is not None:
            arrays["log_var"] = value.log_var
        arrays |= {f"column_{index}": column.values for index, column in enumerate(value.columns.values())}
        header |= {"space": value.space} if value.space else {}
        header["columns"] = [{"name": name, "names": list(column.names)} for name, column in value.columns.items()]
    elif isinstance(value, Vector):
        arrays = {"direction": value.direction}
        header |= {"name": value.name, "facts": dict(value.facts)}
        header |= {"space": value.space} if value.space else {}
    else:
        arrays = {"pixels": value.pixels}
        header["rows"] = list(value.rows)
        if isinstance(value, Frames):
            header |= {"fps": value.fps, "loop": value.loop}
        else:
            header |= {"captions": list(value.captions), "columns": value.columns}
    if record is not None:
        header["record"] = with_content(record, value)
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}, header


def unpack(arrays: Mapping[str, NDArray[Any]], header: Mapping[str, Any], name: str) -> Value:
    """Put a value together again; without a header (another program's file) the names of the arrays decide.

    Raises:
        MediaError: the arrays are not what they should be.
    """
    kind = header.get("kind") or next((kind for key, kind in _BY_ARRAY.items() if key in arrays), "")
    try:
        if kind == "latent":
            return _latents(arrays, header)
        if kind == "vector":
            direction = _floats(arrays["direction"])
            facts = _facts(header.get("facts", {}))
            return Vector(direction, _text(header.get("name", "")), facts, _space(header))
        if kind in ("image", "frames"):
            pixels = arrays["pixels"]
            if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[-1] not in (1, 3, 4) or not pixels.size:
                raise MediaError(f"{name}: 'pixels' must be uint8 (n, height, width, 1, 3 or 4)")
            return _pictures(pixels, header, kind == "frames")
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        told = printable(str(error)[:200])
        raise MediaError(f"{name} is damaged: {type(error).__name__} {told}") from error
    raise MediaError(f"{name} has arrays {', '.join(sorted(arrays)) or 'none'}; expected mean, direction or pixels")


def _latents(arrays: Mapping[str, NDArray[Any]], header: Mapping[str, Any]) -> Latents:
    mean = _floats(arrays["mean"])
    log_var = _floats(arrays["log_var"]) if "log_var" in arrays else None
    if mean.ndim < 2 or (log_var is not None and log_var.shape != mean.shape):
        raise ValueError("'mean' and 'log_var' should be of one shape (n, numbers)")
    columns: dict[str, Column] = {}
    for index, column in enumerate(header.get("columns", ())):
        values, names = arrays[f"column_{index}"], tuple(map(_text, column["names"]))
        if values.shape != mean.shape[:1] or values.dtype.kind not in ("iu" if names else "iuf"):
            raise ValueError(f"column {index} should have one number for each point")
        if names and len(values) and not (values.min() >= 0 and values.max() < len(names)):
            raise ValueError(f"column {index} has a code without a name")
        columns[_text(column["name"])] = Column(values, names)
    return Latents(mean, log_var, columns, _space(header))


def _space(header: Mapping[str, Any]) -> str:
    space = header.get("space", "")
    if space not in ("", "z", "w", "w+"):
        raise ValueError(f"'space' should be z, w or w+, got {str(space)[:9]!r}")
    return str(space)


def _pictures(pixels: NDArray[np.uint8], header: Mapping[str, Any], film: bool) -> Images | Frames:
    rows = tuple(map(_text, header.get("rows", ())))
    if film:
        fps = float(header.get("fps", 24))
        if not 0 < fps <= _MOST_FPS or len(rows) > _MOST_ROWS:
            raise ValueError(f"'fps' should be more than 0 and at most {_MOST_FPS}, 'rows' at most {_MOST_ROWS} names")
        return Frames(pixels, fps, bool(header.get("loop", True)), rows)
    captions, columns = tuple(map(_text, header.get("captions", ()))), int(header.get("columns", 0))
    most = max(_MOST_ROWS, len(pixels))
    if not 0 <= columns <= most or len(captions) > most or len(rows) > most:
        raise ValueError("'captions', 'rows' and 'columns' should fit the number of pictures")
    return Images(pixels, captions, columns, rows)


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        raise TypeError(f"a text of at most {_LONGEST_TEXT} letters expected, got {type(value).__name__}")
    return value


def _facts(value: Any) -> dict[str, Cell]:
    if not isinstance(value, dict) or not all(isinstance(cell, str | int | float | None) for cell in value.values()):
        raise TypeError("'facts' should be names with numbers or texts")
    return value


_MOST_FPS = 1000
_MOST_ROWS = 100
_LONGEST_TEXT = 1000  # it is drawn on one line
_BY_ARRAY = {"mean": "latent", "direction": "vector", "pixels": "image"}


def _floats(array: NDArray[Any]) -> NDArray[np.float32]:
    if array.dtype.kind not in "fiu":
        raise ValueError(f"numbers expected, got {array.dtype}")
    return array.astype(np.float32, copy=False)


def write_npz(value: Value, path: Path, record: Record | None) -> list[Path]:
    """Write a compressed NPZ; the same value gives the same bytes."""
    arrays, header = pack(value, record)
    arrays["gdl"] = np.frombuffer(to_text(header).encode(), dtype=np.uint8)
    buffer = BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]  # numpy's stub takes allow_pickle for one of them
    write_bytes(path, buffer.getvalue())
    return [path]


def _load_npz(path: Path) -> tuple[Arrays, dict[str, Any]]:
    arrays = _members(path)
    header = arrays.pop("gdl", None)
    return arrays, (from_text(header.tobytes()) or {}) if header is not None else {}


def _members(path: Path, only: str = "") -> Arrays:
    """Return the arrays of an NPZ file; what a member claims is compared with what is there before memory is taken."""
    try:
        with ZipFile(path) as archive:
            members = [info for info in archive.infolist() if not only or info.filename == f"{only}.npy"]
            if sum(info.file_size for info in members) > MAX_BYTES:
                raise MediaError(f"{path.name} is too large: its arrays take more than {MAX_BYTES:,} bytes")
            return {info.filename.removesuffix(".npy"): _array(archive.read(info)) for info in members}
    except MediaError:
        raise
    except FileNotFoundError as error:
        raise MediaError(f"no such file: {path}") from error
    except Exception as error:  # a damaged archive ends in any of a dozen exceptions
        raise MediaError(f"{path.name} is not an NPZ file of plain numbers") from error


def _array(data: bytes) -> NDArray[Any]:
    """Return the array of an .npy file without ever asking for memory that the file itself does not fill."""
    file = BytesIO(data)
    version = np.lib.format.read_magic(file)
    headers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    shape, fortran, dtype = headers[version](file)
    size = math.prod(shape) * dtype.itemsize
    if dtype.hasobject or any(side < 0 for side in shape) or size != len(data) - file.tell():
        raise ValueError("not what its header says")
    flat = np.frombuffer(bytearray(data[file.tell() :]), dtype=dtype)
    return flat.reshape(shape[::-1]).transpose() if fortran else flat.reshape(shape)


def read_npz(path: Path) -> Value:
    """Read latent points, a vector, pictures or a film. Pickled objects are refused."""
    arrays, header = _load_npz(path)
    return unpack(arrays, header, path.name)


def read_npz_record(path: Path) -> dict[str, Any] | None:
    """Return the record of an NPZ file, None where it has none."""
    header = _members(path, only="gdl").get("gdl")
    record = (from_text(header.tobytes()) or {}).get("record") if header is not None else None
    return record if isinstance(record, dict) else None


def write_safetensors(value: Value, path: Path, record: Record | None) -> list[Path]:
    """Write safetensors; the header is the metadata `gdl`."""
    arrays, header = pack(value, record)
    # One entry only: safetensors does not keep the order of several, and bytes should not depend on chance.
    write_bytes(path, save(arrays, metadata={"gdl": to_text(header)}))
    return [path]


def read_safetensors(path: Path) -> Value:
    """Read latent points, a vector, pictures or a film."""
    try:
        with safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            header = _header(file.metadata())
    except FileNotFoundError as error:
        raise MediaError(f"no such file: {path}") from error
    except Exception as error:  # of a type that numpy does not have, say
        raise MediaError(f"{path.name} is not a safetensors file of plain numbers") from error
    return unpack(arrays, header, path.name)


def read_safetensors_record(path: Path) -> dict[str, Any] | None:
    """Return the record of a safetensors file, None where it has none."""
    try:
        with safe_open(path, framework="numpy") as file:
            record = _header(file.metadata()).get("record")
    except (SafetensorError, OSError) as error:
        raise MediaError(f"{path.name} is not a safetensors file") from error
    return record if isinstance(record, dict) else None


def _header(metadata: Mapping[str, str] | None) -> dict[str, Any]:
    return from_text((metadata or {}).get("gdl")) or {}
