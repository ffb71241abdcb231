"""A Gaussian over a few principal components: what `gaussian` and `collapsed` have in common."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor

from gdl_core.contracts import Model
from gdl_core.latent.reduce import fit_pca
from gdl_core.noise import Noise


class LinearGaussian(Model):
    """x = mean + W z with z of N(0, I), and Gaussian noise of one variance around it (Tipping & Bishop 1999).

    The columns of W are the principal components, each `scale` long: √(λ − σ²) for a component of variance λ, where σ²
    is the mean variance of the directions that are left out (their equations 7 and 8, with R = I).
    """

    mean: Tensor
    components: Tensor
    scale: Tensor
    variance: Tensor

    def __init__(self, config: object, data_shape: tuple[int, ...], latent: int) -> None:
        super().__init__(config, data_shape)  # type: ignore[arg-type]
        self.is_pictures = len(data_shape) == 3
        self.numbers = prod(data_shape)
        size = min(latent, self.numbers)
        self.latent_shape = (size,)
        self.register_buffer("mean", torch.zeros(self.numbers))
        self.register_buffer("components", torch.zeros(size, self.numbers))
        self.register_buffer("scale", torch.zeros(size))
        self.register_buffer("variance", torch.zeros(()))

    def fit_rows(self, rows: Tensor) -> None:
        """Fit to rows (n, numbers) by maximum likelihood; components that the rows do not have are left at 0."""
        (size,) = self.latent_shape
        pca = fit_pca(rows, size)
        found = len(pca.components)
        variances = pca.deviations.double().square()
        left = self.numbers - found
        total = (rows.double() - rows.double().mean(0)).square().mean(0).sum()
        variance = ((total - variances.sum()) / left).clamp_min(0) if left else torch.zeros((), dtype=torch.float64)
        self.mean.copy_(pca.mean)
        self.components.zero_()[:found].copy_(pca.components)
        self.scale.zero_()[:found].copy_((variances - variance).clamp_min(0).sqrt())
        self.variance.copy_(variance)

    def prior(self, n: int, noise: Noise) -> Tensor:
        """Draw n points of N(0, I), (n, latent)."""
        return noise.normal(n, self.latent_shape, device=self.device)

    def decode(self, z: Tensor) -> Tensor:
        """Return mean + W z, (batch, *data shape), clipped to [0, 1] where it is a picture."""
        return self._shaped(self.mean + (z * self.scale) @ self.components)

    def _shaped(self, flat: Tensor) -> Tensor:
        made = flat.reshape(-1, *self.data_shape)
        return made.clamp(0, 1) if self.is_pictures else made
