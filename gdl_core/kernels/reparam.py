"""The reparameterization trick, fused with its noise and its KL divergence."""

from __future__ import annotations

from typing import Any, Literal, get_args, overload

import torch
from torch import Tensor
from torch.compiler import is_compiling

from gdl_core.kernels import ops, philox, reference
from gdl_core.kernels._load import Impl, apply, native_for, transforms_active
from gdl_core.kernels.keys import resolve_key

Reduction = Literal["none", "sum", "mean"]
_REDUCTIONS = (None, *get_args(Reduction))


_KEPT = 1 << 20
"""Numbers of noise that are kept for the backward pass on the CPU, at most: 4 MiB, which caches hold and which are read
faster than drawn again. Of more the memory counts."""


class _Reparameterize(torch.autograd.Function):
    """The native op on the tape: it stores its inputs, and little noise; much noise the backward pass draws again."""

    @staticmethod
    def forward(ctx: Any, mean: Tensor, log_var: Tensor, key: Tensor, kl: int) -> tuple[Tensor, Tensor]:
        ctx.kl = kl
        ctx.set_materialize_grads(False)
        if mean.is_cpu and mean.numel() <= _KEPT:
            z, divergence, noise = ops.reparam_forward_keeping(mean, log_var, key, kl)
            ctx.save_for_backward(mean, log_var, noise)
            return z, divergence
        ctx.save_for_backward(mean, log_var, key)
        return ops.reparam_forward(mean, log_var, key, kl)

    @staticmethod
    def backward(ctx: Any, grad_z: Tensor | None, grad_kl: Tensor | None) -> tuple[Tensor | None, ...]:
        if grad_z is None and grad_kl is None:
            return None, None, None, None
        mean, log_var, noise = ctx.saved_tensors  # or the noise's key
        if torch.is_grad_enabled() and not torch.compiler.is_compiling():  # create_graph=True
            if grad_kl is not None:
                grad_kl = _for_each_element(grad_kl, ctx.kl, mean)
            return *_differentiable_gradients(grad_z, grad_kl, mean, log_var, noise), None, None
        return *ops.reparam_backward(grad_z, grad_kl, mean, log_var, noise, ctx.kl), None, None


def _for_each_element(grad_kl: Tensor, kl: int, mean: Tensor) -> Tensor:
    """Give the gradient of a reduced KL divergence a shape that broadcasts over the elements of mean."""
    if kl == ops.KL_REDUCTIONS["columns"]:
        return grad_kl.reshape(mean.shape[1:] if mean.dim() >= 2 else mean.shape)
    if kl == ops.KL_REDUCTIONS["mean"] and mean.dim() >= 2:
        return grad_kl / len(mean)
    return grad_kl.reshape(-1, *[1] * (mean.dim() - 1)) if grad_kl.dim() else grad_kl


def _differentiable_gradients(
    grad_z: Tensor | None, grad_kl: Tensor | None, mean: Tensor, log_var: Tensor, noise: Tensor
) -> tuple[Tensor, Tensor]:
    """The formula of the backward kernel in plain torch, which can be differentiated again; grad_kl broadcasts."""
    m, clamped = reference.widen(mean), reference.clamp_log_var(reference.widen(log_var))
    to_mean, to_log_var = torch.zeros_like(m), torch.zeros_like(m)
    if grad_z is not None:
        g = reference.widen(grad_z)
        to_mean = to_mean + g
        drawn = noise if noise.is_floating_point() else ops.noise_like(mean, noise)
        to_log_var = to_log_var + 0.5 * g * torch.exp(0.5 * clamped) * drawn
    if grad_kl is not None:
        to_mean = to_mean + grad_kl * m
        to_log_var = to_log_var + 0.5 * grad_kl * torch.expm1(clamped)
    return to_mean.to(mean.dtype), to_log_var.to(log_var.dtype)


def _z_and_kl(
    mean: Tensor, log_var: Tensor, key: Tensor, kl: Reduction | Literal["columns"] | None, impl: Impl
) -> tuple[Tensor, Tensor | None]:
    native = native_for(impl, mean)
    if not native or transforms_active():
        noise = ops.noise_like(mean, key) if native else philox.noise(mean.shape, key, mean.device)
        return reference.reparameterize(mean, log_var, noise, kl)
    reduction = ops.KL_REDUCTIONS[kl]
    if torch.is_grad_enabled() and (mean.requires_grad or log_var.requires_grad):
        out: tuple[Tensor, Tensor] = apply(_Reparameterize, mean, log_var, key, reduction)
        return out
    return ops.reparam_forward(mean, log_var, key, reduction)


def _with_free_bits(kl_columns: Tensor, rows: int, free_bits: float) -> Tensor:
    """Sum over latent dimensions of max(free_bits, batch mean of KL): Kingma et al. 2016, section 4."""
    return (kl_columns / max(rows, 1)).clamp(min=free_bits).sum()


def _check(mean: Tensor, log_var: Tensor, kl: Reduction | None, free_bits: float | None) -> None:
    if mean.dtype != log_var.dtype or not mean.dtype.is_floating_point:
        raise TypeError(f"mean and log_var must have one floating dtype, got {mean.dtype} and {log_var.dtype}")
    if mean.shape != log_var.shape:
        shapes = f"{tuple(mean.shape)} and {tuple(log_var.shape)}"
        raise ValueError(f"mean and log_var must have one shape, got {shapes}")
    if mean.device != log_var.device:
        raise ValueError(f"mean and log_var must be on one device, got {mean.device} and {log_var.device}")
    if kl not in _REDUCTIONS:
        raise ValueError(f"kl must be None, 'none', 'sum' or 'mean', got {kl!r}")
    if free_bits is not None:
        if kl != "mean":
            raise ValueError(f"free_bits bounds the batch mean of the KL divergence: it needs kl='mean', got {kl!r}")
        if not free_bits >= 0:
            raise ValueError(f"free_bits must be 0 or more nats per latent dimension, got {free_bits}")


@overload
def reparameterize(
    mean: Tensor,
    log_var: Tensor,
    *,
    key: Tensor | None = ...,
    seed: int | None = ...,
    offset: int = ...,
    generator: torch.Generator | None = ...,
    kl: None = ...,
    free_bits: None = ...,
    impl: Impl = ...,
) -> Tensor: ...
@overload
def reparameterize(
    mean: Tensor,
    log_var: Tensor,
    *,
    key: Tensor | None = ...,
    seed: int | None = ...,
    offset: int = ...,
    generator: torch.Generator | None = ...,
    kl: Reduction,
    free_bits: float | None = ...,
    impl: Impl = ...,
) -> tuple[Tensor, Tensor]: ...
def reparameterize(
    mean: Tensor,
    log_var: Tensor,
    *,
    key: Tensor | None = None,
    seed: int | None = None,
    offset: int = 0,
    generator: torch.Generator | None = None,
    kl: Reduction | None = None,
    free_bits: float | None = None,
    impl: Impl = "auto",
) -> Tensor | tuple[Tensor, Tensor]:
    """Draw z = mean + exp(log_var / 2) * noise and, if asked, KL(N(mean, exp(log_var)) || N(0, 1)) in nats.

    mean and log_var have one shape and dtype; the first dimension is the batch, and a tensor of no or one dimension is
    a single latent. `kl`: None returns z alone; "none" the KL of each row, "sum" their sum, "mean" their mean over the
    batch (float32, or float64 for float64). `free_bits` (nats for each latent dimension) bounds the batch mean of each
    dimension's KL from below (Kingma et al. 2016). The noise is that of `randn` under the same key; without key, seed
    and generator it comes from torch's own generator.

    log_var is clamped to [LOG_VAR_MIN, LOG_VAR_MAX]; NaN passes. Its gradient is the formula at the clamped value, and
    is passed on outside the range too, so that an encoder that strays is pulled back. Kingma and Welling 2013.

    Raises:
        TypeError: the tensors' dtypes differ or are not floating, or key is no int64 tensor.
        ValueError: shapes or devices differ, kl is none of its words, free_bits without kl="mean", key together with
            seed, offset or generator, or a key of another shape than (2,) or (rows, 2).
        RuntimeError: impl is "native" where there is no native code.

    >>> z, kl = reparameterize(torch.zeros(4, 2), torch.zeros(4, 2), seed=7, kl="mean")
    >>> z.shape, kl.item()
    (torch.Size([4, 2]), 0.0)
    """
    if (  # what follows costs a small call more than its arithmetic; the op checks the rest, and says no by raising
        key is not None
        and seed is None
        and generator is None
        and free_bits is None
        and offset == 0
        and kl in _REDUCTIONS
        and native_for(impl, mean)
        and not (torch.is_grad_enabled() and (mean.requires_grad or log_var.requires_grad))
        and not is_compiling()
        and not torch._C._are_functorch_transforms_active()
    ):
        try:
            z, divergence = ops.FORWARD(mean, log_var, key, ops.KL_REDUCTIONS[kl])
        except RuntimeError:
            pass
        else:
            return z if kl is None else (z, divergence)
    return _carefully(mean, log_var, key, seed, offset, generator, kl, free_bits, impl)


def _carefully(
    mean: Tensor,
    log_var: Tensor,
    key: Tensor | None,
    seed: int | None,
    offset: int,
    generator: torch.Generator | None,
    kl: Reduction | None,
    free_bits: float | None,
    impl: Impl,
) -> Tensor | tuple[Tensor, Tensor]:
    _check(mean, log_var, kl, free_bits)
    key = resolve_key(key, seed, offset, generator, mean.shape, mean.device)
    z, divergence = _z_and_kl(mean, log_var, key, kl if free_bits is None else "columns", impl)
    if kl is None:
        return z
    assert divergence is not None
    if free_bits is not None:
        return z, _with_free_bits(divergence, len(mean) if mean.dim() >= 2 else 1, free_bits)
    return z, divergence
