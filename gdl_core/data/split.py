"""Which samples are held out: never trained on, so that measures can tell learning from remembering."""

from __future__ import annotations

from math import floor
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from gdl_core.noise import Noise


def split(n: int, share: float, noise: Noise) -> NDArray[np.int64]:
    """Return the sorted indices of the samples to hold out: round(n · share) of them, drawn by noise.

    Each sample draws a number of its own and the smallest are held out, so few samples change sides when the set grows.
    Of two or more samples at least one is on either side, unless share is 0.

    Args:
        n: number of samples.
        share: part to hold out, in [0, 1).
        noise: stream that decides; row i belongs to sample i.
    """
    if n < 0 or not 0.0 <= share < 1.0:
        raise ValueError(f"cannot hold out a share of {share} of {n} samples")
    count = floor(n * share + 0.5)
    if share > 0.0 and n >= 2:
        count = min(max(count, 1), n - 1)
    if count == 0 or n < 2:
        return np.zeros(0, dtype=np.int64)
    drawn = noise.normal(n, (1,)).numpy()[:, 0]
    return np.sort(np.argsort(drawn, kind="stable")[:count]).astype(np.int64, copy=False)
