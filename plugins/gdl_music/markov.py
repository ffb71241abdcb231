"""The baseline of all models of music: each voice by itself, each code by the one before it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gdl_core.noise import Noise

Codes = NDArray[np.int64]


class Markov:
    """First-order chains, one for each voice, with a count added to every possible code (Laplace).

    Args:
        codes: to learn from, int64 (n, voices, steps).
        size: how many codes there are.
    """

    def __init__(self, codes: Codes, size: int) -> None:
        voices = codes.shape[1]
        counts = np.ones((voices, size + 1, size))  # the last row: nothing was before
        for voice in range(voices):
            before = np.concatenate([np.full((len(codes), 1), size), codes[:, voice, :-1]], axis=1)
            np.add.at(counts[voice], (before, codes[:, voice]), 1.0)
        self._share = counts / counts.sum(2, keepdims=True)
        self._size = size

    def bits(self, codes: Codes) -> float:
        """Return -log₂ P of codes (n, voices, steps), all together."""
        total = 0.0
        for voice, share in enumerate(self._share):
            before = np.concatenate([np.full((len(codes), 1), self._size), codes[:, voice, :-1]], axis=1)
            total -= float(np.log2(share[before, codes[:, voice]]).sum())
        return total

    def sample(self, n: int, steps: int, noise: Noise) -> Codes:
        """Return new codes, int64 (n, voices, steps); row i uses row i of the noise."""
        voices = len(self._share)
        chance = noise.uniform(n, (voices, steps)).double().numpy()
        found = np.empty((n, voices, steps), dtype=np.int64)
        for voice, share in enumerate(self._share):
            sums, last = share.cumsum(1), np.full(n, self._size)
            for step in range(steps):
                last = (sums[last] <= chance[:, voice, step, None]).sum(1).clip(max=self._size - 1)
                found[:, voice, step] = last
        return found
