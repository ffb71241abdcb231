"""Keys of the noise: int64 tensors of two words, (seed, offset), read as unsigned 64-bit numbers."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.compiler import is_compiling

# The version of the noise: a change of one bit of any number is a new version. Stored in checkpoints and records.
RNG_VERSION = 1

_WORD = 1 << 64


def _signed(value: int, name: str) -> int:
    if not isinstance(value, int):
        raise TypeError(f"{name} must be an int, got {type(value).__name__}")
    if not -(_WORD // 2) <= value < _WORD:
        raise ValueError(f"{name} must fit in 64 bits, got {value}")
    return value - _WORD if value >= _WORD // 2 else value


def make_key(seed: int, offset: int = 0) -> Tensor:
    """Return the key (seed, offset), int64 of shape (2,) on the CPU.

    The number at row r, column j of a tensor with `cols` columns comes from word j % 4 of the Philox counter
    offset + r * ceil(cols / 4) + j // 4. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011.

    Raises:
        TypeError, ValueError: seed or offset is not an integer of 64 bits.

    >>> make_key(7).tolist()
    [7, 0]
    """
    words = _signed(seed, "seed"), _signed(offset, "offset")
    if is_compiling():
        return torch.tensor(words, dtype=torch.int64)
    return torch.from_numpy(np.array(words, dtype=np.int64))  # sooner there than by torch.tensor


def resolve_key(
    key: Tensor | None,
    seed: int | None,
    offset: int,
    generator: torch.Generator | None,
    shape: torch.Size | None,
    device: torch.device,
) -> Tensor:
    """Return the key that the caller meant: the one given, one made from the seed, or one drawn at random.

    `shape` is that of the tensor whose rows may have keys of their own, None where they may not.
    """
    if key is not None:
        if seed is not None or offset != 0 or generator is not None:
            raise ValueError("a key holds seed and offset already: give either key or seed, offset and generator")
        if not isinstance(key, Tensor) or key.dtype != torch.int64:
            raise TypeError("key must be an int64 tensor of shape (2,) or (rows, 2): seed and offset; see make_key")
        if key.dim() == 1 and key.shape[0] == 2:
            return key
        if shape is None:
            raise ValueError(f"key must have shape (2,), seed and offset, got {tuple(key.shape)}")
        rows = rows_and_cols(shape)[0]
        if key.dim() != 2 or key.shape[0] != rows or key.shape[1] != 2:
            wanted = f"(2,), seed and offset, or ({rows}, 2), one such pair for each row"
            raise ValueError(f"key must have shape {wanted}, got {tuple(key.shape)}")
        return key if key.device == device else key.to(device)
    if seed is not None:
        if generator is not None:
            raise ValueError("give either seed or generator, not both")
        return make_key(seed, offset)
    where = generator.device if generator is not None else device
    drawn = torch.randint(-(2**63), 2**63 - 1, (2,), generator=generator, device=where)
    return drawn + torch.tensor((0, _signed(offset, "offset")), device=where) if offset else drawn


def rows_and_cols(shape: torch.Size) -> tuple[int, int]:
    """Return how a tensor is cut into latent vectors: shape[0] rows, or one row for no or one dimension."""
    if len(shape) < 2:
        return 1, shape.numel()
    return shape[0], shape[1:].numel()
