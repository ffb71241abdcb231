"""The order of samples is a function of seed and epoch."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gdl_core.noise import Noise
from gdl_core.training.order import Order


@given(st.integers(1, 200), st.integers(1, 64), st.integers(0, 3))
def test_an_epoch_shows_each_row_at_most_once_in_batches_of_one_size(n: int, batch: int, epoch: int) -> None:
    rows = np.arange(n, dtype=np.int64) * 2
    order = Order(rows, batch, Noise(1))
    seen = np.concatenate([order[epoch * order.per_epoch + i] for i in range(order.per_epoch)])
    assert len(seen) == order.per_epoch * order.batch > n - order.batch
    assert len(set(seen.tolist())) == len(seen)
    assert set(seen.tolist()) <= set(rows.tolist())


def test_any_batch_can_be_asked_for_first() -> None:
    rows = np.arange(50, dtype=np.int64)
    forward = Order(rows, 8, Noise(1))
    batches = [forward[number] for number in range(20)]
    assert all((Order(rows, 8, Noise(1))[number] == batch).all() for number, batch in enumerate(batches))
    assert not (np.concatenate(batches[:6]) == np.concatenate(batches[6:12])).all(), "each epoch has its own order"
    assert not (Order(rows, 8, Noise(2))[0] == batches[0]).all()
