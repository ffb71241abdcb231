"""Upsampling, downsampling and blurring of pictures with a separable filter; gradients of gradients are native too."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from gdl_core.kernels import ops, reference_style
from gdl_core.kernels._load import Impl, transforms_active, use_native

MAX_TAPS = 256

Grid = tuple[int, int, int, int, int, int]  # up, down, left, right, top, bottom

Padding = int | tuple[int, int] | tuple[int, int, int, int]


def _adjoint(grid: Grid, size: Sequence[int], out_size: Sequence[int], tap_count: int) -> Grid:
    """Return the grid of the gradient: up and down exchanged, and the padding that gives the input's size back."""
    up, down, left, _, top, _ = grid
    (height, width), (out_height, out_width) = size, out_size
    right = width * up - out_width * down + left - up + 1
    bottom = height * up - out_height * down + top - up + 1
    return down, up, tap_count - 1 - left, right, tap_count - 1 - top, bottom


class _Resample(torch.autograd.Function):
    """The native op on the tape. Linear in x: it saves the taps alone, and its gradient is the op itself."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, taps: Tensor, grid: Grid, flip: bool, gain: float) -> Tensor:
        ctx.save_for_backward(taps)
        ctx.shape, ctx.grid, ctx.flip, ctx.gain = x.shape, grid, flip, gain
        return ops.resample(x, taps, grid, flip, gain)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (taps,) = ctx.saved_tensors
        if 0 in ctx.shape:
            return grad.new_zeros(ctx.shape), None, None, None, None
        grid = _adjoint(ctx.grid, ctx.shape[2:], grad.shape[2:], len(taps))
        if torch.is_grad_enabled() and not torch.compiler.is_compiling():  # create_graph=True
            return _Resample.apply(grad, taps, grid, not ctx.flip, ctx.gain), None, None, None, None  # type: ignore[no-untyped-call]
        return ops.resample(grad, taps, grid, not ctx.flip, ctx.gain), None, None, None, None


def _four(padding: Padding) -> tuple[int, int, int, int]:
    numbers = (padding,) * 4 if isinstance(padding, int) else tuple(padding)
    if len(numbers) == 2:
        numbers = numbers * 2
    if len(numbers) != 4 or not all(isinstance(n, int) for n in numbers):
        raise ValueError(
            f"padding must be 1, 2 (before, after) or 4 (left, right, top, bottom) integers, got {padding!r}"
        )
    return numbers


def _check(x: Tensor, filter: Tensor, up: int, down: int) -> None:  # noqa: A002
    if not x.dtype.is_floating_point or not filter.dtype.is_floating_point:
        raise TypeError(f"x and filter must have floating dtypes, got {x.dtype} and {filter.dtype}")
    if x.dim() != 4:
        raise ValueError(f"x must be (batch, channels, height, width), got {tuple(x.shape)}")
    if filter.dim() != 1 or not 1 <= len(filter) <= MAX_TAPS:
        raise ValueError(f"filter must be 1 to {MAX_TAPS} taps in one dimension, got shape {tuple(filter.shape)}")
    if filter.device != x.device:
        raise ValueError(f"x and filter must be on one device, got {x.device} and {filter.device}")
    if filter.requires_grad:
        raise ValueError("resample has no gradient for its filter: pass filter.detach()")
    for name, factor in (("up", up), ("down", down)):
        if not isinstance(factor, int) or factor < 1:
            raise ValueError(f"{name} must be an integer of 1 or more, got {factor!r}")


def resample(
    x: Tensor,
    filter: Tensor,  # noqa: A002
    *,
    up: int = 1,
    down: int = 1,
    padding: Padding = 0,
    flip: bool = False,
    gain: float = 1.0,
    impl: Impl = "auto",
) -> Tensor:
    """Upsample by zeros, pad, filter, and downsample pictures x (batch, channels, height, width).

    Each pixel gets up - 1 zeros to its right and below; `padding` zeros are added, or rows and columns cut off where it
    is negative: one number for all sides, (before, after) for both directions, or (left, right, top, bottom). The
    result is convolved with the separable `filter` (taps) in both directions where it fits, multiplied by `gain`, and
    every down-th row and column is kept from the first on, so that a side of n pixels becomes

        (n * up + before + after - taps) // down + 1

    long. The filter is used as it is (`make_filter` gives one of sum 1), and mirrored as convolution demands; `flip`
    correlates instead. Zeros and taps are multiplied in float32; the result has the dtype of x, under autocast too, and
    is contiguous: channels-last input is copied. This is the upfirdn of Matlab and of Karras et al. 2020.

    Differentiable in x as often as one likes, natively: the gradient is the same operation with up and down exchanged.
    The filter has no gradient.

    Raises:
        TypeError: a dtype is not floating.
        ValueError: shapes, factors or padding do not fit, nothing is left of the picture, or the filter requires a
            gradient.
        RuntimeError: impl is "native" where there is no native code.

    >>> resample(torch.tensor([[[[1.0, 2.0]]]]), torch.tensor([3.0, 1.0]), padding=(1, 0, 1, 0)).tolist()
    [[[[9.0, 21.0]]]]
    """
    _check(x, filter, up, down)
    left, right, top, bottom = _four(padding)
    height, width = x.shape[2] * up + top + bottom, x.shape[3] * up + left + right
    if height < len(filter) or width < len(filter):
        raise ValueError(f"a filter of {len(filter)} taps does not fit into {height}x{width} pixels; add padding")
    grid = (up, down, left, right, top, bottom)
    if not use_native(impl, x.device, x.dtype) or transforms_active():
        return reference_style.resample(x, filter, grid, flip, gain)
    taps = filter if filter.dtype == torch.float32 else filter.float()
    if torch.is_grad_enabled() and x.requires_grad:
        out: Tensor = _Resample.apply(x, taps, grid, flip, gain)  # type: ignore[no-untyped-call]
        return out
    return ops.resample(x, taps, grid, flip, gain)


def make_filter(taps: Sequence[float] = (1, 3, 3, 1), *, device: torch.device | str | None = None) -> Tensor:
    """Return the taps divided by their sum, float32: by default the binomial filter of Karras et al. 2020.

    Raises:
        ValueError: there are no taps, or their sum is zero or not finite.

    >>> make_filter().tolist()
    [0.125, 0.375, 0.375, 0.125]
    """
    total = math.fsum(taps)
    if not math.isfinite(total) or total == 0:
        raise ValueError(f"the taps of a filter must have a finite sum that is not zero, got {list(taps)}")
    return torch.tensor([tap / total for tap in taps], dtype=torch.float32, device=device)


def upsample2d(x: Tensor, filter: Tensor, *, factor: int = 2, impl: Impl = "auto") -> Tensor:  # noqa: A002
    """Make pictures (batch, channels, height, width) `factor` times as large, the mean kept for a filter of sum 1.

    The padding keeps the grid centred for filters of an even number of taps (factor 2). Karras et al. 2020. Raises as
    `resample` does.

    >>> upsample2d(torch.ones(1, 1, 4, 4), make_filter()).shape
    torch.Size([1, 1, 8, 8])
    """
    beyond = len(filter) - factor
    padding = ((beyond + 1) // 2 + factor - 1, beyond // 2)
    return resample(x, filter, up=factor, padding=padding, gain=float(factor**2), impl=impl)


def downsample2d(x: Tensor, filter: Tensor, *, factor: int = 2, impl: Impl = "auto") -> Tensor:  # noqa: A002
    """Make pictures (batch, channels, height, width) `factor` times smaller, rounded down.

    Padding and errors are those of `upsample2d`.

    >>> downsample2d(torch.ones(1, 1, 8, 8), make_filter()).shape
    torch.Size([1, 1, 4, 4])
    """
    beyond = len(filter) - factor
    return resample(x, filter, down=factor, padding=((beyond + 1) // 2, beyond // 2), impl=impl)
