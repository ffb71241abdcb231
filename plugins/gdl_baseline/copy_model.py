"""A memoriser: it repeats training samples and makes nothing new."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gdl_baseline.config import CopyConfig
from gdl_core.contracts import Model
from gdl_core.data.dataset import Dataset
from gdl_core.noise import Noise


class Copy(Model):
    """Draws from `n` training samples, each as often as the others.

    Precision finds no fault with it, and with many samples recall finds none either: the distance to the nearest
    training sample does. A latent point is one number z of N(0, 1), which chooses the sample number ⌊n Φ(z)⌋; points
    between two samples mean nothing, so it does not fill the role `decodes`.
    """

    samples: Tensor

    def __init__(self, config: CopyConfig, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape)
        self.latent_shape = (1,)
        self.register_buffer("samples", torch.zeros(config.n, *data_shape))

    @classmethod
    def fit_config(cls, config: CopyConfig, dataset: Dataset) -> CopyConfig:
        """Repeat no more samples than there are."""
        return config.model_copy(update={"n": max(1, min(config.n, len(dataset.train)))})

    def fit(self, dataset: Dataset, noise: Noise, progress: Callable[[int, int], None]) -> None:
        """Keep samples that the noise chooses; where there are fewer than `n`, some of them twice."""
        progress(0, 1)
        order = noise.stream("kept").permutation(len(dataset.train)).numpy()
        chosen = np.resize(order, len(self.samples))
        self.samples.copy_(dataset.tensor(dataset.train[chosen]))

    def prior(self, n: int, noise: Noise) -> Tensor:
        """Draw n numbers of N(0, 1), (n, 1)."""
        return noise.normal(n, self.latent_shape, device=self.device)

    def sample(self, n: int, noise: Noise, **options: Any) -> Tensor:
        """Return n of the training samples, drawn with replacement, (n, *data shape)."""
        count = len(self.samples)
        index = (torch.special.ndtr(self.prior(n, noise)[:, 0]) * count).long().clamp_(max=count - 1)
        return self.samples[index]
