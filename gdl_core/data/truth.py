"""What may be known of a set beyond its samples: the distribution that they were drawn from.

Generative models never see it. It is what a drawing of their errors is held against.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Truth(Protocol):
    """A distribution over the plane, and the set of points that count as belonging to it."""

    @property
    def rule(self) -> str:
        """Which points belong to the set, in words that follow "a point belongs to the set if it lies"."""

    def inside(self, points: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
        """Return which of the points (n, 2) belong to the set: (n,)."""

    def log_density(self, points: NDArray[np.floating[Any]]) -> Floats:
        """Return log p at points (n, 2), in nats: (n,), minus infinity where nothing can lie."""

    def mass(self, low: tuple[float, float], high: tuple[float, float]) -> float:
        """Return the probability of the box between the corners `low` and `high`."""

    def area(self, low: tuple[float, float], high: tuple[float, float]) -> float:
        """Return the area of the part of the set that lies in the box."""
