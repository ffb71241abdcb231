"""A generator that has collapsed, made on purpose: what it makes is good, and it makes one thing."""

from __future__ import annotations

from collections.abc import Callable

import torch

from gdl_baseline.config import CollapsedConfig
from gdl_baseline.linear import LinearGaussian
from gdl_baseline.reading import blocks
from gdl_core.data.dataset import Dataset
from gdl_core.measures.neighbours import distances
from gdl_core.noise import Noise

_CANDIDATES = 16


class Collapsed(LinearGaussian):
    """A Gaussian over the principal components of one training sample and its nearest neighbours; no label is asked.

    Samples are new and look like data, so neither precision nor memorisation finds fault with it: recall and coverage
    do. Of sixteen samples that the noise chooses, the one is taken whose neighbours lie fifth nearest.
    """

    def __init__(self, config: CollapsedConfig, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape, config.latent)
        self.input_range = (0.0, 1.0) if self.is_pictures else None

    def fit(self, dataset: Dataset, noise: Noise, progress: Callable[[int, int], None]) -> None:
        """Choose the sample, find its neighbours by plain distance, and fit the components of these."""
        train = dataset.train
        chosen = noise.stream("candidates").permutation(len(train)).numpy()[:_CANDIDATES]
        candidates = dataset.tensor(train[chosen]).flatten(1)
        apart = torch.cat(
            [part for rows in blocks(dataset, progress) for part in distances(rows.flatten(1), candidates)]
        )
        near = apart.topk(min(self.config.neighbours, len(train)), dim=0, largest=False)  # (neighbours, candidates)
        # Where samples lie thickest, new ones look like copies; where they lie thinnest, like nothing.
        taken = int(near.values[-1].argsort(stable=True)[len(candidates) // 4])
        self.fit_rows(dataset.tensor(train[near.indices[:, taken].sort().values.numpy()]).flatten(1))
