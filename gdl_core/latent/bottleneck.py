"""What a posterior is charged for: its draws and its KL, with the usual weights and allowances."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from gdl_core.kernels import reparameterize
from gdl_core.noise import Noise


class Drawn(NamedTuple):
    """Points drawn from posteriors, (batch, latent); the KL that is charged for, and the whole KL, 0-d, in nats."""

    z: Tensor
    charged: Tensor
    kl: Tensor


def draw(mean: Tensor, log_var: Tensor, noise: Noise, free_bits: float) -> Drawn:
    """Draw from diagonal Gaussians, fused with their KL from N(0, I), mean over the batch (Kingma & Welling 2013).

    Args:
        mean, log_var: of each posterior, float32 (batch, latent).
        noise: row i belongs to row i.
        free_bits: λ: each dimension is charged max(λ, its mean KL over the batch) (Kingma et al. 2016); 0: the KL.
    """
    key = noise.key(mean.shape[1])
    if not free_bits:
        z, kl = reparameterize(mean, log_var, key=key, kl="mean")
        return Drawn(z, kl, kl)
    z, charged = reparameterize(mean, log_var, key=key, kl="mean", free_bits=free_bits)
    with torch.no_grad():
        _, kl = reparameterize(mean, log_var, key=key, kl="mean")
    return Drawn(z, charged, kl)


def risen(weight: float, warmup: float, progress: float) -> float:
    """Return the weight of the KL after a share of the training, over the first `warmup` of which it rises from 0
    (Bowman et al. 2016).

    >>> [risen(2.0, 0.5, progress) for progress in (0.0, 0.25, 1.0)], risen(2.0, 0.0, 0.0)
    ([0.0, 1.0, 2.0], 2.0)
    """
    return weight * min(1.0, progress / warmup) if warmup else weight
