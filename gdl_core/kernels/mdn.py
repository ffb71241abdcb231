"""Mixture density networks: the likelihood of a target under a mixture of Gaussians, and samples of it."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from gdl_core.kernels import ops, reference_mdn
from gdl_core.kernels._load import Impl, apply, native_for, transforms_active
from gdl_core.kernels.keys import resolve_key


class _MdnNll(torch.autograd.Function):
    """The native op on the tape: it stores its inputs, and the backward pass finds the responsibilities again."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, mean: Tensor, log_std: Tensor, target: Tensor) -> Tensor:
        ctx.save_for_backward(logits, mean, log_std, target)
        return ops.mdn_nll_forward(logits, mean, log_std, target)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        inputs = ctx.saved_tensors
        if torch.is_grad_enabled() and not torch.compiler.is_compiling():  # create_graph=True
            needed = [x for x, wanted in zip(inputs, ctx.needs_input_grad, strict=True) if wanted]
            nll = reference_mdn.mdn_nll(*inputs)
            grads = iter(torch.autograd.grad(nll, needed, grad, create_graph=True))
            return tuple(next(grads) if wanted else None for wanted in ctx.needs_input_grad)
        return ops.mdn_nll_backward(grad, *inputs)


def _check(logits: Tensor, mean: Tensor, log_std: Tensor) -> None:
    dtype, device = mean.dtype, mean.device
    if not (logits.dtype == log_std.dtype == dtype and dtype.is_floating_point):
        dtypes = f"{logits.dtype}, {dtype} and {log_std.dtype}"
        raise TypeError(f"logits, mean and log_std must have one floating dtype, got {dtypes}")
    if mean.dim() < 2 or mean.shape != log_std.shape or logits.shape != mean.shape[:-1]:
        shapes = f"{tuple(logits.shape)}, {tuple(mean.shape)} and {tuple(log_std.shape)}"
        raise ValueError(f"logits must be (..., components), mean and log_std (..., components, size), got {shapes}")
    if mean.shape[-2] == 0 or mean.shape[-1] == 0:
        raise ValueError(f"mean needs one component and one dimension or more, got shape {tuple(mean.shape)}")
    if not logits.device == log_std.device == device:
        devices = f"{logits.device}, {device} and {log_std.device}"
        raise ValueError(f"logits, mean and log_std must be on one device, got {devices}")


def mdn_nll(logits: Tensor, mean: Tensor, log_std: Tensor, target: Tensor, *, impl: Impl = "auto") -> Tensor:
    """Return -log of sum_k softmax(logits)_k prod_d N(target_d; mean_kd, exp(log_std_kd)), in nats.

    logits (..., components), mean and log_std (..., components, size), target (..., size), all of one dtype; the result
    is (...), float32, or float64 for float64. A mixture for each latent dimension on its own is size 1: logits
    (..., latent, components), mean (..., latent, components, 1), target (..., latent, 1), result (..., latent).

    log_std is clamped to [LOG_STD_MIN, LOG_STD_MAX]; its gradient is the formula at the clamped value and is passed on
    outside the range too. A logit of -inf switches its component off. Where no component can have made the target, as
    where all are off, the result is inf and the gradients through the densities are zero. NaN passes. Bishop,
    "Mixture density networks", 1994, equations 24 to 27; Ha and Schmidhuber, "World Models", 2018, section 2.3.

    Raises:
        TypeError: dtypes differ or are not floating.
        ValueError: shapes do not fit, devices differ, or there is no component or no dimension.
        RuntimeError: impl is "native" where there is no native code.

    >>> mdn_nll(torch.zeros(4, 5), torch.zeros(4, 5, 2), torch.zeros(4, 5, 2), torch.zeros(4, 2))[0].item()
    1.8378770351409912
    """
    _check(logits, mean, log_std)
    if target.dtype != mean.dtype:
        raise TypeError(f"target must have the dtype of mean, got {target.dtype} and {mean.dtype}")
    rows, size = mean.shape[:-2], mean.shape[-1]
    if target.shape != (*rows, size):
        raise ValueError(f"target must have shape {(*rows, size)} for this mean, got {tuple(target.shape)}")
    if target.device != mean.device:
        raise ValueError(f"target must be on the device of mean, got {target.device} and {mean.device}")
    if not native_for(impl, mean) or transforms_active():
        return reference_mdn.mdn_nll(logits, mean, log_std, target)
    flat = len(rows) != 1
    if flat:
        count, components = rows.numel(), mean.shape[-2]
        logits, target = logits.reshape(count, components), target.reshape(count, size)
        mean, log_std = (x.reshape(count, components, size) for x in (mean, log_std))
    if torch.is_grad_enabled() and any(x.requires_grad for x in (logits, mean, log_std, target)):
        nll: Tensor = apply(_MdnNll, logits, mean, log_std, target)
    else:
        nll = ops.mdn_nll_forward(logits, mean, log_std, target)
    return nll.reshape(rows) if flat else nll


def mdn_sample(
    logits: Tensor,
    mean: Tensor,
    log_std: Tensor,
    *,
    key: Tensor | None = None,
    seed: int | None = None,
    offset: int = 0,
    generator: torch.Generator | None = None,
    temperature: float = 1.0,
    impl: Impl = "auto",
) -> tuple[Tensor, Tensor]:
    """Draw x from a mixture of Gaussians: return x (..., size) and the component (...) int64 that each was drawn from.

    logits (..., components), mean and log_std (..., components, size). The logits are divided by the temperature and
    the standard deviations multiplied by its root (Ha and Schmidhuber, "World Models", 2018); temperature 0 gives the
    mean of the likeliest component, the first of equals. log_std is clamped to [LOG_STD_MIN, LOG_STD_MAX]. Rows
    without a distribution, with NaN or inf among their logits or with all of them -inf, give NaN and component 0.
    Nothing is differentiable here: no gradient reaches the mixture.

    The leading dimensions are rows in C order, and the noise of row r is that of row r of `randn((rows, size))` under
    the same key, so that a row draws the same alone, with offset + r * ceil(size / 4). Its component is chosen by
    inverse CDF with word 0 of the Philox counter (offset + r * ceil(size / 4), 1), whose upper half is 0 in all of
    randn. Without key, seed and generator a key is drawn from torch's own generator.

    Raises:
        TypeError: dtypes differ or are not floating, or key is no int64 tensor.
        ValueError: shapes do not fit, devices differ, the temperature is negative or not finite, or key together with
            seed, offset or generator.
        RuntimeError: impl is "native" where there is no native code.

    >>> x, component = mdn_sample(torch.zeros(4, 5), torch.zeros(4, 5, 2), torch.zeros(4, 5, 2), seed=7)
    >>> x.shape, component.shape
    (torch.Size([4, 2]), torch.Size([4]))
    """
    _check(logits, mean, log_std)
    if not 0.0 <= temperature <= torch.finfo(torch.float32).max:
        raise ValueError(f"temperature must be 0 or more and finite, got {temperature}")
    if temperature < torch.finfo(torch.float32).tiny:
        temperature = 0.0
    key = resolve_key(key, seed, offset, generator, None, mean.device)
    *rows, components, size = mean.shape
    count = math.prod(rows)
    logits, mean, log_std = logits.detach(), mean.detach(), log_std.detach()
    if len(rows) != 1:
        logits = logits.reshape(count, components)
        mean, log_std = (x.reshape(count, components, size) for x in (mean, log_std))
    native = native_for(impl, mean) and not transforms_active()
    draw = ops.mdn_sample if native else reference_mdn.mdn_sample
    x, component = draw(logits, mean, log_std, key, temperature)
    return (x, component) if len(rows) == 1 else (x.reshape(*rows, size), component.reshape(rows))
