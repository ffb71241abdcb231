"""Training samples in blocks, so that a set larger than memory can be fitted to."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from torch import Tensor

from gdl_core.data.dataset import Dataset

BLOCK = 1024


def blocks(dataset: Dataset, progress: Callable[[int, int], None]) -> Iterator[Tensor]:
    """Yield the training samples in their order, float32 (at most 1024, *data shape), and tell how far it is."""
    rows = dataset.train
    for start in range(0, len(rows), BLOCK):
        progress(start, len(rows))
        yield dataset.tensor(rows[start : start + BLOCK])


def evenly(dataset: Dataset, most_bytes: int) -> Tensor:
    """Return as many training samples as fit into so many bytes, spread over all: float32 (n, numbers)."""
    rows = dataset.train
    every = max(1, -(-len(rows) * 4 * dataset.data[0].size // most_bytes))
    return dataset.tensor(rows[::every]).flatten(1)
