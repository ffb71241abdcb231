"""The operations in plain torch: what is right, for every floating type and device, differentiable twice.

Half precision computes in float32. The native kernels give the same noise bit for bit and the rest to rounding.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gdl_core.kernels import philox

# log_var is clamped to this range inside reparameterize: standard deviations from 3e-7 to 2.2e4.
LOG_VAR_MIN, LOG_VAR_MAX = -30.0, 20.0

# Below this sine of the angle between two vectors a spherical line is a straight one.
_FLAT_SINE = 1e-4


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


def reparameterize(mean: Tensor, log_var: Tensor, noise: Tensor, kl: str | None) -> tuple[Tensor, Tensor | None]:
    """Return z and the KL divergence: None, of each row ("none"), their "sum" or "mean"; noise is float32 like mean."""
    z = widen(mean) + torch.exp(0.5 * clamp_log_var(widen(log_var))) * noise
    if kl is None:
        return z.to(mean.dtype), None
    rows = sum_rows(kl_elements(mean, log_var))
    return z.to(mean.dtype), rows if kl == "none" else rows.sum() if kl == "sum" else rows.mean()


def _weights(keyframes: Tensor, segment: Tensor, u: Tensor, normalize: bool) -> tuple[Tensor, Tensor]:
    """Return the spherical weights of both ends for each step and row, float64 of shape (steps, rows)."""
    a, b = keyframes[:-1], keyframes[1:]
    aa, bb, ab = ((x * y).sum(-1).double() for x, y in ((a, a), (b, b), (a, b)))
    defined = (aa > 0) & (bb > 0)
    # Values that no result depends on are replaced before roots and arcs, whose derivatives are infinite there.
    norm_a, norm_b = (torch.where(defined, x, 1.0).sqrt() for x in (aa, bb))
    cosine = torch.where(defined, ab / (norm_a * norm_b), 1.0).clamp(-1.0, 1.0)
    curved = torch.where(cosine.isnan(), 0.0, torch.sin(torch.acos(cosine.detach()))) > _FLAT_SINE
    omega = torch.acos(torch.where(curved, cosine, 0.0))[segment]
    u, curved = u[:, None], curved[segment]
    weight_b = torch.where(curved, torch.sin(u * omega) / torch.sin(omega), u)
    weight_a = torch.where(curved, torch.cos(u * omega) - torch.cos(omega) * weight_b, 1.0 - u)
    if normalize:
        norm_a, norm_b = norm_a[segment], norm_b[segment]
        norm = (1.0 - u) * norm_a + u * norm_b
        known = defined[segment]
        weight_a = torch.where(known, norm * weight_a / norm_a, weight_a)
        weight_b = torch.where(known, norm * weight_b / norm_b, weight_b)
    return weight_a, weight_b


def path(keyframes: Tensor, t: Tensor, spherical: bool, normalize: bool) -> Tensor:
    """Return the points at times t of the line through keyframes (count, rows, cols): (steps, rows, cols)."""
    points = widen(keyframes)
    time = t.double()
    segment = time.detach().nan_to_num(0.0).floor().clamp(0, len(keyframes) - 2).long()
    u = time - segment
    if spherical:
        weight_a, weight_b = _weights(points, segment, u, normalize)
    else:
        weight_a, weight_b = 1.0 - u[:, None], u[:, None]
    start, end = points[segment], points[segment + 1]
    out = weight_a[..., None].to(points.dtype) * start + weight_b[..., None].to(points.dtype) * end
    return out.to(keyframes.dtype)
