"""How sure a share of a few samples is."""

from __future__ import annotations

from math import sqrt

Z = 1.959963984540054
"""The 97.5 % quantile of the normal distribution, for intervals of 95 %."""


def wilson(hits: float, n: int, z: float = Z) -> tuple[float, float]:
    """Return the score interval of a share of `hits` among n > 0, in [0, 1] (Wilson 1927).

    Unlike share ± z · standard error it is not empty where nothing, or everything, was hit.

    >>> low, high = wilson(0, 100)
    >>> low, round(high, 4)
    (0.0, 0.037)
    """
    share, over = hits / n, z * z / n
    middle = (share + over / 2) / (1 + over)
    half = z / (1 + over) * sqrt(share * (1 - share) / n + over / (4 * n))
    return (0.0 if hits <= 0 else max(0.0, middle - half)), (1.0 if hits >= n else min(1.0, middle + half))
