"""Samples as a likelihood means them: grey levels made binary or continuous, the same way every time.

A Bernoulli likelihood is of values 0 and 1; so each grey value x in [0, 1] becomes 1 with probability x, once and for
all (static binarisation; Larochelle & Murray 2011; Burda et al. 2016, §5). A density of grey levels, of which there
are 256, can be raised without end by narrow peaks on them; so each level is spread evenly over its own 256th (Theis et
al. 2016, §3.1), and the mean log-density is at most the log-probability of the levels plus log 256 for each value. Both
use one fixed seed, and row i belongs to sample i of the dataset.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gdl_core.contracts import Model
from gdl_core.data.dataset import Dataset
from gdl_core.measures.subject import chunks
from gdl_core.noise import Noise

LEVELS = 256
SEED = 0
_LEAST_VARIANCE = 1e-12


def binarised(dataset: Dataset, indices: NDArray[np.int64]) -> Tensor:
    """Return samples of values in [0, 1] as zeros and ones, float32 (len(indices), *shape); 1 with probability x."""
    return (_even("binarised", dataset, indices) < dataset.tensor(indices)).float()


def dequantised(dataset: Dataset, indices: NDArray[np.int64]) -> Tensor:
    """Return pictures whose levels 0 … 255 are spread evenly over 256ths of [0, 1), float32 (len(indices), *shape)."""
    levels = dataset.tensor(indices) * (LEVELS - 1)
    return (levels.round() + _even("dequantised", dataset, indices)) / LEVELS


def _even(stream: str, dataset: Dataset, indices: NDArray[np.int64]) -> Tensor:
    noise = Noise(SEED).stream(stream)
    return torch.cat([noise.at(int(index)).uniform(1, dataset.shape) for index in indices])


@dataclass(frozen=True)
class Observed:
    """What a model's likelihood is judged on.

    Attributes:
        way: "binary", "dequantised", or "as they are".
        x: the samples, float32 (n, *data shape).
        changed: whether they differ from those of the dataset.
    """

    way: Literal["binary", "dequantised", "as they are"]
    x: Tensor
    changed: bool

    @property
    def words(self) -> str:
        """How samples were changed, for notes."""
        told = {
            "binary": "made 0 or 1 once by a fixed seed" if self.changed else "0 or 1",
            "dequantised": "levels spread over 256ths by a fixed seed",
        }
        return told.get(self.way, self.way)

    def bits_per_dimension(self, nats: float) -> float:
        """Return the bits that each of d values takes: −nats / (d log 2), and 8 more where levels were spread."""
        bits = -nats / (math.log(2) * self.x[0].numel())
        return bits + math.log2(LEVELS) if self.way == "dequantised" else bits


def observe(model: Model, dataset: Dataset, indices: NDArray[np.int64]) -> Observed:
    """Return samples of a dataset as the model's likelihood means them."""
    if model.observed == "binary":
        x = binarised(dataset, indices)
        return Observed("binary", x, not torch.equal(x, dataset.tensor(indices)))
    if dataset.is_pictures:
        return Observed("dequantised", dequantised(dataset, indices), True)
    return Observed("as they are", dataset.tensor(indices), False)


def independent_scores(dataset: Dataset, train: NDArray[np.int64], seen: Observed) -> Tensor:
    """Return log p of samples where each value is by itself, in nats, float64 (n,): the least that a model should know.

    Each value is Bernoulli (its 0 and 1 seen once more than they were) or Gaussian, with the moments of the training
    samples, binarised or spread as the others are, in expectation.
    """
    x, n = seen.x.flatten(1).double(), len(train)
    parts = chunks(train)
    total = torch.stack([_flat(dataset, part).sum(0) for part in parts]).sum(0)
    if seen.way == "binary":
        p = (total + 1) / (n + 2)
        return (x * p.log() + (1 - x) * (-p).log1p()).sum(1)
    mean = total / n
    variance = torch.stack([(_flat(dataset, part) - mean).square().sum(0) for part in parts]).sum(0) / n
    if seen.way == "dequantised":  # from levels / 255 to (levels + u) / 256
        scale = (LEVELS - 1) / LEVELS
        mean, variance = scale * mean + 0.5 / LEVELS, scale**2 * variance + 1 / (12 * LEVELS**2)
    variance = variance.clamp_min(_LEAST_VARIANCE)
    return -0.5 * ((x - mean).square() / variance + (2 * math.pi * variance).log()).sum(1)


def _flat(dataset: Dataset, rows: NDArray[np.int64]) -> Tensor:
    return dataset.tensor(rows).flatten(1).double()
