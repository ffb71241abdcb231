"""Subjects whose measures are known beforehand."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import torch
from latent.models import TinyConfig, TinyMlp, make
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, binary_cross_entropy

from gdl_core.contracts import Model, Posterior
from gdl_core.data.dataset import Dataset
from gdl_core.latent.reduce import fit_pca
from gdl_core.measures.inception import Inception
from gdl_core.measures.subject import Subject
from gdl_core.noise import Noise
from gdl_core.values import Column


def bars(n: int = 600, seed: int = 0) -> Dataset:
    """Pictures 8 × 8 of a bar with a height and a brightness; `label` says which of three heights it is nearest to."""
    rng = np.random.default_rng(seed)
    height, brightness = rng.uniform(0, 8, n), rng.uniform(0.3, 1, n)
    rows = np.clip(height[:, None] - np.arange(8), 0, 1)
    pictures = np.zeros((n, 1, 8, 8))
    pictures[:, 0, :, 2:6] = (rows * brightness[:, None])[:, :, None]
    pixels = (255 * np.clip(pictures + rng.normal(0, 0.01, pictures.shape), 0, 1)).astype(np.uint8)
    columns = {
        "height": Column(height.astype(np.float32)),
        "brightness": Column(brightness.astype(np.float32)),
        "label": Column((height / 8 * 3).astype(np.int64), ("low", "middle", "high")),
    }
    return Dataset("bars", pixels, columns, np.arange(0, n, 5), f"bars{n}-{seed}")


class Linear(Model):
    """The principal components of a dataset as an encoder and a decoder."""

    def __init__(self, config: TinyConfig, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape)
        self.latent_shape = (config.latent,)
        self.components = nn.Parameter(torch.zeros(config.latent, prod(data_shape)))
        self.mean = nn.Parameter(torch.zeros(prod(data_shape)))

    def encode(self, x: Tensor) -> Posterior:
        return Posterior((x.flatten(1) - self.mean) @ self.components.T)

    def decode(self, z: Tensor) -> Tensor:
        return (z @ self.components + self.mean).reshape(-1, *self.data_shape)


def linear(dataset: Dataset, latent: int = 2, **changes: Any) -> Subject:
    """Return the principal components of a dataset, to be judged on it."""
    trained = make(Linear, dataset.shape, latent=latent)
    pca = fit_pca(dataset.tensor(dataset.train).flatten(1), latent)
    with torch.no_grad():
        trained.model.components.copy_(pca.components)
        trained.model.mean.copy_(pca.mean)
    return replace(Subject(trained, dataset, Noise(5)), **changes)


class Gaussian(TinyMlp):
    """An encoder that pays no heed to its input: dimension 0 follows the prior (collapsed), dimension 1 follows x."""

    def encode(self, x: Tensor) -> Posterior:
        first = x.flatten(1)[:, :1]
        mean = torch.cat([torch.zeros_like(first), first], dim=1)
        return Posterior(mean, torch.cat([torch.zeros_like(first), torch.full_like(first, -2.0)], dim=1))


class Scoring(TinyMlp):
    """An autoencoder whose decoder gives the chance that each value is 1."""

    observed = "binary"

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        return -binary_cross_entropy(self.decode(z), x, reduction="none").flatten(1).sum(1)


class Means(nn.Module):
    """A network that tells the means of 5 × 5 parts of a picture."""

    def forward(self, x: Tensor) -> Tensor:
        assert x.shape[1:] == (3, 299, 299)
        return adaptive_avg_pool2d(x, 5).flatten(1)


def means(**options: Any) -> Inception:
    """Return what stands for the FID Inception where its weights do not matter."""
    return Inception(Means(), "0123456789abcdef", **options)


def vectors(values: np.ndarray, **columns: Column) -> Dataset:
    """Return a dataset of float vectors, every second one held out."""
    return Dataset("vectors", values.astype(np.float32), columns, np.arange(0, len(values), 2), "vectors")
