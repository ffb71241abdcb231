"""Arithmetic with latent vectors: points moved along directions, by any strengths at once."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.compiler import is_compiling

from gdl_core.kernels import ops
from gdl_core.kernels._load import NATIVE_DTYPES, NATIVE_ON_CPU, Impl, apply, native_for, transforms_active
from gdl_core.kernels.keys import rows_and_cols
from gdl_core.kernels.reference import own_dtypes, widen


def _product(a: Tensor, b: Tensor) -> Tensor:
    """The matrix product in the dtype of its factors, whatever autocast says."""
    with own_dtypes(a):
        return a @ b


def _reference(z: Tensor, directions: Tensor, alpha: Tensor) -> Tensor:
    moved = widen(z) + _product(alpha, widen(directions))[:, None]
    return moved.to(z.dtype)


class _Arithmetic(torch.autograd.Function):
    """The native op on the tape; its gradients are sums and small matrix products, which torch does well."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, directions: Tensor, alpha: Tensor) -> Tensor:
        ctx.save_for_backward(directions, alpha)
        return ops.arithmetic(z, directions, alpha)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        directions, alpha = ctx.saved_tensors
        to_z, to_directions, to_alpha = ctx.needs_input_grad
        wide = widen(grad)
        of_steps = wide.sum(1) if to_directions or to_alpha else wide
        return (
            wide.sum(0).to(grad.dtype) if to_z else None,
            _product(alpha.t(), of_steps).to(directions.dtype) if to_directions else None,
            _product(of_steps, widen(directions).t()) if to_alpha else None,
        )


def _check(z: Tensor, directions: Tensor, alpha: Tensor) -> None:
    if z.dtype != directions.dtype or not z.dtype.is_floating_point:
        raise TypeError(f"z and directions must have one floating dtype, got {z.dtype} and {directions.dtype}")
    if z.dim() < 2 or directions.dim() != z.dim() or directions.shape[1:] != z.shape[1:]:
        shapes = f"{tuple(z.shape)} and {tuple(directions.shape)}"
        raise ValueError(f"z (batch, latent) and directions (count, latent) must be of one latent space, got {shapes}")
    if alpha.dim() != 2 or alpha.shape[1] != directions.shape[0]:
        raise ValueError(f"alpha must have shape (steps, {len(directions)}), got {tuple(alpha.shape)}")


def latent_arithmetic(z: Tensor, directions: Tensor, alpha: Tensor, *, impl: Impl = "auto") -> Tensor:
    """Move latents along directions: z + alpha @ directions for every row of z and every step of alpha.

    z has shape (batch, latent), directions (count, latent), alpha (steps, count); the result is (steps, batch, latent).
    The latent may have more dimensions than one. Nothing of the size of the result is made on the way. Attribute
    vectors: Larsen et al., "Autoencoding beyond pixels", 2016; sums and differences of latents: White 2016.

    Raises:
        TypeError: dtypes differ or are not floating.
        ValueError: shapes do not fit.

    >>> smile = torch.tensor([[1.0, 0.0]])
    >>> latent_arithmetic(torch.zeros(1, 2), smile, torch.tensor([[-1.0], [0.0], [2.0]]))[:, 0].tolist()
    [[-1.0, 0.0], [0.0, 0.0], [2.0, 0.0]]
    """
    if (  # the shortcut of `path._between`
        impl == "auto"
        and alpha.dtype is torch.float32
        and z.is_cpu
        and z.dim() == 2
        and z.dtype in NATIVE_DTYPES
        and NATIVE_ON_CPU
        and not is_compiling()
        and not torch._C._are_functorch_transforms_active()
        and not (torch.is_grad_enabled() and (z.requires_grad or directions.requires_grad or alpha.requires_grad))
    ):
        try:
            moved: Tensor = ops.ARITHMETIC(z, directions, alpha)
            return moved
        except RuntimeError:
            pass
    return _carefully(z, directions, alpha, impl)


def _carefully(z: Tensor, directions: Tensor, alpha: Tensor, impl: Impl) -> Tensor:
    _check(z, directions, alpha)
    strengths = torch.float64 if z.dtype == torch.float64 else torch.float32
    if alpha.dtype != strengths or alpha.device != z.device:
        alpha = alpha.to(z.device, strengths)
    flat = z.dim() != 2
    points, vectors = (x.reshape(rows_and_cols(x.shape)) for x in (z, directions)) if flat else (z, directions)
    if not native_for(impl, z) or transforms_active():
        out = _reference(points, vectors, alpha)
    elif torch.is_grad_enabled() and (z.requires_grad or directions.requires_grad or alpha.requires_grad):
        out = apply(_Arithmetic, points, vectors, alpha)
    else:
        out = ops.arithmetic(points, vectors, alpha)
    return out.reshape(alpha.shape[0], *z.shape) if flat else out
