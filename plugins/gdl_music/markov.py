"""The baseline of all models of music: each voice by itself, each code by the note before and whether it is held."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gdl_core.noise import Noise
from gdl_music.grid import HOLD, REST

Codes = NDArray[np.int64]


class Markov:
    """Chains of notes, one for each voice, with a count added to every possible code (Laplace).

    What comes next is drawn by two things: the last code that was no hold, and whether a hold came after it.

    Args:
        codes: to learn from, int64 (n, voices, steps).
        size: how many codes there are.
    """

    def __init__(self, codes: Codes, size: int) -> None:
        voices = codes.shape[1]
        self._size = size
        counts = np.ones((voices, 2 * size + 1, size))  # the last row: nothing was before
        for voice in range(voices):
            np.add.at(counts[voice], (self._states(codes[:, voice]), codes[:, voice]), 1.0)
        self._share = counts / counts.sum(2, keepdims=True)

    def bits(self, codes: Codes) -> float:
        """Return -log₂ P of codes (n, voices, steps), all together."""
        total = 0.0
        for voice, share in enumerate(self._share):
            total -= float(np.log2(share[self._states(codes[:, voice]), codes[:, voice]]).sum())
        return total

    def sample(self, n: int, steps: int, noise: Noise) -> Codes:
        """Return new codes, int64 (n, voices, steps); row i uses row i of the noise."""
        voices = len(self._share)
        chance = noise.uniform(n, (voices, steps)).double().numpy()
        found = np.empty((n, voices, steps), dtype=np.int64)
        for voice, share in enumerate(self._share):
            sums, state = share.cumsum(1), np.full(n, 2 * self._size)
            for step in range(steps):
                code = (sums[state] <= chance[:, voice, step, None]).sum(1).clip(max=self._size - 1)
                found[:, voice, step] = code
                state = self._next(state, code)
        return found

    def _next(self, state: Codes, code: Codes) -> Codes:
        """Return the states after codes: 2 · code, and one more once it is held; what was held at first is a rest."""
        sounding = np.where(state < 2 * self._size, state // 2, REST)
        return np.where(code == HOLD, 2 * sounding + 1, 2 * code)

    def _states(self, codes: Codes) -> Codes:
        """Return the state before each code of one voice (n, steps), likewise."""
        found = np.empty(codes.shape, dtype=np.int64)
        state = np.full(len(codes), 2 * self._size)
        for step in range(codes.shape[1]):
            found[:, step] = state
            state = self._next(state, codes[:, step])
        return found
