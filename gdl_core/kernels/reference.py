"""The operations in plain torch: what is right, for every floating type and device, differentiable twice.

Half precision computes in float32. The native kernels give the same noise bit for bit and the rest to rounding.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor

from gdl_core.kernels import philox

# log_var is clamped to this range inside reparameterize: standard deviations from 3e-7 to 2.2e4.
LOG_VAR_MIN, LOG_VAR_MAX = -30.0, 20.0


class _ClampLogVar(torch.autograd.Function):
    """Clamps, and passes the gradient on as if it had not: an encoder that strays out of the range is pulled back."""

    generate_vmap_rule = True

    @staticmethod
    def forward(log_var: Tensor) -> Tensor:
        return log_var.clamp(LOG_VAR_MIN, LOG_VAR_MAX)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return grad

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor) -> Tensor:
        return tangent.clone()


def clamp_log_var(log_var: Tensor) -> Tensor:
    """Clamp to [LOG_VAR_MIN, LOG_VAR_MAX] with a straight-through gradient; NaN passes."""
    if torch.compiler.is_compiling():  # Dynamo takes no Function with a jvp; here only infinities lose their gradient
        constant = log_var.detach()
        return constant.clamp(LOG_VAR_MIN, LOG_VAR_MAX) + (log_var - constant).nan_to_num()
    clamped: Tensor = _ClampLogVar.apply(log_var)  # type: ignore[no-untyped-call]
    return clamped


def widen(x: Tensor) -> Tensor:
    """Return float64 as it is and anything shorter as float32, the type of the arithmetic."""
    return x if x.dtype == torch.float64 else x.float()


def own_dtypes(like: Tensor) -> AbstractContextManager[Any]:
    """The context in which autocast leaves every tensor its dtype."""
    return torch.autocast(like.device.type, enabled=False)


def kl_elements(mean: Tensor, log_var: Tensor) -> Tensor:
    """Return each element's KL(N(mean, exp(log_var)) || N(0, 1)): Kingma and Welling 2013, appendix B."""
    mean, clamped = widen(mean), clamp_log_var(widen(log_var))
    return 0.5 * (mean * mean + (torch.expm1(clamped) - clamped))


def sum_rows(x: Tensor) -> Tensor:
    """Sum over all but the first dimension; a tensor of no or one dimension is one row and gives one number."""
    return x.sum() if x.dim() < 2 else x.flatten(1).sum(1)


def randn(shape: torch.Size, key: Tensor, device: torch.device, dtype: torch.dtype) -> Tensor:
    """See gdl_core.kernels.randn."""
    return philox.noise(shape, key, device).to(dtype)


# Bits of the significand: as many has a uniform number.
_SIGNIFICAND = {torch.bfloat16: 8, torch.float16: 11}


def uniform(shape: torch.Size, key: Tensor, device: torch.device, dtype: torch.dtype) -> Tensor:
    """See gdl_core.kernels.uniform."""
    return philox.uniform(shape, key, device, _SIGNIFICAND.get(dtype, 24)).to(dtype)


def kl_columns(mean: Tensor, log_var: Tensor) -> Tensor:
    """Sum the KL divergence over the first dimension: one number for each latent dimension."""
    kl = kl_elements(mean, log_var)
    return kl.flatten(1).sum(0) if kl.dim() >= 2 else kl.flatten()


def reparameterize(mean: Tensor, log_var: Tensor, noise: Tensor, kl: str | None) -> tuple[Tensor, Tensor | None]:
    """Return z and the KL divergence: None, of each row ("none"), their "sum" or "mean", or the
    sums of "columns"; noise is float32 like mean."""
    z = widen(mean) + torch.exp(0.5 * clamp_log_var(widen(log_var))) * noise
    if kl is None:
        return z.to(mean.dtype), None
    if kl == "columns":
        return z.to(mean.dtype), kl_columns(mean, log_var)
    rows = sum_rows(kl_elements(mean, log_var))
    return z.to(mean.dtype), rows if kl == "none" else rows.sum() if kl == "sum" else rows.mean()
