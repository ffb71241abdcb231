"""The order in which samples are seen: a function of (seed, epoch) alone, so a resumed run goes on where it was."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gdl_core.noise import Noise


class Order:
    """Batches of row numbers, counted from 0 through all epochs.

    Every batch has the same size, so that shapes (and with them the speed and the bits of matrix libraries) stay the
    same. The `len(rows) % batch` rows that do not fill a batch are left out of that epoch; each epoch has an order of
    its own, so it is never the same rows. A set smaller than a batch makes one batch of all rows.

    Args:
        rows: the rows to train on, int64.
        batch: wanted size of a batch.
        noise: stream that the orders are drawn from.
    """

    def __init__(self, rows: NDArray[np.int64], batch: int, noise: Noise) -> None:
        self.rows = rows
        self.batch = min(batch, len(rows))
        self.per_epoch = len(rows) // self.batch
        self._noise = noise
        self._epoch = -1
        self._shuffled = rows

    def __getitem__(self, number: int) -> NDArray[np.int64]:
        """Return the rows of batch `number`, (batch,) int64."""
        epoch, position = divmod(number, self.per_epoch)
        if epoch != self._epoch:
            self._shuffled = self.rows[self._noise.stream(epoch).permutation(len(self.rows)).numpy()]
            self._epoch = epoch
        return self._shuffled[position * self.batch : (position + 1) * self.batch]
