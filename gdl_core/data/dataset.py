"""The dataset that steps pass on: one array that batches index, and columns that describe its samples."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gdl_core.errors import DataError, UnknownNameError, did_you_mean
from gdl_core.specs import Kind
from gdl_core.values import Cell, Column

if TYPE_CHECKING:
    from torch import Tensor

    from gdl_core.data.truth import Truth
    from gdl_core.forms import Form

    Indices = Sequence[int] | NDArray[np.int64] | Tensor

_FINITE_CHUNK = 1 << 22
_CODES = (np.int16, np.int32)  # exact as float32 as far as there are so many letters or notes


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples with what is known about each.

    Args:
        name: name of the dataset, e.g. "digits".
        data: (n, *shape); uint8 pictures (n, channels, height, width); whole numbers of 16 or 32 bits, which stand for
            letters or notes and need a `form`; anything else float32. Kept as a read-only view.
        columns: labels, factors and attributes, each with n values. Generative training never sees them.
        held_out: indices of the samples that are never trained on.
        fingerprint: hex digest of the contents and of the settings that made them; see `fingerprint`.
        notes: what a person should know, e.g. files left out and why.
        truth: the distribution that the samples were drawn from, where it is known. Training never sees it.
        form: what samples are to a person, where they are not pictures; None: pictures, or plain numbers.

    Raises:
        DataError: the parts do not fit together, or the data hold numbers that are not finite.
    """

    kind: ClassVar[Kind] = "dataset"
    name: str
    data: NDArray[Any]
    columns: Mapping[str, Column]
    held_out: NDArray[np.int64]
    fingerprint: str
    notes: tuple[str, ...] = ()
    truth: Truth | None = None
    form: Form | None = None
    train: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        data = _checked(self.name, self.data, self.form is not None)
        n = len(data)
        for name, column in self.columns.items():
            if np.shape(column.values) != (n,):
                raise DataError(f"{self.name}: column '{name}' has shape {np.shape(column.values)}, not ({n},)")
            if column.names and n and not 0 <= column.values.min() <= column.values.max() < len(column.names):
                raise DataError(f"{self.name}: column '{name}' has codes outside its {len(column.names)} categories")
        held_out = np.unique(np.asarray(self.held_out, dtype=np.int64))
        if len(held_out) != len(self.held_out) or (len(held_out) and not 0 <= held_out[0] <= held_out[-1] < n):
            raise DataError(f"{self.name}: held-out indices must be different numbers from 0 to {n - 1}")
        train = np.setdiff1d(np.arange(n, dtype=np.int64), held_out, assume_unique=True)
        columns = MappingProxyType({name: _frozen(column) for name, column in self.columns.items()})
        for key, value in {"data": data, "held_out": held_out, "train": train, "columns": columns}.items():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
            object.__setattr__(self, key, value)

    def __len__(self) -> int:
        return len(self.data)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample, e.g. (channels, height, width)."""
        return tuple(self.data.shape[1:])

    @property
    def is_pictures(self) -> bool:
        """Whether the samples are pictures, uint8 (channels, height, width)."""
        return bool(self.data.dtype == np.uint8)

    def tensor(self, indices: Indices) -> Tensor:
        """Return samples as a new float32 tensor (len(indices), *shape): pictures in [0, 1], others as they are."""
        import torch

        rows = torch.from_numpy(self._rows(indices))
        return rows.to(torch.float32).div_(255.0) if self.is_pictures else rows.to(torch.float32)

    def targets(self, indices: Indices) -> dict[str, Tensor]:
        """Return the columns of samples: int64 codes of categories, float32 numbers, each (len(indices),)."""
        import torch

        index = np.asarray(indices, dtype=np.int64)
        return {
            name: torch.from_numpy(column.values[index].astype(np.int64 if column.names else np.float32))
            for name, column in self.columns.items()
        }

    def pixels(self, indices: Indices) -> NDArray[np.uint8]:
        """Return pictures for showing, uint8 (len(indices), height, width, channels).

        Raises:
            DataError: the samples are not pictures.
        """
        if not self.is_pictures:
            raise DataError(f"{self.name} holds no pictures, but samples of shape {self.shape}")
        return np.ascontiguousarray(self._rows(indices).transpose(0, 2, 3, 1))

    def column(self, name: str) -> Column:
        """Return a column by its name.

        Raises:
            UnknownNameError: there is none of that name.
        """
        if name not in self.columns:
            known = f"it has: {', '.join(self.columns)}" if self.columns else "it has no columns"
            raise UnknownNameError(f"{self.name} has no column '{name}'{did_you_mean(name, self.columns)} ({known})")
        return self.columns[name]

    def where(self, held_out: bool | None = None, **wanted: Cell) -> NDArray[np.int64]:
        """Return the sorted indices of samples whose columns have these values; `held_out` chooses a side of the split.

        Raises:
            UnknownNameError: there is no such column or category.
        """
        chosen = np.ones(len(self), dtype=bool)
        if held_out is not None:
            chosen[self.train if held_out else self.held_out] = False
        for name, value in wanted.items():
            column = self.column(name)
            try:
                code = column.code(value)
            except KeyError:
                known = f"its categories: {', '.join(column.names)}" if column.names else "it holds numbers"
                raise UnknownNameError(
                    f"{self.name}: column '{name}' has no '{value}'{did_you_mean(str(value), column.names)} ({known})"
                ) from None
            chosen &= column.values == np.asarray(code, dtype=column.values.dtype)
        return np.flatnonzero(chosen).astype(np.int64, copy=False)

    def _rows(self, indices: Indices) -> NDArray[Any]:
        rows: NDArray[Any] = self.data.take(np.asarray(indices, dtype=np.int64), axis=0)
        return rows


def fingerprint(*parts: object) -> str:
    """Return a hex digest (BLAKE2b, 128 bits) of arrays, columns, mappings and plain values, in their order."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        _digest(digest, part)
    return digest.hexdigest()


def _digest(digest: hashlib.blake2b, part: object) -> None:
    if isinstance(part, np.ndarray):
        digest.update(f"{part.dtype.str}{part.shape};".encode())
        digest.update(np.ascontiguousarray(part).data)
    elif isinstance(part, Column):
        _digest(digest, part.values)
        _digest(digest, part.names)
    elif isinstance(part, Mapping):
        for key in sorted(part):
            _digest(digest, str(key))
            _digest(digest, part[key])
    else:
        text = json.dumps(part, default=str)
        digest.update(f"{len(text)}:{text};".encode())


def _checked(name: str, data: NDArray[Any], has_form: bool) -> NDArray[Any]:
    """Return the data as a read-only plain array (a memory map stays mapped)."""
    array: NDArray[Any] = np.asarray(data).view()
    if array.dtype == np.uint8:
        if array.ndim != 4 or array.shape[1] not in (1, 3, 4):
            raise DataError(f"{name}: pictures are (n, channels, height, width), got {array.shape}")
    elif has_form and array.dtype in _CODES and array.ndim > 1:
        return array
    elif array.dtype != np.float32 or array.ndim < 2:
        raise DataError(f"{name}: samples are uint8 pictures or float32 (n, …), got {array.dtype} {array.shape}")
    else:
        flat = array.reshape(-1)
        for start in range(0, flat.size, _FINITE_CHUNK):
            if not np.isfinite(flat[start : start + _FINITE_CHUNK]).all():
                row = int(np.flatnonzero(~np.isfinite(array.reshape(len(array), -1)).all(axis=1))[0])
                raise DataError(f"{name}: sample {row} holds a number that is not finite; leave it out or mend it")
    return array


def _frozen(column: Column) -> Column:
    values = np.asarray(column.values).view()
    values.flags.writeable = False
    return Column(values, tuple(column.names))
