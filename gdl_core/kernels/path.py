"""Lines through latent space: straight, spherical or smooth, open or closed, through any number of keyframes."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor
from torch.compiler import is_compiling

from gdl_core.kernels import ops
from gdl_core.kernels._load import NATIVE_DTYPES, NATIVE_ON_CPU, Impl, apply, native_for, transforms_active
from gdl_core.kernels.keys import rows_and_cols
from gdl_core.kernels.ops import Line
from gdl_core.kernels.reference import own_dtypes
from gdl_core.kernels.reference_path import path as reference_path

Mode = Literal["lerp", "slerp", "catmull-rom"]

_MODES: dict[str, int] = {"lerp": 0, "slerp": 1, "catmull-rom": 2}
_NAMES = tuple(_MODES)
_STRAIGHT = Line(_MODES["lerp"], False, False)


class _Path(torch.autograd.Function):
    """The native op on the tape."""

    @staticmethod
    def forward(ctx: Any, keyframes: Tensor, t: Tensor, line: Line) -> Tensor:
        ctx.save_for_backward(keyframes, t)
        ctx.line = line
        return ops.path_forward(keyframes, t, line)

    @staticmethod
    def backward(ctx: Any, grad_out: Tensor) -> tuple[Tensor | None, ...]:
        keyframes, t = ctx.saved_tensors
        if torch.is_grad_enabled() and not torch.compiler.is_compiling():  # create_graph=True
            return *_differentiable_gradients(grad_out, keyframes, t, ctx), None
        return *ops.path_backward(grad_out, keyframes, t, ctx.line), None


def _differentiable_gradients(grad_out: Tensor, keyframes: Tensor, t: Tensor, ctx: Any) -> tuple[Tensor | None, ...]:
    """The gradients through the reference, which can be differentiated again."""
    needed = [x for x, wanted in zip((keyframes, t), ctx.needs_input_grad[:2], strict=True) if wanted]
    out = reference_path(keyframes, t, _NAMES[ctx.line.mode], ctx.line.normalize, ctx.line.closed)
    grads = iter(torch.autograd.grad(out, needed, grad_out, create_graph=True))
    return tuple(next(grads) if wanted else None for wanted in ctx.needs_input_grad[:2])


def _path(keyframes: Tensor, t: Tensor, line: Line, impl: Impl) -> Tensor:
    """keyframes (count, *latents), t (steps): (steps, *latents)."""
    flat = keyframes.dim() != 3
    latents = keyframes.shape[1:]
    points = keyframes.reshape(keyframes.shape[0], *rows_and_cols(latents)) if flat else keyframes
    t = _times(t, keyframes)
    if not native_for(impl, keyframes) or transforms_active():
        out = reference_path(points, t, _NAMES[line.mode], line.normalize, line.closed)
    elif torch.is_grad_enabled() and (points.requires_grad or t.requires_grad):
        out = apply(_Path, points, t, line)
    else:
        out = ops.path_forward(points, t, line)
    return out.reshape(t.shape[0], *latents) if flat else out


def _times(t: Tensor, points: Tensor) -> Tensor:
    dtype = torch.float64 if points.dtype is torch.float64 else torch.float32
    return t if t.dtype is dtype and t.device == points.device else t.to(points.device, dtype)


def _between(a: Tensor, b: Tensor, t: Tensor | float, line: Line, impl: Impl) -> Tensor:
    if (  # what follows costs a small call more than its arithmetic; the op checks the rest, and says no by raising
        impl == "auto"
        and isinstance(t, Tensor)
        and t.dtype is torch.float32
        and a.is_cpu
        and a.dim() == 2
        and a.dtype in NATIVE_DTYPES
        and NATIVE_ON_CPU
        and not is_compiling()
        and not torch._C._are_functorch_transforms_active()
        and not (torch.is_grad_enabled() and (a.requires_grad or b.requires_grad or t.requires_grad))
    ):
        try:
            out: Tensor = ops.BETWEEN(a, b, t, line.mode, line.normalize)
            return out
        except RuntimeError:
            pass
    return _between_carefully(a, b, t, line, impl)


def _between_carefully(a: Tensor, b: Tensor, t: Tensor | float, line: Line, impl: Impl) -> Tensor:
    if a.dtype is not b.dtype or not a.is_floating_point():
        raise TypeError(f"a and b must have one floating dtype, got {a.dtype} and {b.dtype}")
    if a.shape != b.shape:
        raise ValueError(f"a and b must have one shape, got {tuple(a.shape)} and {tuple(b.shape)}")
    time = t if isinstance(t, Tensor) else torch.tensor(t)
    if time.dim() != 1:
        if time.dim() == 0:
            return _between_carefully(a, b, time.reshape(1), line, impl)[0]
        raise ValueError(f"t must be a number or have one dimension, got shape {tuple(time.shape)}")
    tracked = torch.is_grad_enabled() and (a.requires_grad or b.requires_grad or time.requires_grad)
    if tracked or not native_for(impl, a) or transforms_active():
        with own_dtypes(a):
            return _path(torch.stack((a, b)), time, line, impl)
    time = _times(time, a)
    if a.dim() == 2:
        return ops.between(a, b, time, line)
    rows_cols = rows_and_cols(a.shape)
    return ops.between(a.reshape(rows_cols), b.reshape(rows_cols), time, line).reshape(time.shape[0], *a.shape)


def lerp(a: Tensor, b: Tensor, t: Tensor | float, *, impl: Impl = "auto") -> Tensor:
    """Go straight from a (t = 0) to b (t = 1); outside [0, 1] the line goes on.

    a and b have one shape; t is a number, or (steps) for a result of shape (steps, *a.shape). Both ends are exact.

    Raises:
        TypeError: dtypes differ or are not floating.
        ValueError: shapes differ, or t has more than one dimension.

    >>> lerp(torch.zeros(2), torch.ones(2), torch.tensor([0.0, 0.5])).tolist()
    [[0.0, 0.0], [0.5, 0.5]]
    """
    return _between(a, b, t, _STRAIGHT, impl)


def slerp(a: Tensor, b: Tensor, t: Tensor | float, *, normalize: bool = False, impl: Impl = "auto") -> Tensor:
    """Go from a (t = 0) to b (t = 1) along the arc between their directions.

    The first dimension of a is the batch and every row has its own angle; a tensor of one dimension is one latent. The
    shapes are those of `lerp`. With `normalize` the direction goes along the arc and the norm linearly; without it, the
    two are blended by the sines of the angle. Rows that are nearly parallel, opposite, or zero go straight. Shoemake
    1985; for latents of Gaussian models, White 2016.

    Raises:
        TypeError: dtypes differ or are not floating.
        ValueError: shapes differ, or t has more than one dimension.

    >>> round(slerp(torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0]), 0.5).norm().item(), 5)
    2.0
    """
    return _between(a, b, t, Line(_MODES["slerp"], normalize, False), impl)


def latent_path(
    keyframes: Tensor,
    t: Tensor,
    mode: Mode = "lerp",
    *,
    normalize: bool = False,
    closed: bool = False,
    impl: Impl = "auto",
) -> Tensor:
    """Go through keyframes (count, batch, latent): time k is keyframe k, and the result is (steps, batch, latent).

    t has shape (steps) with times in [0, count - 1]; before and after, the first and last segment go on. A `closed`
    line goes on from the last keyframe to the first, where time `count` is time 0 again. Keyframes of two dimensions,
    (count, latent), are single latents. `mode` "lerp" goes straight from one to the next, "slerp" along arcs as `slerp`
    does, which alone heeds `normalize`, and "catmull-rom" smoothly, without a bend at the keyframes: the uniform spline
    of Catmull and Rom, "A class of local interpolating splines", 1974, whose open ends go on as if the next keyframe
    lay straight ahead.

    Raises:
        TypeError: keyframes are not floating.
        ValueError: fewer than two keyframes, or dimensions or mode that do not fit.

    >>> latent_path(torch.eye(3)[:, None], torch.tensor([0.0, 1.5])).shape
    torch.Size([2, 1, 3])
    """
    if not keyframes.dtype.is_floating_point:
        raise TypeError(f"keyframes must have a floating dtype, got {keyframes.dtype}")
    if keyframes.dim() < 2 or keyframes.shape[0] < 2:
        raise ValueError(f"keyframes must be two or more latents: (count, batch, latent), got {tuple(keyframes.shape)}")
    if t.dim() != 1:
        raise ValueError(f"t must have one dimension, got shape {tuple(t.shape)}")
    if mode not in _MODES:
        raise ValueError(f"mode must be 'lerp', 'slerp' or 'catmull-rom', got {mode!r}")
    return _path(keyframes, t, Line(_MODES[mode], normalize, closed), impl)
