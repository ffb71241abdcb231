"""Standard normal noise that is a function of its key alone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gdl_core.kernels import ops, reference
from gdl_core.kernels._load import Impl, use_native
from gdl_core.kernels.keys import resolve_key


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

    Row i of a tensor of two or more dimensions is the row that offset + i * ceil(cols / 4) draws alone. Without key and
    seed a key is drawn from torch's own generator. Shorter types are the float32 numbers rounded, float64 holds them
    exactly. Philox4x32-10 (Salmon et al. 2011) and Box–Muller.

    Raises:
        TypeError: dtype is no floating type, or key no int64 tensor.
        ValueError: key together with seed or offset, or of another shape than (2,).

    >>> randn((2, 3), seed=7).shape
    torch.Size([2, 3])
    >>> bool((randn((2, 3), seed=7)[1] == randn((1, 3), seed=7, offset=1)[0]).all())
    True
    """
    if not dtype.is_floating_point:
        raise TypeError(f"dtype must be a floating type, got {dtype}")
    like = torch.empty((), dtype=dtype, device=device).expand(tuple(shape))
    key = resolve_key(key, seed, offset, None, like.device)
    if use_native(impl, like.device, dtype):
        return ops.randn(like, key)
    return reference.randn(like.shape, key, like.device, dtype)
