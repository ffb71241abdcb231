"""Probabilistic PCA: the VAE whose decoder is linear, for which everything is known in closed form."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gdl_baseline.config import GaussianConfig
from gdl_baseline.linear import LinearGaussian
from gdl_baseline.reading import evenly
from gdl_core.contracts import Posterior
from gdl_core.data.dataset import Dataset
from gdl_core.noise import Noise

_MOST_BYTES = 1 << 28
_LEAST_VARIANCE = 1e-8
_LEVEL_VARIANCE = 1 / (12 * 256**2)  # of an even number within a grey level


class Gaussian(LinearGaussian):
    """A Gaussian with the mean of the data and their covariance in `latent` principal components.

    With as many components as a sample has numbers it is the Gaussian of the data's mean and full covariance. With
    fewer, what they leave out counts as noise of one variance (Tipping & Bishop 1999).
    """

    def __init__(self, config: GaussianConfig, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape, config.latent)
        self.input_range = (0.0, 1.0) if self.is_pictures else None

    def fit(self, dataset: Dataset, noise: Noise, progress: Callable[[int, int], None]) -> None:
        """Fit by maximum likelihood, to at most 256 MiB of training samples spread evenly over all."""
        progress(0, 1)
        self.fit_rows(evenly(dataset, _MOST_BYTES))

    def sample(self, n: int, noise: Noise, **options: Any) -> Tensor:
        """Return n samples; with the setting `noise` what the components leave out is drawn as well."""
        flat = self.mean + (self.prior(n, noise) * self.scale) @ self.components
        if self.config.noise:
            drawn = noise.stream("noise").at(noise.start).normal(n, (self.numbers,), device=self.device)
            flat = flat + self.variance.sqrt() * drawn
        return self._shaped(flat)

    def encode(self, x: Tensor) -> Posterior:
        """Return p(z | x), mean and log-variance each (batch, latent): exact, since the columns of W are orthogonal.

        It has mean M⁻¹ Wᵀ (x − mean) and covariance σ² M⁻¹ with M = Wᵀ W + σ² I (Tipping & Bishop 1999, equation 6). A
        component without variance keeps the prior.
        """
        spread = self.scale.square() + self.variance
        known = self.scale > 0
        gain = torch.where(known, self.scale / spread.clamp_min(_LEAST_VARIANCE), torch.zeros_like(spread))
        left = torch.where(known, self.variance / spread.clamp_min(_LEAST_VARIANCE), torch.ones_like(spread))
        mean = ((x.flatten(1) - self.mean) @ self.components.T) * gain
        return Posterior(mean, left.clamp_min(_LEAST_VARIANCE).log().expand_as(mean).contiguous())

    def log_prob(self, x: Tensor, noise: Noise) -> Tensor:
        """Return log p(x) of samples, (batch,), in nats: exact, with z integrated out (their equations 3 and 4).

        No direction counts with a variance below 10⁻⁸, so that a number that never changes does not make it infinite;
        of pictures none with one below that within a grey level, since even noise is added there. Of fewer samples than
        numbers fewer components are found than were asked for; the others count as left out.
        """
        least = _LEAST_VARIANCE if not self.is_pictures else _LEVEL_VARIANCE
        found = self.scale > 0
        away = (x.flatten(1) - self.mean).double()
        along = away @ self.components[found].double().T
        variance = self.variance.double().clamp_min(least)
        spread = (self.scale[found].double().square() + self.variance.double()).clamp_min(least)
        left = self.numbers - len(spread)
        rest = (away.square().sum(1) - along.square().sum(1)).clamp_min(0) / variance if left else 0.0
        volume = self.numbers * math.log(2 * math.pi) + spread.log().sum() + left * variance.log()
        return (-0.5 * (volume + (along.square() / spread).sum(1) + rest)).float()
