"""The Fréchet Inception distance of samples and held-out pictures, with the Inception weights that the user has.

FID = |m − m'|² + tr(C + C' − 2 (C C')^½) of the means and covariances of 2048 features of each set of pictures (Heusel
et al. 2017, eq. 6), which are taken as the network gives them. It is above 0 for two finite sets of one kind, and the
more so the fewer they are (Bińkowski et al. 2018, §D.3; Chong & Forsyth 2020), so that as many samples are made as
there are held-out ones, and as many training samples stand beside them as the floor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gdl_core.measures.frechet import FEWEST, frechet_distance
from gdl_core.measures.inception import SIZE, Inception
from gdl_core.measures.spaces import Space
from gdl_core.measures.subject import Measurement, Subject, chunks, torch_cat

ENOUGH = 10_000
"""Samples of each side below which a value is told to be too high; Heusel et al. 2017 take 50,000."""


@dataclass(frozen=True)
class InceptionSpace(Space):
    """Samples of a subject in the features of the network, (n, 2048); those that are no model's are remembered."""

    network: Inception

    @property
    def name(self) -> str:
        """What the space is, for notes."""
        return f"in features of the FID Inception {self.network.digest[:8]}"

    def of(self, x: Tensor) -> Tensor:
        """Return pictures (n, channels, height, width) in [0, 1] in this space."""
        return self.network.features(x)

    @property
    def noise(self) -> Tensor:
        """Even noise."""
        return self.network.features(self.even_noise(), keep=True)

    def _of_rows(self, rows: NDArray[np.int64]) -> Tensor:
        tensor = self.subject.dataset.tensor
        return torch_cat([self.network.features(tensor(part), keep=True) for part in chunks(rows)])


def measure(subject: Subject) -> list[Measurement]:
    """Return the distance beside those of training samples, a few of them repeated, and even noise.

    Nothing where the subject has no weights, or fewer than 20 samples on a side.
    """
    if subject.inception is None:
        return []
    space = InceptionSpace(subject, subject.inception)
    n = space.n
    if n < FEWEST:
        return []
    channels, height, width = subject.dataset.shape
    grey = ", grey repeated as RGB" if channels == 1 else ""
    note = (
        f"{n} made and {n} held-out samples, {space.name}; whole levels of 0 … 255{grey}, "
        f"{height} × {width} resized to {SIZE} × {SIZE} by the bilinear rule of TensorFlow 1"
    )
    if n < ENOUGH:
        note += (
            f"; fewer than {ENOUGH:,} samples make every value too high: judge it beside the floor, training samples"
        )
    others = {
        "training samples": space.train,
        f"{space.distinct} training samples repeated": space.repeated,
        "even noise": space.noise,
    }
    real = space.real
    baselines = {name: frechet_distance(real, other) for name, other in others.items()}
    return [Measurement("FID", frechet_distance(real, space.made), "squared", "lower", baselines, n, note)]
