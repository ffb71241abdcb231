"""Bias, activation, gain and clamp of one layer, fused; gradients of gradients are native too."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor

from gdl_core.kernels import ops, reference_style
from gdl_core.kernels._load import Impl, transforms_active, use_native

Activation = Literal["linear", "relu", "lrelu"]

Slopes = tuple[float, float, float]  # above zero, below zero, limit

_DEFAULT_GAIN = {"linear": 1.0, "relu": math.sqrt(2), "lrelu": math.sqrt(2)}  # Karras et al. 2019


def _is_constant(slopes: Slopes) -> bool:
    """Say whether the slope is the same everywhere: then gradients need nothing saved."""
    positive, negative, limit = slopes
    return positive == negative and limit == math.inf


def _gradients(grad: Tensor, out: Tensor, dim: int, with_bias: bool, slopes: Slopes) -> tuple[Tensor, Tensor]:
    if torch.is_grad_enabled() and not torch.compiler.is_compiling():  # create_graph=True
        gradients: tuple[Tensor, Tensor] = _BiasActGradient.apply(grad, out.detach(), dim, with_bias, slopes)  # type: ignore[no-untyped-call]
        return gradients
    return ops.bias_act_backward(grad, out, dim, with_bias, slopes)


class _BiasAct(torch.autograd.Function):
    """The native op on the tape: it saves its output, whose signs tell the slopes."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, bias: Tensor | None, dim: int, slopes: Slopes) -> Tensor:
        out = ops.bias_act_forward(x, bias, dim, slopes)
        ctx.dim, ctx.slopes = dim, slopes
        ctx.save_for_backward(*([] if _is_constant(slopes) else [out]))
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        with_bias = ctx.needs_input_grad[1]
        out = ctx.saved_tensors[0] if ctx.saved_tensors else grad
        grad_x, grad_bias = _gradients(grad, out, ctx.dim, with_bias, ctx.slopes)
        return grad_x, grad_bias if with_bias else None, None, None


class _BiasActGradient(torch.autograd.Function):
    """The gradient is linear in the incoming one, with slopes that do not change: its own gradient is the same op."""

    @staticmethod
    def forward(
        ctx: Any, grad: Tensor, out: Tensor, dim: int, with_bias: bool, slopes: Slopes
    ) -> tuple[Tensor, Tensor]:
        ctx.dim, ctx.slopes = dim, slopes
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*([] if _is_constant(slopes) else [out]))
        return ops.bias_act_backward(grad, out, dim, with_bias, slopes)

    @staticmethod
    def backward(ctx: Any, grad_x: Tensor | None, grad_bias: Tensor | None) -> tuple[Tensor | None, ...]:
        grad = grad_x
        if grad_bias is not None:
            assert grad_x is not None
            grad = grad_x + grad_bias.to(grad_x.dtype).reshape(-1, *[1] * (grad_x.dim() - ctx.dim - 1))
        if grad is None:
            return None, None, None, None, None
        out = ctx.saved_tensors[0] if ctx.saved_tensors else grad
        return _gradients(grad, out, ctx.dim, False, ctx.slopes)[0], None, None, None, None


def _check(x: Tensor, bias: Tensor | None, dim: int) -> None:
    if not x.dtype.is_floating_point or (bias is not None and not bias.dtype.is_floating_point):
        raise TypeError(
            f"x and bias must have floating dtypes, got {x.dtype} and {None if bias is None else bias.dtype}"
        )
    if x.dim() == 0:
        raise ValueError("x must have at least one dimension, got a number")
    if bias is None:
        return
    if not -x.dim() <= dim < x.dim():
        raise ValueError(f"dim must be a dimension of x, which has {x.dim()}, got {dim}")
    if bias.shape != x.shape[dim : dim + 1 or None]:
        raise ValueError(f"bias must be ({x.shape[dim]},), as x is along dim {dim}, got {tuple(bias.shape)}")
    if bias.device != x.device:
        raise ValueError(f"x and bias must be on one device, got {x.device} and {bias.device}")


def _slopes(act: Activation, alpha: float, gain: float | None, clamp: float | None) -> Slopes:
    if act not in _DEFAULT_GAIN:
        raise ValueError(f"act must be 'linear', 'relu' or 'lrelu', got {act!r}")
    if not 0 <= alpha < math.inf:
        raise ValueError(f"alpha must be 0 or more, got {alpha}")
    if gain is None:
        gain = _DEFAULT_GAIN[act]
    if not 0 < gain < math.inf:
        raise ValueError(f"gain must be above 0, got {gain}; multiply the result by it instead")
    if clamp is not None and not clamp > 0:
        raise ValueError(f"clamp must be above 0, or None for no limits, got {clamp}")
    below = {"linear": 1.0, "relu": 0.0, "lrelu": alpha}[act]
    return gain, gain * below, math.inf if clamp is None else clamp


def bias_act(
    x: Tensor,
    bias: Tensor | None = None,
    *,
    dim: int = 1,
    act: Activation = "lrelu",
    alpha: float = 0.2,
    gain: float | None = None,
    clamp: float | None = None,
    impl: Impl = "auto",
) -> Tensor:
    """Add a bias along one dimension, apply the activation, multiply by the gain and clamp to [-clamp, clamp].

    x has any shape of one or more dimensions, bias is (x.shape[dim],) of any floating dtype, or None; the result has
    the shape and dtype of x, under autocast too, and is contiguous. `act` is "linear", "relu", or "lrelu" with slope
    `alpha` below zero. `gain` is by default sqrt(2) for relu and lrelu, which keeps the variance of a normal input
    nearly the same, and 1 for linear. Karras et al. 2019 and 2020.

    Differentiable in x and bias as often as one likes, natively: gradient penalties (R1, path length) run through the
    same kernel. Saved for the gradient is the result alone. The slope at zero is that below zero, and elements at a
    limit have no gradient. The bias's gradient is summed in a fixed order.

    Raises:
        TypeError: a dtype is not floating.
        ValueError: bias does not fit, or act, alpha, gain or clamp is outside what is said above.
        RuntimeError: impl is "native" where there is no native code.

    >>> bias_act(torch.tensor([[1.0, -1.0]]), torch.tensor([1.0, 0.0]), gain=1.0)
    tensor([[ 2.0000, -0.2000]])
    """
    _check(x, bias, dim)
    slopes = _slopes(act, alpha, gain, clamp)
    dim = dim % x.dim() if bias is not None else 0
    if not use_native(impl, x.device, x.dtype) or transforms_active():
        return reference_style.bias_act(x, bias, dim, *slopes)
    if bias is not None and bias.dtype != torch.float32:
        bias = bias.float()
    if torch.is_grad_enabled() and (x.requires_grad or (bias is not None and bias.requires_grad)):
        out: Tensor = _BiasAct.apply(x, bias, dim, slopes)  # type: ignore[no-untyped-call]
        return out
    return ops.bias_act_forward(x, bias, dim, slopes)
