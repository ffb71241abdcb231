"""`.gdl` files: a model that can be built again anywhere its plugin is installed. No pickle, no code, no clock.

The file is safetensors: the model's state, and under the one metadata key `gdl` a JSON text of all that describes it.
Equal models give equal bytes. Reading checks everything that the file claims before a tensor is used. Torch is imported
only when weights are read or written, so `read_header` is cheap.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from pydantic import BaseModel, ValidationError

from gdl_core.errors import (
    AmbiguousNameError,
    CheckpointError,
    GdlError,
    PluginError,
    StorageError,
    UnknownNameError,
)
from gdl_core.latent.space_settings import SpaceSettings
from gdl_core.media.atomic import write_bytes
from gdl_core.values import Table, TrainedModel

if TYPE_CHECKING:
    from torch import Tensor

    from gdl_core.contracts import Model
    from gdl_core.registry import Registry

FORMAT = 2
"""Highest version of the file format that is read; a file with a higher number is refused in words.

Models are written as 1; views into an inner latent space as 2, so that what knows no views does not take one for the
model that it looks into.
"""

HEADER_LIMIT = 16 << 20
"""Largest header in bytes that is written or read, so that a damaged length cannot ask for all the memory."""

_KEY = "gdl"
_SIZES = {"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
_FIELDS: dict[str, type] = {
    "model": str, "version": str, "package": str, "fingerprint": str, "config": dict, "data": dict, "training": dict,
    "history": dict, "data_shape": list, "tile": int, "rng_version": int,
}  # fmt: skip


class _ChangedError(CheckpointError):
    """The weights are not those that were written."""


def write_model(trained: TrainedModel, path: Path | str, record: Mapping[str, Any] | None = None) -> list[Path]:
    """Write a model to a `.gdl` file, whole or not at all, and return the files written, which is that one.

    Args:
        trained: the model.
        path: where to; an existing file is replaced once the new one is safe on the disk.
        record: what made it (recipe, step, versions), for `gdl show`.

    Raises:
        StorageError: the disk is full or may not be written.
    """
    from safetensors.torch import save

    from gdl_core.kernels import RNG_VERSION
    from gdl_core.latent.fingerprint import fingerprint
    from gdl_core.latent.spaces import unwrapped

    model = unwrapped(trained.model)
    about = {
        "format": 2 if trained.space else 1,
        "model": trained.name,
        "version": trained.version,
        "package": _package(model),
        "config": dict(trained.config),
        "data_shape": list(trained.data_shape),
        "tile": trained.tile,
        "rng_version": RNG_VERSION,
        "fingerprint": fingerprint(model, trained.config, trained.space),
        "data": dict(trained.data),
        "training": dict(trained.training),
        "history": {
            "title": trained.history.title, "header": trained.history.header, "rows": trained.history.rows,
        },
        "record": dict(record) if record is not None else None,
    } | ({"space": dict(trained.space)} if trained.space else {})  # fmt: skip
    told = {name: part if name == "config" else _sorted(part) for name, part in sorted(about.items())}
    text = json.dumps(_finite(told), allow_nan=False, ensure_ascii=False)  # the order of settings may mean something
    if len(text.encode()) > HEADER_LIMIT // 2:
        raise StorageError(f"{path}: what describes the model takes {len(text)} bytes, more than a .gdl file holds")
    state = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in model.state_dict().items()}
    contents = save(state, metadata={_KEY: text})
    write_bytes(Path(path), contents)
    return [Path(path)]


def read_header(path: Path | str) -> dict[str, Any]:
    """Return what a `.gdl` file says about its model, without torch and without reading the weights.

    Keys: `format`, `model`, `version`, `package`, `config`, `data_shape`, `tile`, `rng_version`, `fingerprint`, `data`,
    `training`, `history`, `record`, `space` of a view, and `tensors` with the shape and type of each.

    Raises:
        CheckpointError: the file cannot be read, is not a `.gdl` file, is damaged, or is of a newer format.
    """
    try:
        with Path(path).open("rb") as file:
            return _parse_header(Path(path), file)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error})") from error


def read_model(path: Path | str, registry: Registry | None = None) -> TrainedModel:
    """Read a model from a `.gdl` file, on the CPU and in evaluation mode.

    Args:
        path: the file.
        registry: where the model's plugin is looked up; the installed plugins by default.

    Raises:
        CheckpointError: the file is missing, foreign, damaged or newer; its plugin is not installed or does not fit it.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from gdl_core.latent.fingerprint import fingerprint

    header = read_header(path)
    if registry is None:
        from gdl_core.registry import get_registry

        registry = get_registry()
    kind, config = _look_up(Path(path), header, registry)
    shape = tuple(header["data_shape"])
    try:
        _refuse_other_tensors(Path(path), header, kind, config, shape)
        with torch.random.fork_rng(devices=[]):
            model: Model = kind(config, shape)
        state = load_file(path)
        _compare(Path(path), header, model.state_dict())
        model.load_state_dict(state)
    except CheckpointError:
        raise
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: the weights cannot be read ({error}); the file is damaged") from error
    except Exception as error:
        raise CheckpointError(
            f"{path}: {header['model']} could not be built from it ({type(error).__name__}: {error}); "
            f"it was written by version {header['version']} of {header['package']}"
        ) from error
    model.eval()
    space = header.get("space", {})
    if fingerprint(model, header["config"], space) != header["fingerprint"]:
        raise _ChangedError(
            f"{path}: does not hold what its fingerprint says; it was damaged or changed, copy it again"
        )
    history = header["history"]
    return TrainedModel(
        model=_view(Path(path), model, space) if space else model,
        name=header["model"],
        version=header["version"],
        config=header["config"],
        data_shape=shape,
        tile=header["tile"],
        fingerprint=header["fingerprint"],
        data=header["data"],
        history=Table(tuple(history["header"]), tuple(tuple(row) for row in history["rows"]), history["title"]),
        training=header["training"],
        space=space,
    )


def read_model_record(path: Path | str) -> dict[str, Any] | None:
    """Return the record of what made a `.gdl` file, or None where it was written without one.

    Raises:
        CheckpointError: see `read_header`.
    """
    record: dict[str, Any] | None = read_header(path)["record"]
    return record


def verify_model(path: Path | str, record: Mapping[str, Any]) -> bool:
    """Return whether the weights of a `.gdl` file are those that its fingerprint vouches for.

    Raises:
        CheckpointError: the file is damaged, or its plugin is not installed.
    """
    try:
        read_model(path)
    except _ChangedError:
        return False
    return True


def _parse_header(path: Path, file: BinaryIO) -> dict[str, Any]:
    start = file.read(8)
    size = path.stat().st_size
    if len(start) < 8:
        raise CheckpointError(f"{path}: not a .gdl file (it has {size} bytes)")
    length = struct.unpack("<Q", start)[0]
    foreign = f"{path}: not a .gdl file; give a model that gdl wrote (.gdl)"
    if start[:2] in (b"PK", b"\x80\x02", b"\x80\x04"):
        raise CheckpointError(f"{foreign}. Pickled checkpoints are never opened, because they can run code")
    if length > HEADER_LIMIT or length < 2:
        raise CheckpointError(foreign)
    text = file.read(length)
    if len(text) < length:
        cut = f"{path}: cut short (header of {length} bytes, file of {size}); copy it again"
        raise CheckpointError(cut if text[:1] == b"{" else foreign)
    try:
        table = _loads(text.decode())
        metadata = table.pop("__metadata__", None)
    except (ValueError, RecursionError, AttributeError) as error:
        raise CheckpointError(f"{foreign} (its header: {error})") from error
    if not isinstance(metadata, dict) or not isinstance(metadata.get(_KEY), str):
        raise CheckpointError(f"{path}: a safetensors file that gdl did not write: it does not say which model it is")
    try:
        about = _loads(metadata[_KEY])
        _check_about(path, about)
        end = 8 + length + _check_tensors(table)
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
        raise CheckpointError(f"{path}: a damaged header ({error}); copy the file again") from error
    if size != end:
        problem = "cut short" if size < end else "longer than it says"
        raise CheckpointError(f"{path}: {problem} ({size} bytes instead of {end}); copy it again")
    tensors = sorted(table.items())
    about["tensors"] = {name: {"dtype": entry["dtype"], "shape": entry["shape"]} for name, entry in tensors}
    return about


def _loads(text: str) -> dict[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            raise ValueError("a key is given twice")
        return result

    value = json.loads(text, object_pairs_hook=once)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value


def _check_about(path: Path, about: dict[str, Any]) -> None:
    number = about.get("format")
    if not isinstance(number, int) or number < 1:
        raise ValueError(f"format number {number!r}")
    if number > FORMAT:
        raise CheckpointError(
            f"{path}: written by a newer gdl (format {number}; this one reads up to {FORMAT}): update gdl-toolkit"
        )
    for key, kind in _FIELDS.items():
        if not isinstance(about.get(key), kind):
            raise ValueError(f"'{key}' is missing or not a {kind.__name__}")
    if not all(isinstance(side, int) and 0 < side < 1 << 32 for side in about["data_shape"]):
        raise ValueError(f"data_shape {about['data_shape']}")
    if not 1 <= about["tile"] <= 1 << 16:
        raise ValueError(f"tile {about['tile']}")
    if not isinstance(about.get("record"), dict | None):
        raise ValueError("'record' is not an object")
    if (number >= 2) != ("space" in about):
        raise ValueError(f"format {number} {'without' if number >= 2 else 'with'} a space")
    if "space" in about:
        _check_space(about["space"])
    columns = about["data"].get("columns", {})
    if not isinstance(columns, dict) or not all(isinstance(names, list) for names in columns.values()):
        raise ValueError("the columns of data are no lists of names")
    title, names, rows = (about["history"][key] for key in ("title", "header", "rows"))
    if not (isinstance(title, str) and isinstance(names, list) and isinstance(rows, list)):
        raise ValueError("history is not a table")
    if not all(isinstance(row, list) and len(row) == len(names) for row in rows):
        raise ValueError("the rows of history do not fit its header")


def _check_space(space: Any) -> None:
    try:
        settings = SpaceSettings.model_validate(space, strict=True)
    except ValidationError as error:
        raise ValueError(
            "; ".join(f"space {'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        ) from None
    if settings.model_dump() != space:
        raise ValueError("space does not say all of which, truncation and layers")


def _view(path: Path, model: Model, space: Mapping[str, Any]) -> Model:
    """Return the view of a model that a file describes."""
    from gdl_core.latent.spaces import StyleSpace

    try:
        return StyleSpace(model, SpaceSettings.model_validate(space))
    except GdlError as error:
        raise CheckpointError(f"{path}: is a view of a model that has no such space ({error})") from error


def _check_tensors(table: dict[str, Any]) -> int:
    """Return the length of the data; every tensor must begin where the one before ends and be as long as its shape."""
    end = 0
    for name, entry in sorted(table.items(), key=lambda item: tuple(item[1]["data_offsets"])):
        first, last = entry["data_offsets"]
        if not all(isinstance(side, int) and side >= 0 for side in entry["shape"]):
            raise ValueError(f"tensor '{name}' has shape {entry['shape']}")
        if first != end or last - first != math.prod(entry["shape"]) * _SIZES[entry["dtype"]]:
            raise ValueError(f"tensor '{name}' is not where its shape says")
        end = last
    return end


def _look_up(path: Path, header: Mapping[str, Any], registry: Registry) -> tuple[type[Model], BaseModel]:
    """Return the model's class and its settings."""
    name = header["model"]
    try:
        spec = registry.find("model", name)
        kind, settings = registry.load(spec, "target"), registry.load(spec, "config")
    except (UnknownNameError, AmbiguousNameError, PluginError) as error:
        raise CheckpointError(
            f"{path}: needs the model '{name}', which no working plugin offers ({error}); "
            f"it was written with {header['package']} {header['version']}: pip install {header['package']}"
        ) from error
    try:
        return kind, settings.model_validate(header["config"])
    except ValidationError as error:
        where = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise CheckpointError(
            f"{path}: the installed {header['package']} does not take its settings ({where}); "
            f"it was written with version {header['version']}"
        ) from error


def _refuse_other_tensors(
    path: Path, header: Mapping[str, Any], kind: type[Model], config: BaseModel, shape: tuple[int, ...]
) -> None:
    """Compare the file with a model built without memory, where the class allows that, before any memory is taken."""
    import torch

    try:
        with torch.device("meta"), torch.random.fork_rng(devices=[]):
            state = kind(config, shape).state_dict()
    except Exception:
        return  # a constructor that needs real numbers; the real model is compared later
    _compare(path, header, state)


def _compare(path: Path, header: Mapping[str, Any], state: Mapping[str, Tensor]) -> None:
    import torch

    names = {
        torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64",
        torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL",
    }  # fmt: skip
    wanted = {name: (names.get(tensor.dtype), list(tensor.shape)) for name, tensor in state.items()}
    stored = {name: (entry["dtype"], entry["shape"]) for name, entry in header["tensors"].items()}
    if wanted == stored:
        return
    name = min(name for name in {*wanted, *stored} if wanted.get(name) != stored.get(name))
    there, here = (" ".join(map(str, table.get(name, ("nothing",)))) for table in (stored, wanted))
    raise CheckpointError(
        f"{path}: does not fit the installed model '{header['model']}': '{name}' is {there} in the file and {here} in "
        f"the model; it was written with {header['package']} {header['version']}"
    )


def _package(model: Model) -> str:
    """Return the installed package that a model's class comes from."""
    root = type(model).__module__.partition(".")[0]
    return next(iter(packages_distributions().get(root, ())), root)


def _sorted(part: Any) -> Any:
    """Return plain JSON whose keys are in the order of the alphabet, so that equal things are equal bytes."""
    if isinstance(part, Mapping):
        return {key: _sorted(part[key]) for key in sorted(part)}
    return [_sorted(one) for one in part] if isinstance(part, list | tuple) else part


def _finite(value: Any) -> Any:
    """Return a value as JSON can hold it: numbers that are not finite become null, numpy's become Python's."""
    if isinstance(value, Mapping):
        return {str(key): _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    if hasattr(value, "item") and not isinstance(value, str):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, str | int | bool) or value is None else str(value)
