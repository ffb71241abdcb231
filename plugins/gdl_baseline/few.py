"""A generator collapsed onto a few modes, made on purpose: what it makes is new and good, and of so many kinds."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from gdl_baseline.config import FewConfig
from gdl_baseline.reading import blocks
from gdl_core.contracts import Model
from gdl_core.data.dataset import Dataset
from gdl_core.measures.neighbours import nearest_of_parts
from gdl_core.noise import Noise


class Few(Model):
    """Makes what lies on the way from one of `n` training samples to its nearest neighbour, and nothing else.

    The mean and the covariance of its samples are nearly those of the data, so that the Fréchet distance is good;
    recall and coverage tell how few kinds there are. A latent point is two numbers of N(0, 1): z₀ chooses the sample
    number ⌊n Φ(z₀)⌋, and `reach` Φ(z₁) of the way is gone.
    """

    samples: Tensor
    towards: Tensor

    def __init__(self, config: FewConfig, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape)
        self.latent_shape = (2,)
        self.input_range = (0.0, 1.0) if len(data_shape) == 3 else None
        self.register_buffer("samples", torch.zeros(config.n, *data_shape))
        self.register_buffer("towards", torch.zeros(config.n, *data_shape))

    @classmethod
    def fit_config(cls, config: FewConfig, dataset: Dataset) -> FewConfig:
        """Take no more samples than there are."""
        return config.model_copy(update={"n": max(1, min(config.n, len(dataset.train)))})

    def fit(self, dataset: Dataset, noise: Noise, progress: Callable[[int, int], None]) -> None:
        """Keep samples that the noise chooses, and the nearest other one of each by plain distance."""
        train = dataset.train
        chosen = train[noise.stream("kept").permutation(len(train)).numpy()[: len(self.samples)]]
        self.samples.copy_(dataset.tensor(chosen))
        parts = (rows.flatten(1) for rows in blocks(dataset, progress))
        _, found = nearest_of_parts(self.samples.flatten(1), parts, 2)
        self.towards.copy_(dataset.tensor(train[found[:, -1].numpy()]))  # the nearest of all is the sample itself

    def prior(self, n: int, noise: Noise) -> Tensor:
        """Draw n points of N(0, I), (n, 2)."""
        return noise.normal(n, self.latent_shape, device=self.device)

    def decode(self, z: Tensor) -> Tensor:
        """Return what lies at points (batch, 2), (batch, *data shape)."""
        count = len(self.samples)
        place = torch.special.ndtr(z)
        index = (place[:, 0] * count).long().clamp_(max=count - 1)
        gone = (self.config.reach * place[:, 1]).reshape(-1, *(1 for _ in self.data_shape))
        return torch.lerp(self.samples[index], self.towards[index], gone)
