"""Latent points, vectors, pictures and films as arrays: NPZ without pickle, and safetensors. Both carry the record.

Names inside: `mean`, `log_var` and `column_0` … for latent points, `direction` for a vector, `pixels` otherwise; the
header `gdl` is JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from gdl_core.errors import MediaError
from gdl_core.media.atomic import write_bytes
from gdl_core.media.record import Record, from_text, to_text, with_content
from gdl_core.values import Column, Frames, Images, Latents, Vector

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
        header["columns"] = [{"name": name, "names": list(column.names)} for name, column in value.columns.items()]
    elif isinstance(value, Vector):
        arrays = {"direction": value.direction}
        header |= {"name": value.name, "facts": dict(value.facts)}
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
            columns = {
                column["name"]: Column(arrays[f"column_{index}"], tuple(column["names"]))
                for index, column in enumerate(header.get("columns", ()))
            }
            log_var = arrays.get("log_var")
            return Latents(_floats(arrays["mean"]), None if log_var is None else _floats(log_var), columns)
        if kind == "vector":
            return Vector(_floats(arrays["direction"]), header.get("name", ""), header.get("facts", {}))
        if kind in ("image", "frames"):
            pixels = arrays["pixels"]
            if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[-1] not in (1, 3, 4):
                raise MediaError(f"{name}: 'pixels' must be uint8 (n, height, width, 1, 3 or 4)")
            rows = tuple(header.get("rows", ()))
            if kind == "frames":
                return Frames(pixels, float(header.get("fps", 24)), bool(header.get("loop", True)), rows)
            return Images(pixels, tuple(header.get("captions", ())), int(header.get("columns", 0)), rows)
    except (KeyError, TypeError, ValueError) as error:
        raise MediaError(f"{name} is damaged: {type(error).__name__} {error}") from error
    raise MediaError(f"{name} has arrays {', '.join(sorted(arrays)) or 'none'}; expected mean, direction or pixels")


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
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except FileNotFoundError as error:
        raise MediaError(f"no such file: {path}") from error
    except (OSError, ValueError, BadZipFile, EOFError, AttributeError) as error:
        raise MediaError(f"{path.name} is not an NPZ file of plain numbers") from error
    header = arrays.pop("gdl", None)
    return arrays, (from_text(header.tobytes()) or {}) if header is not None else {}


def read_npz(path: Path) -> Value:
    """Read latent points, a vector, pictures or a film. Pickled objects are refused."""
    arrays, header = _load_npz(path)
    return unpack(arrays, header, path.name)


def read_npz_record(path: Path) -> dict[str, Any] | None:
    """Return the record of an NPZ file, None where it has none."""
    return _load_npz(path)[1].get("record")


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
    except (SafetensorError, OSError, TypeError) as error:
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
