"""What a probe says of samples of a model, of held-out ones and of the baselines: one category for each column.

Held-out samples are judged by the probe too and not taken by their labels, so that its mistakes fall on both sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gdl_core.latent.judged import category_names
from gdl_core.latent.tiles import classify_rows
from gdl_core.measures.spaces import Space
from gdl_core.measures.subject import Subject
from gdl_core.values import TrainedModel

Codes = dict[str, NDArray[np.int64]]
"""For each column the code of each sample's likeliest category, (n,)."""


@dataclass(frozen=True)
class Judged:
    """Samples of each kind as a probe sees them, as many of each."""

    subject: Subject
    probe: TrainedModel

    @cached_property
    def sizes(self) -> dict[str, int]:
        """The columns that are judged, with the number of their categories."""
        one = classify_rows(self.probe, self.subject.dataset, self.subject.held_out[:1])
        wanted = list(one) if self.subject.column is None else [self.subject.column]
        return {column: one[column].shape[1] for column in wanted if column in one}

    def names(self, column: str) -> Sequence[str]:
        """Return the categories of a column: as the probe knows them, else as the dataset does, else numbers."""
        known, size = self.subject.dataset.columns.get(column), self.sizes[column]
        if column in self.probe.data.get("columns", {}) or known is None or len(known.names) != size:
            return category_names(self.probe, column, size)
        return known.names

    @cached_property
    def real(self) -> Codes:
        """Held-out samples."""
        return self._of_rows(self.subject.some_held_out(self.n))

    @cached_property
    def made(self) -> Codes:
        """Samples of the model, the first n of the seed."""
        return _codes(classify_rows(self.probe, self.subject.made[: self.n]))

    @cached_property
    def baselines(self) -> dict[str, Codes]:
        """Training samples, a few of them repeated, and even noise, by the name of the baseline."""
        few = self._of_rows(self._space.some_train(self._space.distinct))
        return {
            "training samples": self._of_rows(self._space.some_train(self.n)),
            f"{self._space.distinct} training samples repeated": {
                column: np.resize(codes, self.n) for column, codes in few.items()
            },
            "even noise": _codes(classify_rows(self.probe, self._space.even_noise())),
        }

    @property
    def n(self) -> int:
        """Samples of each kind."""
        return self._space.n

    @property
    def note(self) -> str:
        """Who judged how many samples."""
        judge = f"{self.probe.name} {self.probe.fingerprint[:8]}"
        return f"{self.n} made and {self.n} held-out samples, both judged by {judge}"

    @cached_property
    def _space(self) -> Space:
        return Space(self.subject)

    def _of_rows(self, rows: NDArray[np.int64]) -> Codes:
        return _codes(classify_rows(self.probe, self.subject.dataset, rows))


def _codes(chances: dict[str, Tensor]) -> Codes:
    return {column: one.argmax(1).numpy() for column, one in chances.items()}


def total_variation(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    """Return ½ Σ |p − q| of two distributions, in [0, 1]: the greatest difference of any event's chance."""
    return float(np.abs(p - q).sum() / 2)
