"""A histogram of each number of a sample, all independent: right in every pixel, and wrong in all that lies between."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import torch
from torch import Tensor

from gdl_baseline.config import HistogramConfig
from gdl_baseline.reading import blocks
from gdl_core.contracts import Model
from gdl_core.data.dataset import Dataset
from gdl_core.errors import InputError
from gdl_core.noise import Noise

_PICTURE_LEVELS, _VECTOR_LEVELS = 256, 32
_MOST_BYTES = 1 << 30
_BELOW_ONE = 1.0 - 2.0**-24


class Histogram(Model):
    """Draws each number from its own histogram by the inverse CDF (Foster 2023, chapter 1, for pixels).

    A pixel takes the middle grey of its level, with 256 levels exactly the greys of the data. The numbers of a vector
    lie evenly within a level, of which there are `levels` between the least and the greatest training value.

    Raises:
        InputError: the table of all pixels and levels would take more than 1 GiB.
    """

    cumulative: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, config: HistogramConfig, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape)
        self.latent_shape = self.data_shape
        self.is_pictures = len(data_shape) == 3
        self.input_range = (0.0, 1.0) if self.is_pictures else None
        self.levels = config.levels or (_PICTURE_LEVELS if self.is_pictures else _VECTOR_LEVELS)
        numbers = prod(data_shape)
        if 4 * numbers * self.levels > _MOST_BYTES:
            raise InputError(
                f"histogram: {numbers:,} numbers with {self.levels} levels take more than {_MOST_BYTES >> 30} GiB; "
                f"lower 'levels' or make the pictures smaller"
            )
        even = torch.arange(1, self.levels + 1) / self.levels
        self.register_buffer("cumulative", even.repeat(numbers, 1))
        self.register_buffer("low", torch.zeros(numbers))
        self.register_buffer("high", torch.ones(numbers))

    def fit(self, dataset: Dataset, noise: Noise, progress: Callable[[int, int], None]) -> None:
        """Count how often each number of the training samples lies in each level."""
        if not self.is_pictures:
            parts = [(rows.flatten(1).amin(0), rows.flatten(1).amax(0)) for rows in blocks(dataset, progress)]
            lows, highs = zip(*parts, strict=True)
            self.low.copy_(torch.stack(lows).amin(0))
            self.high.copy_(torch.stack(highs).amax(0))
        low, high = self.low.cpu(), self.high.cpu()
        numbers, size = len(low), len(low) * self.levels
        counts = torch.zeros(size, dtype=torch.int64)
        first = torch.arange(numbers) * self.levels
        for rows in blocks(dataset, progress):
            counts += torch.bincount((self._level(rows.flatten(1), low, high) + first).flatten(), minlength=size)
        running = counts.reshape(numbers, self.levels).cumsum(1)
        self.cumulative.copy_(running.double() / len(dataset.train))

    def _level(self, x: Tensor, low: Tensor, high: Tensor) -> Tensor:
        if self.is_pictures:
            return (x * 255 + 0.5).long() * self.levels // 256
        share = (x - low) / (high - low).clamp_min(torch.finfo(torch.float32).tiny)
        return (share * self.levels).long().clamp_(0, self.levels - 1)

    def prior(self, n: int, noise: Noise) -> Tensor:
        """Draw n points of N(0, I), (n, *data shape)."""
        return noise.normal(n, self.latent_shape, device=self.device)

    def decode(self, z: Tensor) -> Tensor:
        """Return F⁻¹(Φ(z)) of each number's own distribution F, (batch, *data shape)."""
        p = torch.special.ndtr(z.flatten(1)).clamp(max=_BELOW_ONE).T.contiguous()  # (numbers, batch)
        level = torch.searchsorted(self.cumulative, p, right=True).clamp_(max=self.levels - 1)
        if self.is_pictures:
            made = self._greys()[level]
        else:
            above = self.cumulative.gather(1, level)
            below = self.cumulative.gather(1, (level - 1).clamp_min(0)).where(level > 0, torch.zeros_like(p))
            within = (p - below) / (above - below).clamp_min(torch.finfo(torch.float32).tiny)
            share = (level + within.clamp(0, 1)) / self.levels
            made = torch.lerp(self.low[:, None].expand_as(p), self.high[:, None].expand_as(p), share)
        return made.T.reshape(-1, *self.data_shape)

    def _greys(self) -> Tensor:
        """Return the middle of the greys 0 … 255 that fall into each level, over 255: (levels,)."""
        grey = torch.arange(256, device=self.device)
        level = grey * self.levels // 256
        total = torch.zeros(self.levels, device=self.device).index_add_(0, level, grey.float())
        count = torch.bincount(level, minlength=self.levels)
        return total / count / 255
