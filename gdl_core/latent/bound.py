"""A lower bound of log p(x) for models with latent points, as their `log_prob`."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gdl_core.contracts import Model
from gdl_core.noise import Noise


@torch.no_grad()
def importance_bound(model: Model, x: Tensor, noise: Noise, draws: int) -> Tensor:
    """Return the importance-weighted bound of log p(x) (Burda et al. 2016, eq. 8), (batch,), in nats.

    It rises towards log p(x) with the number of draws; with one it is the evidence lower bound.

    Args:
        model: one that encodes to a variance and has a `log_likelihood`.
        x: samples, (batch, *data shape).
        noise: sample i uses row i of each draw.
        draws: from the posterior of each sample.
    """
    posterior = model.encode(x)
    total: Tensor | None = None
    for number in range(draws):
        z = posterior.draw(noise.stream("bound", number).at(noise.start))
        weight = model.log_likelihood(x, z) + model.log_prior(z) - posterior.log_prob(z)
        total = weight if total is None else torch.logaddexp(total, weight)
    assert total is not None
    return total - math.log(draws)
