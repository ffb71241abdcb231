"""The space that samples are compared in, and the samples of a model and of its baselines there.

Distances between pictures mean little pixel by pixel, so pictures are compared in the features of a classifier of the
same data, where one is given, and otherwise in their principal components. Every score names its space: scores of two
spaces cannot be compared, nor those of two numbers of samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gdl_core.latent.reduce import Pca, fit_pca
from gdl_core.latent.tiles import feature_rows
from gdl_core.measures.subject import Subject, chunks, torch_cat

COMPONENTS = 32
MOST_REPEATED = 100
"""Training samples that the memoriser repeats, each ten times or more."""


@dataclass(frozen=True)
class Space:
    """Samples of a subject in the space that they are compared in, each (n, numbers) float32.

    As many samples are drawn as there are held-out ones, and as many training samples are taken.
    """

    subject: Subject

    @property
    def n(self) -> int:
        """Samples of each kind."""
        return min(len(self.subject.held_out), len(self.subject.train))

    @property
    def name(self) -> str:
        """What the space is, for notes."""
        extractor = self.subject.extractor
        if extractor is not None:
            return f"in features of {extractor.name} {extractor.fingerprint[:8]}"
        if self._pca is None:
            return "as they are"
        return f"in {len(self._pca.components)} principal components"

    @cached_property
    def real(self) -> Tensor:
        """Held-out samples."""
        return self._of_rows(self.subject.some_held_out(self.n))

    @cached_property
    def train(self) -> Tensor:
        """Training samples: what a perfect model would score."""
        return self._of_rows(self.some_train(self.n))

    @cached_property
    def made(self) -> Tensor:
        """Samples of the model, the first n of the seed."""
        return self.of(self.subject.made[: self.n])

    @cached_property
    def repeated(self) -> Tensor:
        """A few training samples, over and over: what a model that memorised them would make."""
        few = self._of_rows(self.some_train(self.distinct))
        return few[torch.arange(self.n) % len(few)]

    @property
    def distinct(self) -> int:
        """How many samples are repeated."""
        return max(1, min(MOST_REPEATED, self.n // 10))

    @cached_property
    def noise(self) -> Tensor:
        """Even noise."""
        return self.of(self.even_noise())

    def even_noise(self) -> Tensor:
        """Return samples drawn between the least and the greatest training value of each number, (n, *data shape)."""
        rows = self.subject.dataset.tensor(self.subject.train[:4096])
        low, high = rows.amin(0), rows.amax(0)
        generator = torch.Generator().manual_seed(self.subject.noise.stream("even noise").torch_seed())
        drawn = torch.rand((self.n, *rows.shape[1:]), generator=generator)
        return low + (high - low) * drawn

    def of(self, x: Tensor) -> Tensor:
        """Return samples (n, *data shape) in this space."""
        if self.subject.extractor is not None:
            return feature_rows(self.subject.extractor, x)
        flat = x.float().flatten(1)
        return flat if self._pca is None else self._pca.project(flat)

    def _of_rows(self, rows: NDArray[np.int64]) -> Tensor:
        return torch_cat([self.of(self.subject.dataset.tensor(part)) for part in chunks(rows)])

    def some_train(self, n: int) -> NDArray[np.int64]:
        """Return the indices of n training samples drawn at random, sorted."""
        order = self.subject.noise.stream("compared").permutation(len(self.subject.train)).numpy()
        return np.sort(self.subject.train[order[:n]])

    @cached_property
    def _pca(self) -> Pca | None:
        dataset = self.subject.dataset
        if not dataset.is_pictures:
            return None
        rows = self.some_train(2000)
        return fit_pca(dataset.tensor(rows).flatten(1), min(COMPONENTS, int(np.prod(dataset.shape)), len(rows) - 1))
