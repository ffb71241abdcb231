"""Mixtures of Gaussians in plain torch: what is right, for every floating type and device."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gdl_core.kernels import philox
from gdl_core.kernels.reference import LOG_VAR_MAX, LOG_VAR_MIN, clamp_log_var, widen

# log_std is clamped to this range, that of log_var halved: standard deviations from 3e-7 to 2.2e4.
LOG_STD_MIN, LOG_STD_MAX = LOG_VAR_MIN / 2, LOG_VAR_MAX / 2

# The third word of the Philox counters that choose components; the noise of randn has 0 there.
_COMPONENT_STREAM = 1


def mdn_nll(logits: Tensor, mean: Tensor, log_std: Tensor, target: Tensor) -> Tensor:
    """Return the negative log-likelihood of each row, float32 or float64, differentiable twice."""
    logits, mean, target = widen(logits), widen(mean), widen(target)
    log_std = 0.5 * clamp_log_var(2.0 * widen(log_std))
    z = (target[..., None, :] - mean) * torch.exp(-log_std)
    far = z.isinf()  # its density is zero, its gradients would be zero times infinity
    z = z.masked_fill(far, 0.0)
    density = (-0.5 * z * z - log_std).sum(-1).masked_fill(far.any(-1), -torch.inf)
    # a row of which every component is switched off has no likelihood, and no gradients
    off = (logits == -torch.inf).all(-1)
    joint = torch.log_softmax(logits.masked_fill(off[..., None], 0.0), -1) + density
    off = (off & ~joint.isnan().any(-1)) | (joint == -torch.inf).all(-1)
    nll = -torch.logsumexp(joint.masked_fill(off[..., None], 0.0), -1)
    return (nll + 0.5 * math.log(2 * math.pi) * mean.shape[-1]).masked_fill(off, torch.inf)


_EXP = [
    philox._float32(c)
    for c in (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
]
_LOG2_E = philox._float32(1.44269504088896341)
_LN2_HIGH, _LN2_LOW = 0.693359375, philox._float32(2.12194440e-4)


def _exp(x: Tensor) -> Tensor:
    """exp(x) for float64 tensors of float32 values up to 0, by the kernels' own steps; see exp in mdn_math.h."""
    at = x.clamp(min=-87.0)
    n = torch.round(at * _LOG2_E)
    r = philox._fma(n, _LN2_LOW, philox._fma(n, -_LN2_HIGH, at))
    p = philox._fma(philox._polynomial(r, _EXP), philox._round(r * r), r)
    scale = torch.exp2(n)
    return torch.where(x < -87.0, 0.0, philox._fma(scale, p, scale))


def _round_as(x: Tensor, dtype: torch.dtype) -> Tensor:
    return x if dtype == torch.float64 else philox._round(x)


def _choose(logits: Tensor, uniform: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Return the component of each row by inverse CDF, and whether the row has a distribution.

    The numbers are held in float64 and rounded as the kernels round, so that both choose the same component.
    """
    dtype, x = logits.dtype, logits.double()
    top = x.amax(-1, keepdim=True).clamp(min=torch.finfo(torch.float32).min)
    divisor = torch.full_like(logits, temperature or 1.0).double()
    scaled = _round_as(_round_as(x - top, dtype) / divisor, dtype)
    weights = torch.exp(scaled) if dtype == torch.float64 else _exp(scaled)
    total = torch.zeros_like(uniform)
    cumulative = []
    for weight in weights.unbind(-1):
        total = _round_as(total + weight, dtype)
        cumulative.append(total)
    if temperature == 0.0:
        below = scaled.cummax(-1).values < 0.0
    else:
        below = torch.stack(cumulative, -1) < _round_as(uniform * total, dtype)[..., None]
    drawn = total >= 1.0
    return torch.where(drawn, below.sum(-1), 0), drawn


def mdn_sample(logits: Tensor, mean: Tensor, log_std: Tensor, key: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Return x (rows, cols) and its component (rows) for logits (rows, components), mean (rows, components, cols)."""
    rows, _, cols = mean.shape
    device = mean.device
    where = device if device.type in ("cpu", "cuda") else torch.device("cpu")  # float64 is needed on the way
    key = key.to(where)
    counters = key[1] + torch.arange(rows, device=where) * ((cols + 3) // 4)
    word = philox.philox_words(key[0], counters, _COMPONENT_STREAM)[0]
    uniform = philox._fma(philox._round(word.double()), 2.0**-32, 2.0**-33)
    component, drawn = _choose(widen(logits).to(where), uniform, temperature)
    component, drawn = component.to(device), drawn.to(device)
    at = component[:, None, None].expand(rows, 1, cols)
    chosen_mean, chosen = (widen(x).gather(1, at).squeeze(1) for x in (mean, log_std))
    std = torch.exp(chosen.clamp(LOG_STD_MIN, LOG_STD_MAX)) * math.sqrt(temperature)
    x = chosen_mean + std * philox.noise(torch.Size((rows, cols)), key, device)
    return torch.where(drawn[:, None], x, torch.nan).to(mean.dtype), component
