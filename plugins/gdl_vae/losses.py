"""Reconstruction losses as likelihoods, in nats: summed over the dimensions of a sample, averaged over the batch."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LOWEST_VARIANCE = math.exp(-12.0)
"""Floor of the fitted variance (Rybkin et al. 2021 hold log sigma above −6): a perfect fit must not divide by zero."""

_MEMORY = 0.01  # share of a new batch in the running variance


class Reconstruction(nn.Module):
    """-log p(x | z) of a decoder that gives logits.

    - `bce`: each value is the probability of a one; grey values are taken as probabilities too, without the normaliser
      of the continuous Bernoulli (Loaiza-Ganem & Cunningham 2019), so for grey pictures it is a loss and not quite a
      likelihood.
    - `mse`: a Gaussian of variance 1 without its constant: half the squared error.
    - `gaussian`: a Gaussian with one variance for all values, the one that fits best (sigma-VAE, Rybkin et al. 2021,
      "optimal sigma"). While training it is the mean squared error of the batch, in closed form and with gradients
      through it; a running mean of it is kept in the buffer `variance` for held-out losses and `log_prob`.

    Args:
        kind: which of the three.
        bounded: samples lie in [0, 1], so the decoder's output is the sigmoid of the logits, else the logits themselves
    """

    variance: Tensor
    batches: Tensor

    def __init__(self, kind: Literal["bce", "mse", "gaussian"], bounded: bool) -> None:
        super().__init__()
        self.kind = kind
        self.bounded = bounded or kind == "bce"
        if kind == "gaussian":
            self.register_buffer("variance", torch.ones(()))
            self.register_buffer("batches", torch.zeros(()))

    def output(self, logits: Tensor) -> Tensor:
        """Return what the decoder means by its logits: samples."""
        return logits.sigmoid() if self.bounded else logits

    def forward(self, logits: Tensor, x: Tensor, training: bool) -> Tensor:
        """Return the loss of float32 logits (batch, *data shape), 0-d, in nats a sample."""
        batch = len(x)
        if self.kind == "bce":
            return F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / batch
        squares = F.mse_loss(self.output(logits), x, reduction="sum") / batch
        if self.kind == "mse":
            return 0.5 * squares
        size = x[0].numel()
        if not training:
            return 0.5 * (squares / self.variance + size * torch.log(2 * math.pi * self.variance))
        variance = (squares / size).clamp_min(LOWEST_VARIANCE)
        with torch.no_grad():
            self.batches += 1
            self.variance.lerp_(variance, torch.clamp_min(1 / self.batches, _MEMORY))
        return 0.5 * size * (torch.log(2 * math.pi * variance) + 1)

    def log_likelihood(self, logits: Tensor, x: Tensor) -> Tensor:
        """Return log p(x | z) of each sample, (batch,), in nats."""
        if self.kind == "bce":
            return -F.binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1).sum(1)
        squares = (self.output(logits) - x).square().flatten(1).sum(1)
        variance = self.variance if self.kind == "gaussian" else torch.ones_like(squares)
        return -0.5 * (squares / variance + x[0].numel() * torch.log(2 * math.pi * variance))
