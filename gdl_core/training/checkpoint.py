"""Checkpoints: one safetensors file each, durable before the last one is given up. No pickle is read or written.

A file is written to a temporary name in the same folder, fsynced and renamed, so a kill at any moment leaves the
checkpoints that were there before. A digest over all contents finds files cut short or damaged.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from gdl_core.errors import CheckpointError, StorageError
from gdl_core.files import cannot_write

FORMAT = 1
_HEADER_LIMIT = 16 << 20  # a header is read into memory whole: refuse what no training of ours can have written
_PATTERN = "checkpoint-*.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """What is needed to go on: `tensors` by name (`model/…`, `average/…`, `adam/…`) and `state`, plain JSON."""

    step: int
    tensors: dict[str, Tensor]
    state: dict[str, Any]

    def group(self, name: str) -> dict[str, Tensor]:
        """Return the tensors whose names begin with `name/`, without it."""
        prefix = f"{name}/"
        return {key.removeprefix(prefix): value for key, value in self.tensors.items() if key.startswith(prefix)}


def save(folder: Path, key: str, checkpoint: Checkpoint, keep: int = 2) -> Path:
    """Write a checkpoint, then delete all but the newest `keep`.

    Args:
        folder: where checkpoints of one training lie.
        key: names the training; only a training with the same key goes on from this file.
        checkpoint: its tensors may live on any device and share memory.
        keep: number of files to keep.

    Raises:
        StorageError: the disk is full or may not be written; the checkpoints that were there are untouched.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.tensors.items()}
    owners: dict[int, str] = {}
    for name, tensor in tensors.items():  # tied weights have one memory, which safetensors refuses to write twice
        if owners.setdefault(tensor.data_ptr(), name) != name and tensor.numel():
            tensors[name] = tensor.clone()
    state = json.dumps({**checkpoint.state, "format": FORMAT, "key": key, "step": checkpoint.step}, allow_nan=True)
    data = safetensors.torch.save(tensors, {"gdl_checkpoint": state, "digest": _digest(tensors, state)})
    path = folder / f"checkpoint-{checkpoint.step:012d}.safetensors"
    _write(path, data)
    for old in _files(folder)[keep:]:
        old.unlink(missing_ok=True)
    return path


def load_newest(folder: Path, key: str) -> tuple[Checkpoint | None, list[str]]:
    """Return the newest readable checkpoint of this training, if there is one, and notes about those that were not.

    Temporary files left by a kill are deleted, and so are damaged checkpoints, once an older one or none is left to go
    on from.

    Raises:
        CheckpointError: a checkpoint was written by another training (another key) or by a newer gdl.
    """
    for orphan in folder.glob(".checkpoint-*.tmp"):
        orphan.unlink(missing_ok=True)
    notes = []
    for path in _files(folder):
        try:
            checkpoint = load(path)
        except CheckpointError as error:
            notes.append(f"{error}; went on from an older one")
            path.unlink(missing_ok=True)
            continue
        if checkpoint.state["format"] > FORMAT:
            raise CheckpointError(f"{path} was written by a newer gdl; upgrade, or delete it to begin again")
        if checkpoint.state["key"] != key:
            raise CheckpointError(
                f"{path} belongs to a training with other settings or data; delete the folder to begin again"
            )
        return checkpoint, notes
    return None, notes


def load(path: Path) -> Checkpoint:
    """Read one checkpoint; raise CheckpointError if it is not whole or not one."""
    try:
        with path.open("rb") as file:
            header = int.from_bytes(file.read(8), "little")
        if not 2 <= header <= min(_HEADER_LIMIT, path.stat().st_size - 8):
            raise CheckpointError(f"{path} is cut short or not a checkpoint")
        with safe_open(path, framework="pt") as opened:
            metadata = opened.metadata() or {}
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        text = metadata["gdl_checkpoint"]
        if metadata["digest"] != _digest(tensors, text):
            raise CheckpointError(f"{path} is damaged: its contents do not match its digest")
        state = json.loads(text)
        if not isinstance(state["format"], int) or not isinstance(state["key"], str):
            raise CheckpointError(f"{path} is not a checkpoint of gdl")
        return Checkpoint(int(state["step"]), tensors, state)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, RecursionError, RuntimeError) as error:
        raise CheckpointError(f"{path} cannot be read as a checkpoint ({type(error).__name__}: {error})") from error


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob(_PATTERN), reverse=True)


def _digest(tensors: dict[str, Tensor], state: str) -> str:
    digest = hashlib.blake2b(state.encode(), digest_size=16)
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(path.parent).free < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        told = f" (it needs {len(data):,} bytes; earlier checkpoints are untouched)"
        raise StorageError(f"{cannot_write(path, error)}{told}") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":  # elsewhere a folder cannot be opened, and renaming is durable by itself
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
