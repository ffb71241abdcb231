"""Standard normal and uniform noise that is a function of its key alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.compiler import is_compiling

from gdl_core.kernels import ops, reference
from gdl_core.kernels._load import NATIVE_DTYPES, Impl, native_for
from gdl_core.kernels.keys import resolve_key


class _Noise(NamedTuple):
    """One kind of noise: its op for eager code, the op as torch.compile wants it, and its twin in plain torch."""

    at_once: Callable[[Tensor, Tensor], Tensor]
    native: Callable[[Tensor, Tensor], Tensor]
    plain: Callable[[torch.Size, Tensor, torch.device, torch.dtype], Tensor]


_NORMAL = _Noise(ops.RANDN, ops.randn, reference.randn)
_UNIFORM = _Noise(ops.UNIFORM, ops.uniform, reference.uniform)


def _draw(
    noise: _Noise,
    shape: Sequence[int],
    key: Tensor | None,
    seed: int | None,
    offset: int,
    device: torch.device | str | None,
    dtype: torch.dtype,
    impl: Impl,
) -> Tensor:
    # what follows costs a small call as much as a thousand numbers; the op checks the rest, and says no by raising
    if key is not None and seed is None and offset == 0 and dtype in NATIVE_DTYPES and not is_compiling():
        like = ops.outline(shape, dtype, device)
        if native_for(impl, like):
            try:
                return noise.at_once(like, key)
            except RuntimeError:
                pass
    if not dtype.is_floating_point:
        raise TypeError(f"dtype must be a floating type, got {dtype}")
    like = ops.outline(shape, dtype, device)
    key = resolve_key(key, seed, offset, None, like.shape, like.device)
    if native_for(impl, like):
        return noise.native(like, key)
    return noise.plain(like.shape, key, like.device, dtype)


def randn(
    shape: Sequence[int],
    *,
    key: Tensor | None = None,
    seed: int | None = None,
    offset: int = 0,
    device: torch.device | str | None = None,
    dtype: torch.dtype = torch.float32,
    impl: Impl = "auto",
) -> Tensor:
    """Draw standard normal numbers; the same key gives the same bits on every machine and number of threads.

    Row i of a tensor of two or more dimensions is the row that offset + i * ceil(cols / 4) draws alone. A key of shape
    (rows, 2) is one key for each row, which is then the first row that its key draws. Without key and seed a key is
    drawn from torch's own generator. Shorter types are the float32 numbers rounded, float64 holds them exactly.
    Philox4x32-10 (Salmon et al. 2011) and Box–Muller.

    Raises:
        TypeError: dtype is no floating type, or key no int64 tensor.
        ValueError: key together with seed or offset, or of another shape than (2,) or (rows, 2).

    >>> randn((2, 3), seed=7).shape
    torch.Size([2, 3])
    >>> bool((randn((2, 3), seed=7)[1] == randn((1, 3), seed=7, offset=1)[0]).all())
    True
    """
    return _draw(_NORMAL, shape, key, seed, offset, device, dtype, impl)


def uniform(
    shape: Sequence[int],
    *,
    key: Tensor | None = None,
    seed: int | None = None,
    offset: int = 0,
    device: torch.device | str | None = None,
    dtype: torch.dtype = torch.float32,
    impl: Impl = "auto",
) -> Tensor:
    """Draw numbers of [0, 1), evenly; keys, rows and bits are those of `randn`.

    A number is the top bits of its word over a power of two: 24 bits for float32 and float64, 11 for float16 and 8 for
    bfloat16, so that none is rounded up to 1. Philox4x32-10, Salmon et al. 2011.

    Raises:
        TypeError: dtype is no floating type, or key no int64 tensor.
        ValueError: key together with seed or offset, or of another shape than (2,) or (rows, 2).

    >>> u = uniform((1000,), seed=7)
    >>> bool((u >= 0).all() and (u < 1).all())
    True
    """
    return _draw(_UNIFORM, shape, key, seed, offset, device, dtype, impl)
