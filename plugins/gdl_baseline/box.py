"""The uniform distribution over the box that the training samples span: the first generative model one thinks of."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from gdl_baseline.config import BoxConfig
from gdl_baseline.reading import blocks
from gdl_core.contracts import Model
from gdl_core.data.dataset import Dataset
from gdl_core.noise import Noise


class Box(Model):
    """Every number of a sample lies evenly between its least and its greatest training value, whatever the others are.

    A latent point of N(0, I), as large as a sample, becomes even under the normal CDF, and then the sample.
    """

    low: Tensor
    high: Tensor

    def __init__(self, config: BoxConfig, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape)
        self.latent_shape = self.data_shape
        self.register_buffer("low", torch.zeros(data_shape))
        self.register_buffer("high", torch.ones(data_shape))

    def fit(self, dataset: Dataset, noise: Noise, progress: Callable[[int, int], None]) -> None:
        """Take the range of each number over the training samples."""
        parts = [(rows.amin(0), rows.amax(0)) for rows in blocks(dataset, progress)]
        lows, highs = zip(*parts, strict=True)
        self.low.copy_(torch.stack(lows).amin(0))
        self.high.copy_(torch.stack(highs).amax(0))

    def uniform_box(self) -> tuple[Tensor, Tensor]:
        """Return the corners of the box, each (*data shape)."""
        return self.low, self.high

    def prior(self, n: int, noise: Noise) -> Tensor:
        """Draw n points of N(0, I), (n, *data shape)."""
        return noise.normal(n, self.latent_shape, device=self.device)

    def decode(self, z: Tensor) -> Tensor:
        """Return low + (high − low) · Φ(z), (batch, *data shape)."""
        return torch.lerp(self.low.expand_as(z), self.high.expand_as(z), torch.special.ndtr(z))
